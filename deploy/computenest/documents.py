"""The customer's page as the console shows it: one Markdown file that stands alone, away from the folder it was
written in.

pictures ─▶ uploaded, and named by their addresses;   links to other pages ─▶ to the site, or just their text
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import Failure
from . import Supplier

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


class Page:
    """`site` is where the pages that `make docs` builds can be read, if anywhere. Raises `Failure` for a page or a
    picture that is missing."""

    def __init__(self, path: Path, site: str = "") -> None:
        if not path.is_file():
            raise Failure(f"{path}: does not exist", "run this from a clone", code="Documents")
        self._path, self._site = path, site.rstrip("/")
        self._text = path.read_text(encoding="utf-8")
        self.pictures = [path.parent / m["target"] for m in _LINK.finditer(self._text) if m["picture"]]
        for picture in self.pictures:
            if not picture.is_file():
                raise Failure(f"{picture}: does not exist", "make it: python docs/images/make_screenshots.py",
                              code="Documents")  # fmt: skip

    def alone(self, addresses: dict[Path, str]) -> str:
        """The text with its pictures at `addresses`."""

        def replaced(match: re.Match[str]) -> str:
            text, target = match["text"], match["target"]
            if match["picture"]:
                return f"![{text}]({addresses[self._path.parent / target]})"
            if "://" in target or target.startswith("#"):
                return match[0]
            return f"[{text}]({self._on_site(target)})" if self._site else text

        return _LINK.sub(replaced, self._text)

    def upload(self, supplier: Supplier, tell: Callable[[str], None]) -> str:
        """Returns the page's address. Uploads first what it shows."""
        addresses = {}
        for path in self.pictures:
            tell(f"uploading {path.name}")
            addresses[path] = supplier.upload(path, public=True)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self._path.name
            copy.write_text(self.alone(addresses), encoding="utf-8")
            tell(f"uploading {copy.name}")
            return supplier.upload(copy, public=True)

    def _on_site(self, target: str) -> str:
        """`../settings.md#x` of docs/zh/customer.md is SITE/settings.html#x."""
        name, _, anchor = target.partition("#")
        docs = self._path.parent.parent
        page = (self._path.parent / name).resolve().relative_to(docs.resolve()).with_suffix(".html")
        return f"{self._site}/{page.as_posix()}{'#' if anchor else ''}{anchor}"
