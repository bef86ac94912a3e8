"""python docs/tables.py [--check]: the tables that come from the sources, in both languages.

config.yaml ─▶ specs.md, packages of customer.md;   the scripts' `fail CODE ZH EN` and the app's errors ─▶ errors.md
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
_SAID = r'"((?:\$\([^)]*\)|[^"])+)"'
_FAIL = re.compile(rf"fail ([a-z_]+) {_SAID} {_SAID}")
_ENGLISH = {"试用版": "trial", "标准版": "standard", "性能版": "performance", "旗舰版": "flagship", "集群版": "cluster",
            "集群旗舰版": "cluster, flagship"}  # fmt: skip
_NOTE = {
    "zh": "本文件由 `python docs/tables.py` 生成，请勿直接修改。",
    "en": "Made by `python docs/tables.py`: do not edit.",
}


def tables() -> dict[Path, str]:
    """File to text."""
    made = {}
    for language in ("zh", "en"):
        made[DOCS / language / "specs.md"] = _specs(language)
        made[DOCS / language / "errors.md"] = _errors(language)
        page = DOCS / language / "customer.md"
        before, start, rest = page.read_text(encoding="utf-8").partition("<!-- packages -->\n")
        made[page] = (
            f"{before}{start}\n{_packages(language)}\n<!-- /packages -->{rest.partition('<!-- /packages -->')[2]}"
        )
    return made


def _packages(language: str) -> str:
    """What can be chosen with one click, as customers read it."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    specs = {spec["Id"]: spec for spec in config["Catalog"]["Specs"]}
    zh = language == "zh"
    rows: list[tuple[object, ...]] = []
    for template in config["Service"]["DeployMetadata"]["TemplateConfigs"]:
        for package in template["PredefinedParameters"]:
            spec = specs[package["Parameters"]["InstanceType"]]
            name = package["Name"] if zh else f"{package['Name']}, {_ENGLISH[package['Name'].split()[0]]}"
            rows.append((name, *_spec_cells(spec)))
    head = (
        ("套餐", "实例规格", "vCPU", "内存", "GPU", "系统盘")
        if zh
        else ("Package", "Instance type", "vCPU", "Memory", "GPU", "System disk")
    )
    return "\n".join(_table(head, rows)) + "\n"


def _specs(language: str) -> str:
    catalog = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["Catalog"]
    zh = language == "zh"
    head = (
        ("实例规格", "vCPU", "内存", "GPU", "系统盘")
        if zh
        else ("Instance type", "vCPU", "Memory", "GPU", "System disk")
    )
    rows = [_spec_cells(spec) for spec in catalog["Specs"]]
    regions = [(f"`{region['Id']}`", region["Zh" if zh else "En"]) for region in catalog["Regions"]]
    models = catalog["Models"]
    names = " ".join(f"`{name}`" for name in models["Names"])
    return "\n".join([
        f"# {'规格、模型与地域' if zh else 'Specs, models and regions'}", "", _NOTE[language], "",
        f"## {'规格' if zh else 'Specs'}", "", *_table(head, rows), "",
        f"## {'模型' if zh else 'Models'}", "",
        f"{'默认' if zh else 'Default'}: `{models['Default']}`. {'可选' if zh else 'To choose from'}: {names}", "",
        f"## {'地域' if zh else 'Regions'}", "", *_table(("ID", "名称" if zh else "Name"), regions), "",
    ])  # fmt: skip


def _spec_cells(spec: dict[str, object]) -> tuple[object, ...]:
    gpu = f"{spec['Gpus']} × {spec['Gpu']} {spec['GpuMemory']} GB"
    return (f"`{spec['Id']}`", spec["Cpus"], f"{spec['Memory']} GiB", gpu, f"{spec['SystemDisk']} GB")


def _errors(language: str) -> str:
    zh = language == "zh"
    column = 1 if zh else 2
    head = ("代码", "提示") if zh else ("Code", "Message")
    start = [(f"`{found[0]}`", _plain(found[column])) for found in startup_codes()]
    app = [(f"`{found[0]}`", _plain(found[column])) for found in app_codes()]
    return "\n".join([
        f"# {'错误代码' if zh else 'Error codes'}", "", _NOTE[language], "",
        f"## {'部署、启动与升级' if zh else 'Deployment, startup and upgrade'}", "",
        "在服务实例的失败原因里，格式为 `代码 | 中文 | English`。" if zh else
        "In the reason of a service instance that failed, as `code | 中文 | English`.", "", *_table(head, start), "",
        f"## {'网页与接口' if zh else 'Page and API'}", "",
        "接口返回的 `error.code`。" if zh else "`error.code` of an answer.", "", *_table(head, app), "",
    ])  # fmt: skip


def startup_codes() -> list[tuple[str, str, str]]:
    """(code, Chinese, English) of every failure that a script can signal."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for path in [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / "ros_templates" / "src" / "startup.sh"]:
        for code, chinese, english in _FAIL.findall(path.read_text(encoding="utf-8")):
            found.setdefault((code, english), (code, chinese, english))
    return sorted(found.values())


def app_codes() -> list[tuple[str, str, str]]:
    """(code, Chinese, English) of every error that the app raises: calls with a code, `zh=` and `en=`."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for path in sorted((ROOT / "service_app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                words = {word.arg: word.value for word in node.keywords}
                first = node.args[0] if node.args else None
                if {"zh", "en"} <= words.keys() and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    row = (first.value, _text(words["zh"]), _text(words["en"]))
                    found.setdefault((row[0], row[2]), row)
    return sorted(found.values())


def _text(node: ast.expr) -> str:
    """A constant or f-string; what is filled in is shown as …"""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"


def _plain(text: str) -> str:
    """Shell substitutions are shown as …, too."""
    text = re.sub(r"\$\([^)]*\)|\$\{[^}]*\}(/\})?|\$[A-Za-z_0-9]+", "…", text)
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(map(str, row)) for row in rows)]
    return [f"| {line} |" for line in lines]


if __name__ == "__main__":
    made = tables()
    if "--check" in sys.argv:
        old = [str(path) for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
        sys.exit(f"not fresh: {', '.join(old)}; run: python docs/tables.py" if old else 0)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
