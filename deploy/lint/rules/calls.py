"""Function calls: that the function exists, stands alone, and gets the arguments it takes."""

from __future__ import annotations

from ..document import Report
from ..findings import nearest
from ..functions import FUNCTIONS, LATE, MANY
from ..nodes import Call, Mapping, Node, Scalar, Sequence, call, walk
from ..template import Template

_KINDS = {"text": ("text", "文本"), "list": ("a list", "列表"), "map": ("a mapping", "映射")}


def known(template: Template, report: Report) -> None:
    for site in template.sites:
        name = site.call.name
        if not site.opaque and name not in FUNCTIONS:
            report("WCN501", site.call.node.keys[name], name=name, hint=nearest(name, FUNCTIONS))


def alone(template: Template, report: Report) -> None:
    opaque = {id(site.call.node) for site in template.sites if site.opaque}
    for section in ("Conditions", "Resources", "Outputs"):
        for node in walk(template.section(section)):
            if isinstance(node, Mapping) and len(node.entries) > 1 and id(node) not in opaque:
                for name in node.entries:
                    if name in FUNCTIONS and name != "Ref":
                        report("WCN505", node.keys[name], name=name)


def arguments(template: Template, report: Report) -> None:
    for site in template.sites:
        wanted = FUNCTIONS.get(site.call.name)
        if wanted is None or site.opaque or call(site.call.argument) is not None:
            continue
        if site.call.name == "Fn::Sub":
            _substitution(site.call, report)
        elif wanted.most == 0:
            if wanted.kinds and not _is(site.call.argument, wanted.kinds[0]):
                _wrong_kind(site.call, 0, wanted.kinds[0], site.call.argument, report)
        else:
            _list(site.call, report)


def _list(found: Call, report: Report) -> None:
    wanted = FUNCTIONS[found.name]
    if not isinstance(found.argument, Sequence):
        if found.name == "Fn::GetAtt" and isinstance(found.argument, Scalar) and "." in found.argument.text:
            return  # the dotted form
        if wanted.least > 1 and not (isinstance(found.argument, Scalar) and found.argument.value is None):
            report("WCN502", found.argument, name=found.name, expected=_count(found.name), count="1")
        return
    items = found.argument.items
    if not wanted.least <= len(items) <= wanted.most:
        report(
            "WCN502", found.node.keys[found.name], name=found.name, expected=_count(found.name), count=str(len(items))
        )
        return
    for index, (item, kind) in enumerate(zip(items, wanted.kinds, strict=False)):
        if kind and not _is(item, kind):
            _wrong_kind(found, index, kind, item, report)


def _substitution(found: Call, report: Report) -> None:
    """`Fn::Sub: text` or `Fn::Sub: [text, {Name: value}]`."""
    items = found.arguments
    if isinstance(found.argument, Sequence) and len(items) != 2:
        report("WCN502", found.node.keys[found.name], name=found.name, expected="1–2", count=str(len(items)))
        return
    for index, (item, kind) in enumerate(zip(items, ("text", "map"), strict=False)):
        if not _is(item, kind):
            _wrong_kind(found, index, kind, item, report)


def _wrong_kind(found: Call, index: int, kind: str, place: Node, report: Report) -> None:
    expected, expected_zh = _KINDS[kind]
    report("WCN503", place, position=str(index + 1), name=found.name, expected=expected, expected_zh=expected_zh)


def _is(node: Node, kind: str) -> bool:
    if call(node) is not None:
        return True
    if kind == "text":
        return isinstance(node, Scalar) and node.value is not None
    if kind == "list":
        return isinstance(node, Sequence)
    return isinstance(node, Mapping)


def _count(name: str) -> str:
    wanted = FUNCTIONS[name]
    if wanted.least == wanted.most:
        return str(wanted.least)
    return f"≥ {wanted.least}" if wanted.most == MANY else f"{wanted.least}–{wanted.most}"


def early(template: Template, report: Report) -> None:
    for section, found in template.early_calls:
        if found.name in LATE:
            report("WCN504", found.node.keys[found.name], name=found.name, section=section)


RULES = (known, alone, arguments, early)
