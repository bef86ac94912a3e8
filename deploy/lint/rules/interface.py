"""What people see in the console: labels in both languages, groups of parameters, tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ..document import Report
from ..findings import nearest
from ..nodes import Mapping, Node, Scalar, Sequence
from ..template import Template

LANGUAGES = ("en", "zh-cn")
_TAG = re.compile(r"acs(:[^:\s]([^:]*[^:\s])?){3}")  # the name of a template may have spaces


def labels(template: Template, report: Report) -> None:
    hidden = _hidden(template)
    for name, parameter in template.parameters.items():
        label = parameter.get("Label")
        if name in hidden:
            continue
        if label is None or not _is_bilingual(label):
            report("WCN210", label or template.section("Parameters").keys[name], name=name)


def texts(template: Template, report: Report) -> None:
    """Every other text for people that is there is there in both languages."""
    for what, node in _texts(template):
        if node is not None and not _is_bilingual(node):
            report("WCN707", node, what=what)


def _texts(template: Template) -> Iterator[tuple[str, Node | None]]:
    yield "Description", template.root.get("Description")
    for name, parameter in template.parameters.items():
        for key in ("Description", "ConstraintDescription"):
            yield f"{name}/{key}", parameter.get(key)
    for name, output in template.outputs.items():
        for key in ("Label", "Description"):
            yield f"{name}/{key}", output.get(key)
    for index, group in enumerate(_groups(template)):
        label = group.get("Label")
        default = label.get("default") if isinstance(label, Mapping) else None
        yield f"ParameterGroups/{index}/Label", default if default is not None else label


def _is_bilingual(node: Node) -> bool:
    return isinstance(node, Mapping) and {key.lower() for key in node.entries} >= set(LANGUAGES)


def groups(template: Template, report: Report) -> None:
    named = [name for group in _groups(template) for name in _names(group.get("Parameters"))]
    if not named:
        return
    keys = template.section("Parameters").keys
    counts = Counter(name.text for name in named)
    hidden = _hidden(template)
    seen: set[str] = set()
    for name in named:
        if name.text not in keys:
            if template.is_terraform:
                continue  # a variable of its files
            report("WCN703", name, name=name.text, hint=nearest(name.text, keys))
        elif name.text in seen:
            report("WCN705", name, name=name.text)
        seen.add(name.text)
    for text, key in keys.items():
        if text not in counts and text not in hidden:
            report("WCN704", key, name=text)


def _groups(template: Template) -> list[Mapping]:
    found = template.interface.get("ParameterGroups")
    return [group for group in found.items if isinstance(group, Mapping)] if isinstance(found, Sequence) else []


def _hidden(template: Template) -> set[str]:
    """Parameters that the form does not show."""
    return {name.text for name in _names(template.interface.get("Hidden"))}


def _names(node: Node | None) -> list[Scalar]:
    return [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []


def tags(template: Template, report: Report) -> None:
    for tag in _names(template.interface.get("TemplateTags")):
        if not _TAG.fullmatch(tag.text):
            report("WCN706", tag, tag=tag.text)


RULES = (labels, texts, groups, tags)
