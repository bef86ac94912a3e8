"""A template as ROS sees it: its sections, and every reference and function call in it, found in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .nodes import Call, Mapping, Node, Scalar, Sequence, call, children, is_no_value, scalars

_SUB = re.compile(r"\$\{(!?)([^}]+)\}")
_METADATA = re.compile(r"\$\{([A-Za-z0-9_.:\[\]-]+)\}")
_INDEX = re.compile(r"\[[^\]]*\]$")
SERVERLESS = "Aliyun::Serverless-2018-04-03"
_TEMPLATES_WITHIN = {
    "ALIYUN::OOS::Template": ("Content",),
    "ALIYUN::ROS::Stack": ("TemplateBody",),
    "ALIYUN::ROS::StackGroup": ("TemplateBody",),
    "ALIYUN::ROS::Template": ("TemplateBody",),
}


@dataclass(frozen=True, slots=True)
class At:
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Use:
    """A name that a template refers to, and where. `attribute` is set for what `Fn::GetAtt` asks."""

    name: str
    place: At
    attribute: str | None = None
    attribute_place: At | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A function call and the entry that it stands in, as `Resources/Ecs` or `Outputs/Address`."""

    call: Call
    section: str
    entry: str
    opaque: bool = False
    """The call stands in a template within the template, which has names and functions of its own."""


class Template:
    """`root` is the whole file; sections that are missing or of the wrong shape are empty here."""

    def __init__(self, root: Mapping, text: str) -> None:
        self.root = root
        self.text = text
        self._lines = text.splitlines()

    def section(self, name: str) -> Mapping:
        return self.root.mapping(name) or Mapping(self.root.line, self.root.column)

    @cached_property
    def parameters(self) -> dict[str, Mapping]:
        return _mappings(self.section("Parameters"))

    @cached_property
    def resources(self) -> dict[str, Mapping]:
        return _mappings(self.section("Resources"))

    @cached_property
    def conditions(self) -> dict[str, Node]:
        return self.section("Conditions").entries

    @cached_property
    def outputs(self) -> dict[str, Mapping]:
        return _mappings(self.section("Outputs"))

    @cached_property
    def names(self) -> set[str]:
        """What `Ref` may name besides pseudo parameters."""
        return {
            *self.section("Parameters").entries,
            *self.section("Resources").entries,
            *self.section("Locals").entries,
        }

    @property
    def is_terraform(self) -> bool:
        """Terraform files make the resources; they may name variables that are no parameters here."""
        return {"Transform", "Workspace"} <= self.root.entries.keys()

    def is_transformed(self, type_name: str) -> bool:
        """Whether ROS makes other resources of this one before it reads the template."""
        return self.root.string("Transform") == SERVERLESS and type_name.startswith("Aliyun::Serverless::")

    @cached_property
    def interface(self) -> Mapping:
        metadata = self.section("Metadata")
        return metadata.mapping("ALIYUN::ROS::Interface") or Mapping(metadata.line, metadata.column)

    @cached_property
    def sites(self) -> list[Site]:
        found = []
        for section in ("Conditions", "Rules", "Locals", "Resources", "Outputs"):
            for entry, node in self.section(section).entries.items():
                inner = _templates_within(node)
                found += [Site(each, section, entry) for each in _calls(node, without=inner)]
                found += [Site(each, section, entry, opaque=True) for child in inner for each in _calls(child)]
        return found

    @cached_property
    def early_calls(self) -> list[tuple[str, Call]]:
        """What is worked out before any resource exists, with the name of its place."""
        found = [(site.section, site.call) for site in self.sites if site.section in ("Conditions", "Rules")]
        counts = [resource.entries["Count"] for resource in self.resources.values() if "Count" in resource.entries]
        return [*found, *(("Count", each) for count in counts for each in _calls(count))]

    def uses(self, site: Site) -> Iterator[Use]:
        """The parameters, resources and attributes that one call names."""
        name, argument = site.call.name, site.call.argument
        if name == "Ref" and isinstance(argument, Scalar):
            yield Use(argument.text, At(argument.line, argument.column))
        elif name == "Fn::GetAtt" and isinstance(argument, Sequence) and len(argument.items) == 2:
            resource, attribute = argument.items
            if isinstance(resource, Scalar):
                literal = attribute.text if isinstance(attribute, Scalar) else ""
                yield Use(
                    resource.text, At(resource.line, resource.column), literal, At(attribute.line, attribute.column)
                )
        elif name == "Fn::GetAtt" and isinstance(argument, Scalar) and "." in argument.text:
            resource_name, _, attribute_name = argument.text.partition(".")
            place = At(argument.line, argument.column)
            yield Use(resource_name, place, attribute_name, place)
        elif name == "Fn::Sub":
            yield from self.substitutions(site.call)

    def substitutions(self, found: Call) -> Iterator[Use]:
        """The `${Name}` and `${Resource.Attribute}` of an `Fn::Sub` that its own variables do not answer."""
        text, *rest = found.arguments
        variables = rest[0].entries if rest and isinstance(rest[0], Mapping) else {}
        if not isinstance(text, Scalar):
            return
        for match in _SUB.finditer(text.text):
            literal, name = match[1], match[2].strip()
            if literal or name in variables:
                continue
            place = self.place_in(text, match.start())
            resource, dot, attribute = name.partition(".")
            if dot and name not in self.names:
                yield Use(resource, place, attribute, place)
            else:
                yield Use(name, place)

    def place_in(self, node: Scalar, offset: int) -> At:
        """Where a character of a text stands in the file. Exact for one-line texts and `|` blocks."""
        if node.style == "|":
            line = node.line + 1 + node.text.count("\n", 0, offset)
            start = 0
        elif "\n" not in node.text:
            line, start = node.line, node.column - 1
        else:
            return At(node.line, node.column)
        word = node.text[offset : offset + 60].partition("\n")[0].partition("}")[0]
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        begin = node.text.rfind("\n", 0, offset) + 1
        indent = source.find(node.text[begin:].partition("\n")[0], start) if start == 0 else start
        column = source.find(word, max(indent, 0) + (offset - begin))
        return At(line, column + 1) if column >= 0 else At(node.line, node.column)

    @cached_property
    def used_names(self) -> set[str]:
        """Every name that something refers to, in functions, in the console's metadata and in Rules."""
        names = {use.name for site in self.sites for use in self.uses(site)}
        for parameter in self.parameters.values():
            names |= {name.split(".")[0] for name, _ in metadata_references(parameter)}
        return names

    def bare(self, name: str) -> str:
        """A resource with Count is named with an index: `Servers[0]`."""
        return _INDEX.sub("", name)


