"""Count and Locals: what multiplies resources, and what stands for a value."""

from __future__ import annotations

import re

from ..document import Report
from ..findings import nearest
from ..nodes import Mapping, Scalar, call
from ..template import Template
from .references import circles

_INDEX = "ALIYUN::Index"
_LOCAL_KEYS = ["Type", "Value", "Properties"]
_SECTIONS = (("Parameters", "parameter", "参数"), ("Resources", "resource", "资源"), ("Locals", "local", "局部变量"))


def numbers(template: Template, report: Report) -> None:
    for name, resource in template.resources.items():
        count = resource.get("Count")
        if count is None or call(count) is not None:
            continue
        text = count.text if isinstance(count, Scalar) else "a list or mapping"
        if not isinstance(count, Scalar) or isinstance(count.value, bool) or not re.fullmatch(r"\+?\d+", text.strip()):
            report("WCN314", count, name=name, value=text)


def index(template: Template, report: Report) -> None:
    """Locals may name it: their value stands where they are named."""
    for site in template.sites:
        if site.opaque or site.section == "Locals":
            continue
        counted = site.section == "Resources" and "Count" in template.resources.get(site.entry, Mapping(1, 1)).entries
        for use in template.uses(site) if not counted else ():
            if use.name == _INDEX:
                report("WCN409", use.place)


def locals_(template: Template, report: Report) -> None:
    section = template.section("Locals")
    for name, entry in section.entries.items():
        kind = entry.string("Type") or "Macro" if isinstance(entry, Mapping) else ""
        if not isinstance(entry, Mapping):
            report("WCN107", entry, name=f"Locals/{name}", expected="a mapping", expected_zh="映射")
            continue
        for key, place in entry.keys.items():
            if key not in _LOCAL_KEYS:
                hint = nearest(key, _LOCAL_KEYS)
                report("WCN112", place, name=name, problem=f"has the unknown key {key}",
                       problem_zh=f"中有未知的键 {key}", hint=hint)  # fmt: skip
        if kind.startswith("DATASOURCE::"):
            wrong = "Value" in entry.entries
        else:
            wrong = "Value" not in entry.entries or "Properties" in entry.entries
        if kind not in ("Macro", "Eval") and not kind.startswith("DATASOURCE::"):
            report("WCN112", entry.entries["Type"], name=name, problem=f"cannot be of Type {kind}",
                   problem_zh=f"的 Type 不能为 {kind}", hint=nearest(kind, ("Macro", "Eval")))  # fmt: skip
        elif wrong:
            report("WCN112", section.keys[name], name=name,
                   problem="needs a Value, or with a data source's Type its Properties",
                   problem_zh="需要 Value；Type 为数据源时需要 Properties")  # fmt: skip


def local_circles(template: Template, report: Report) -> None:
    names = template.section("Locals").entries
    edges: dict[str, set[str]] = {name: set() for name in names}
    for site in template.sites:
        if site.section == "Locals" and not site.opaque:
            edges[site.entry] |= {use.name for use in template.uses(site)} & names.keys()
    for circle in circles(edges):
        report("WCN407", template.section("Locals").keys[circle[0]], path=" → ".join([*circle, circle[0]]))


def unique(template: Template, report: Report) -> None:
    taken: dict[str, tuple[str, str]] = {}
    for section, kind, kind_zh in _SECTIONS:
        for name, place in template.section(section).keys.items():
            if name in taken:
                report("WCN113", place, name=name, other=taken[name][0], other_zh=taken[name][1])
            taken.setdefault(name, (kind, kind_zh))


RULES = (numbers, index, locals_, local_circles, unique)
