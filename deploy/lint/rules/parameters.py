"""Parameters: their keys, their types, and a Default that the service would accept."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from ..associations import associations
from ..document import Report
from ..findings import nearest
from ..nodes import Mapping, Node, Scalar, Sequence
from ..template import Template, metadata_references

TYPES = (
    "String",
    "Number",
    "CommaDelimitedList",
    "Json",
    "Boolean",
    "ALIYUN::OOS::Parameter::Value",
    "ALIYUN::OOS::SecretParameter::Value",
)
KEYS = [
    "Type",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "NoEcho",
    "Description",
    "ConstraintDescription",
    "Label",
    "Confirm",
    "TextArea",
    "Required",
    "Placeholder",
    "AssociationProperty",
    "AssociationPropertyMetadata",
]
_BOUNDS = (("MinLength", "MaxLength"), ("MinValue", "MaxValue"))
# What the console's form itself provides.
_FORM_NAMES = ("RegionId",)
_BOOLEAN_WORDS = ("true", "false")
_SAME_BUT_A_LETTER = 0.94


def keys_and_type(template: Template, report: Report) -> None:
    for name, parameter in template.parameters.items():
        for key, place in parameter.keys.items():
            if key not in KEYS:
                report("WCN202", place, name=name, key=key, hint=nearest(key, KEYS))
        kind = parameter.get("Type")
        if kind is None:
            report("WCN201", template.section("Parameters").keys[name], name=name, found="missing")
        elif not isinstance(kind, Scalar) or kind.text not in TYPES:
            found = kind.text if isinstance(kind, Scalar) else "a list or mapping"
            report("WCN201", kind, name=name, found=found, hint=nearest(found, TYPES))


def unused(template: Template, report: Report) -> None:
    if template.is_terraform:
        return
    for name, key in template.section("Parameters").keys.items():
        if name not in template.used_names:
            report("WCN209", key, name=name)


def bounds(template: Template, report: Report) -> None:
    """Lengths and values are limited by numbers, the lower one first."""
    for name, parameter in template.parameters.items():
        for low, high in _BOUNDS:
            numbers = []
            for key in (low, high):
                node = parameter.get(key)
                number = _number(node)
                if number is not None:
                    numbers.append(number)
                elif node is not None:
                    report("WCN206", node, name=name, key=key, value=_text(node), type="Number")
            if len(numbers) == 2 and numbers[0] > numbers[1]:
                report("WCN207", parameter.keys[low], name=name, low=low, high=high)


def switches(template: Template, report: Report) -> None:
    for name, parameter in template.parameters.items():
        for key in ("NoEcho", "Confirm", "TextArea", "Required"):
            node = parameter.get(key)
            if key == "Required" and isinstance(node, Mapping):
                continue  # a condition over other parameters
            if node is not None and _text(node).lower() not in _BOOLEAN_WORDS:
                report("WCN206", node, name=name, key=key, value=_text(node), type="Boolean")


def allowed(template: Template, report: Report) -> None:
    """AllowedValues is a list of the parameter's type, AllowedPattern a regular expression."""
    for name, parameter in template.parameters.items():
        values = parameter.get("AllowedValues")
        if isinstance(values, Sequence):
            for item in values.items if parameter.string("Type") == "Number" else ():
                if _number(item) is None and not _is_null(item):
                    report("WCN206", item, name=name, key="AllowedValues", value=_text(item), type="Number")
        elif values is not None:
            report("WCN107", values, name=f"AllowedValues of {name}", expected="a list", expected_zh="列表")
        pattern = parameter.get("AllowedPattern")
        if isinstance(pattern, Scalar):
            try:
                re.compile(pattern.text)
            except re.error as problem:
                report("WCN208", pattern, name=name, problem=str(problem))


