"""python assets/make.py [--check]: the pictures that the service shows.

ros_templates/*.yaml ─▶ assets/*-architecture.svg;  every SVG here ─▶ PNG, by Debian's headless Chromium
A PNG holds the SHA-256 of its SVG: `--check` needs no browser to tell whether a picture is fresh.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import yaml
from diagram import diagram
from PIL import Image, PngImagePlugin

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE.parent / "ros_templates"
SCALE = 2
MARK = "svg-sha256"


def drawn() -> dict[Path, str]:
    """The SVG files that come from templates, as they should be."""
    return {
        HERE / f"{template.stem}-architecture.svg": diagram(yaml.safe_load(template.read_text(encoding="utf-8")))
        for template in sorted(TEMPLATES.glob("*.yaml"))
    }


def stale() -> list[Path]:
    """The pictures that are missing or not made from what is there now."""
    old = [path for path, text in drawn().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for svg in sorted(HERE.glob("*.svg")):
        png = svg.with_suffix(".png")
        if not png.is_file() or Image.open(png).info.get(MARK) != digest(svg):
            old.append(png)
    return old


def digest(svg: Path) -> str:
    return hashlib.sha256(svg.read_bytes()).hexdigest()


def make() -> None:
    from playwright.sync_api import sync_playwright

    for path, text in drawn().items():
        path.write_text(text, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=SCALE)
        for svg in sorted(HERE.glob("*.svg")):
            png = svg.with_suffix(".png")
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{svg.read_text(encoding='utf-8')}")
            if svg.stem == "logo":
                page.add_style_tag(content="svg{width:128px;height:128px}")
            page.locator("svg").screenshot(path=png, omit_background=True)
            _mark(png, digest(svg))
        browser.close()


def _mark(png: Path, value: str) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text(MARK, value)
    with Image.open(png) as image:
        image.quantize(128).save(png, pnginfo=note, optimize=True)


if __name__ == "__main__":
    if "--check" in sys.argv:
        old = stale()
        sys.exit(f"not fresh: {', '.join(map(str, old))}; run: python assets/make.py" if old else 0)
    make()
