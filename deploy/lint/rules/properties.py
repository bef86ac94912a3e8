"""Resources against the schema: types, properties, and the values that are written out."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from .. import schema
from ..document import Report
from ..findings import nearest
from ..nodes import Mapping, Node, Scalar, Sequence, call
from ..schema import Property
from ..template import Template, values

_TAG = {"Key": Property("string", required=True), "Value": Property("string")}
_OPEN_PREFIXES = ("Custom::", "MODULE::")


def types(template: Template, report: Report) -> None:
    for name, resource in template.resources.items():
        kind = resource.get("Type")
        if not isinstance(kind, Scalar) or kind.value is None:
            report("WCN301", template.section("Resources").keys[name], name=name)
            continue
        if schema.resource(kind.text) is not None or kind.text.startswith(_OPEN_PREFIXES):
            continue
        if template.is_transformed(kind.text):
            continue
        if schema.may_exist(kind.text):
            report("WCN303", kind, type=kind.text)
        else:
            report("WCN302", kind, type=kind.text, hint=schema.nearest_type(kind.text))


def properties(template: Template, report: Report) -> None:
    names = template.section("Resources").keys
    for name, resource in template.resources.items():
        kind = resource.string("Type") or ""
        known = schema.resource(kind)
        given = resource.get("Properties")
        if known is None or call(given) is not None or isinstance(given, Sequence):
            continue
        found = given if isinstance(given, Mapping) else Mapping(names[name].line, names[name].column)
        _Check(kind, known, report).structure(found, known.properties, "", names[name])


@dataclass(frozen=True, slots=True)
class _Check:
    """One resource. `path` names a property within it, as `DiskMappings/0/Size`."""

    type: str
    schema: schema.Resource
    report: Report

    def structure(self, node: Mapping, known: dict[str, Property], path: str, place: Node) -> None:
        for name, value in node.entries.items():
            where = f"{path}{name}"
            if name in known:
                self.value(value, known[name], where)
            elif not path and name in self.schema.retired:
                self.report("WCN312", node.keys[name], type=self.type, path=where)
            elif not name.startswith("Fn::"):
                self.report("WCN305", node.keys[name], type=self.type, path=where, hint=nearest(name, known))
        for name, wanted in known.items():
            given = node.get(name)
            if wanted.required and (given is None or (isinstance(given, Scalar) and given.value is None)):
                self.report("WCN306", place, type=self.type, path=f"{path}{name}")

    def value(self, node: Node, wanted: Property, path: str) -> None:
        for each in values(node):
            if not _is_decided_later(each):
                self.literal(each, wanted, path)

    def literal(self, node: Node, wanted: Property, path: str) -> None:
        outer, _, inner = wanted.type.partition(":")
        if outer == "any":
            return
        if outer == "list":
            self.items(node, wanted, inner, path)
        elif outer in ("hash", "map", "tag") or outer.startswith("@"):
            self.mapping(node, outer, inner, path)
        elif isinstance(node, Scalar):
            self.scalar(node, wanted, path)
        else:
            found = "a list" if isinstance(node, Sequence) else "a mapping"
            self.report("WCN307", node, path=path, expected=outer, found=found)

    def items(self, node: Node, wanted: Property, inner: str, path: str) -> None:
        if not isinstance(node, Sequence):
            if not (isinstance(node, Scalar) and node.text.startswith("[")):
                found = node.text if isinstance(node, Scalar) else "a mapping"
                self.report("WCN307", node, path=path, expected="list", found=found)
            return
        self.length(node, len(node.items), wanted, path)
        for index, item in enumerate(node.items):
            self.value(item, Property(inner), f"{path}/{index}")

    def mapping(self, node: Node, outer: str, inner: str, path: str) -> None:
        if not isinstance(node, Mapping):
            if not (isinstance(node, Scalar) and node.text.lstrip().startswith("{")):
                found = node.text if isinstance(node, Scalar) else "a list"
                self.report("WCN307", node, path=path, expected="mapping", found=found)
        elif outer == "hash":
            for key, value in node.entries.items():
                self.value(value, Property(inner), f"{path}/{key}")
        elif outer != "map":
            known = _TAG if outer == "tag" else self.schema.structures[outer[1:]]
            self.structure(node, known, f"{path}/", node)

    def scalar(self, node: Scalar, wanted: Property, path: str) -> None:
        text = node.text
        number: float | None = None
        if wanted.type == "boolean" and text.lower() not in ("true", "false"):
            self.report("WCN307", node, path=path, expected="boolean", found=text)
            return
        if wanted.type == "number":
            with suppress(ValueError):
                number = None if isinstance(node.value, bool) else float(text)
            if number is None:
                self.report("WCN307", node, path=path, expected="number", found=text)
                return
        if not text:
            return  # the service takes an empty value as none
        if wanted.values and not _is_one_of(text, number, wanted.values):
            hint = nearest(text, map(str, wanted.values))
            allowed = ", ".join(str(each) for each in wanted.values)
            self.report("WCN308", node, path=path, value=text, allowed=allowed, hint=hint)
        if number is not None and not _within(number, wanted.min, wanted.max):
            self.report("WCN309", node, path=path, value=text, range=_range(wanted.min, wanted.max))
        if wanted.type == "string":
            self.length(node, len(text), wanted, path)
        if wanted.pattern is not None:
            with suppress(re.error):  # a JavaScript pattern that Python cannot read
                if not re.search(wanted.pattern, text):
                    self.report("WCN311", node, path=path, value=text, pattern=wanted.pattern)

    def length(self, node: Node, length: int, wanted: Property, path: str) -> None:
        if not _within(length, wanted.min_length, wanted.max_length):
            limits = _range(wanted.min_length, wanted.max_length)
            self.report("WCN310", node, path=path, length=str(length), range=limits)


def _is_decided_later(node: Node) -> bool:
    """A function, even one with a key too many, or a `{{resolve:…}}`; null is as good as absent."""
    if isinstance(node, Mapping):
        return any(key == "Ref" or key.startswith("Fn::") for key in node.entries)
    return isinstance(node, Scalar) and (node.value is None or "{{" in node.text)


def _is_one_of(text: str, number: float | None, allowed: tuple[str | int | float | bool, ...]) -> bool:
    """The service compares numbers by value and takes true and True alike."""
    if text.lower() in ("true", "false"):
        return text.lower() in {str(each).lower() for each in allowed}
    return text in {str(each) for each in allowed} or (number is not None and number in allowed)


def _within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"≤ {high}"
    return f"≥ {low}" if high is None else f"{low}–{high}"


RULES = (types, properties)