def default(template: Template, report: Report) -> None:
    """A Default that its own parameter forbids makes every form invalid until it is changed."""
    for name, parameter in template.parameters.items():
        node = parameter.get("Default")
        kind = parameter.string("Type") or "String"
        if node is None or (isinstance(node, Scalar) and node.value is None) or kind.startswith("ALIYUN::"):
            continue
        if not _has_type(node, kind):
            report("WCN206", node, name=name, key="Default", value=_text(node), type=kind)
            continue
        items = _items(node) if kind == "CommaDelimitedList" else [_text(node)]
        _in_allowed_values(name, parameter, node, items, report)
        pattern = parameter.string("AllowedPattern")
        if pattern is not None and isinstance(node, Scalar):
            with suppress(re.error):  # a broken pattern is reported by its own rule
                if not re.match(pattern, node.text):
                    report("WCN204", node, name=name, value=node.text)
        measures = {"Length": float(len(node.text)) if isinstance(node, Scalar) else None, "Value": _number(node)}
        for low, high in _BOUNDS:
            measure = measures[low[3:]]
            for key, sign in ((low, 1), (high, -1)):
                bound = _number(parameter.get(key))
                if bound is not None and measure is not None and sign * measure < sign * bound:
                    report("WCN205", node, name=name, value=_text(node), bound=key, limit=f"{bound:g}")


def _in_allowed_values(name: str, parameter: Mapping, node: Node, items: list[str], report: Report) -> None:
    choices = parameter.get("AllowedValues")
    if not isinstance(choices, Sequence):
        return
    texts = {_canonical(each) for each in choices.items}
    whole = _canonical(node)
    for item in items:
        if item not in texts and item.lower() not in texts and whole not in texts:
            report("WCN203", node, name=name, value=item)


def association_metadata(template: Template, report: Report) -> None:
    if template.is_terraform:
        return  # the other may be a variable of its files
    known = {*template.parameters, *_FORM_NAMES}
    for name, parameter in template.parameters.items():
        metadata = parameter.get("AssociationPropertyMetadata")
        nested = _nested_names(metadata)
        for other, place in metadata_references(parameter):
            first = other.split(".")[0]
            if first and first not in known and first not in nested and not first.startswith("ALIYUN::"):
                where = template.place_in(place, place.text.find("${" + other))
                report("WCN211", where, name=name, other=other, hint=nearest(first, template.parameters))


def association(template: Template, report: Report) -> None:
    """Only what differs by a letter from a known one: the console may know more than this list."""
    for name in template.parameters:
        value = template.parameters[name].get("AssociationProperty")
        if isinstance(value, Scalar) and value.value is not None and value.text not in associations():
            hint = nearest(value.text, sorted(associations()), _SAME_BUT_A_LETTER)
            if hint:
                report("WCN212", value, value=value.text, hint=hint)


def _nested_names(metadata: Node | None) -> set[str]:
    """The names in `Parameters` of a List[Parameters] or Json association, at any depth."""
    names: set[str] = set()
    stack = [metadata] if metadata is not None else []
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            names |= set((node.mapping("Parameters") or Mapping(0, 0)).entries)
            stack.extend(node.entries.values())
        elif isinstance(node, Sequence):
            stack.extend(node.items)
    return names


def _is_null(node: Node) -> bool:
    """ROS takes null among the values of any type: the parameter may then be left empty."""
    return isinstance(node, Scalar) and node.value is None


def _has_type(node: Node, kind: str) -> bool:
    if kind == "Number":
        return _number(node) is not None
    if kind == "Boolean":
        return _text(node).lower() in _BOOLEAN_WORDS
    if kind == "Json":
        return not isinstance(node, Scalar) or _is_json(node.text)
    if kind == "CommaDelimitedList":
        return isinstance(node, (Scalar, Sequence))
    return isinstance(node, Scalar)


def _is_json(text: str) -> bool:
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True


def _items(node: Node) -> list[str]:
    if isinstance(node, Sequence):
        return [_canonical(item) for item in node.items]
    return [item.strip() for item in _text(node).split(",") if item.strip()]


def _canonical(node: Node) -> str:
    """Booleans and numbers compare by value, so that `true` allows 'True' and 1.0 allows 1."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return str(node.value).lower()
    return _text(node)


def _number(node: Node | None) -> float | None:
    if not isinstance(node, Scalar) or isinstance(node.value, bool):
        return None
    try:
        return float(node.text)
    except ValueError:
        return None


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else "a list or mapping"


RULES = (keys_and_type, unused, bounds, switches, allowed, default, association, association_metadata)