def metadata_references(parameter: Mapping) -> Iterator[tuple[str, Scalar]]:
    """The `${Name}` with which the console's form makes one parameter depend on others."""
    for key in ("AssociationPropertyMetadata", "Required"):
        for scalar in scalars(parameter.get(key)):
            for match in _METADATA.finditer(scalar.text):
                yield match[1], scalar


def values(node: Node) -> Iterator[Node]:
    """A property's possible literal values: both sides of `Fn::If`, without `ALIYUN::NoValue`."""
    found = call(node)
    if found is not None and found.name == "Fn::If" and len(found.arguments) == 3:
        for side in found.arguments[1:]:
            yield from values(side)
    elif not is_no_value(node):
        yield node


def _templates_within(entry: Node) -> list[Node]:
    """The properties of a resource that hold a whole ROS or OOS template."""
    if not isinstance(entry, Mapping) or not (properties := entry.mapping("Properties")):
        return []
    names = _TEMPLATES_WITHIN.get(entry.string("Type") or "", ())
    return [properties.entries[name] for name in names if name in properties.entries]


def _calls(node: Node, without: Iterable[Node] = ()) -> Iterator[Call]:
    stack = [node]
    while stack:
        current = stack.pop()
        if any(current is each for each in without):
            continue
        found = call(current)
        if found is not None:
            yield found
        stack.extend(reversed(list(children(current))))


def _mappings(section: Mapping) -> dict[str, Mapping]:
    return {name: node for name, node in section.entries.items() if isinstance(node, Mapping)}
