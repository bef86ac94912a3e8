"""Text to nodes: YAML or JSON, with every place kept. Whatever hides a fault from a reader is a finding here: keys
that appear twice, `no` read as false, 22:30 read as 1350, aliases that explode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import yaml

from .findings import Place
from .functions import FUNCTIONS
from .nodes import Mapping, Node, Scalar, Sequence

MAX_NODES = 500_000
MAX_DEPTH = 100

Report = Callable[..., None]
"""`report(code, place, **words)`."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"true", "false"}
_STANDARD_TAGS = "tag:yaml.org,2002:"
_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


class UnreadableError(Exception):
    """The text is neither YAML nor JSON; already reported."""


def parse(text: str, report: Report) -> Node | None:
    """The tree of a template, None for an empty file. Raises UnreadableError after reporting why."""
    source = _json_as_yaml(text)
    try:
        deep = _too_deep(source)
        if deep is not None:
            report("WCN101", deep, problem=f"nested more than {MAX_DEPTH} levels deep")
            raise UnreadableError
        loader = _LOADER(source)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        return None if root is None else _Builder(report).build(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (
            SimpleNamespace(line=mark.line + 1, column=mark.column + 1) if mark else SimpleNamespace(line=1, column=1)
        )
        tab = mark is not None and _at(source, mark) == "\t"
        problem = "a tab cannot indent; use spaces" if tab else error.problem or str(error)
        report("WCN101", place, problem=problem)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = SimpleNamespace(line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        # The C reader gives the code of the character, the other one the character.
        code = error.character if isinstance(error.character, int) else ord(error.character)
        report("WCN101", place, problem=f"{error.reason}: #x{code:04x}")
    raise UnreadableError


def _at(source: str, mark: yaml.Mark) -> str:
    """The character that a complaint points at."""
    lines = source.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    return line[mark.column : mark.column + 1]


def _too_deep(source: str) -> Place | None:
    """Where the nesting passes the limit. Looked for beforehand, because the C composer dies of it."""
    depth = 0
    for event in yaml.parse(source, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return _place(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _json_as_yaml(text: str) -> str:
    """JSON is YAML but for tabs between tokens and surrogate pairs; both are rewritten without moving anything."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return text
    return _SURROGATES.sub(lambda pair: f"\\U{ord(_surrogate_pair(pair[0])):08x}  ", text.replace("\t", " "))


def _surrogate_pair(text: str) -> str:
    high, low = int(text[2:6], 16), int(text[8:12], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


class _Builder:
    """One conversion. An aliased node is converted once and shared; its weight counts at each use."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.done: dict[int, tuple[Node, int, int]] = {}
        self.open: set[int] = set()
        self.construct = yaml.SafeLoader("").construct_object

    def build(self, root: yaml.Node) -> Node:
        node, weight, height = self.convert(root)
        if weight > MAX_NODES or height > MAX_DEPTH:
            self.report("WCN110", node, nodes=str(MAX_NODES), levels=str(MAX_DEPTH))
            raise UnreadableError
        return node

    def convert(self, source: yaml.Node) -> tuple[Node, int, int]:
        """The node, how many nodes it stands for with its aliases resolved, and how many levels."""
        known = self.done.get(id(source))
        if known is not None:
            return known
        if id(source) in self.open:
            self.report("WCN101", _place(source), problem="an alias contains itself")
            raise UnreadableError
        self.open.add(id(source))
        place = _place(source)
        node: Node
        weight, height = 1, 0
        if isinstance(source, yaml.MappingNode):
            node = Mapping(place.line, place.column)
            for key, value in self.entries(source, node):
                node.entries[key], size, levels = self.convert(value)
                weight, height = weight + size, max(height, levels)
        elif isinstance(source, yaml.SequenceNode):
            node = Sequence(place.line, place.column)
            for item in source.value:
                child, size, levels = self.convert(item)
                node.items.append(child)
                weight, height = weight + size, max(height, levels)
        else:
            assert isinstance(source, yaml.ScalarNode)
            node = self.scalar(source, place)
        if not source.tag.startswith(_STANDARD_TAGS):
            node = self.tagged(source.tag, node)
        self.open.discard(id(source))
        self.done[id(source)] = node, weight, height + 1
        return node, weight, height + 1

    def entries(self, source: yaml.MappingNode, node: Mapping) -> Iterator[tuple[str, yaml.Node]]:
        """The pairs of a mapping in order, those of `<<` before its own; each name once."""
        is_merge = [key.tag == _STANDARD_TAGS + "merge" for key, _ in source.value]
        for (_, value), merged in zip(source.value, is_merge, strict=True):
            for name, inherited in self.merge(value) if merged else ():
                node.keys[name.text] = name
                yield name.text, inherited
        own: dict[str, Scalar] = {}
        for (key, value), merged in zip(source.value, is_merge, strict=True):
            if merged:
                continue
            name = self.key(key)
            if name.text in own:
                self.report("WCN102", name, key=name.text, first=str(own[name.text].line))
                continue
            own[name.text] = node.keys[name.text] = name
            yield name.text, value

    def key(self, source: yaml.Node) -> Scalar:
        place = _place(source)
        if isinstance(source, yaml.ScalarNode):
            return self.scalar(source, place)
        self.report("WCN101", place, problem="a key must be a word")
        raise UnreadableError

    def merge(self, value: yaml.Node) -> list[tuple[Scalar, yaml.Node]]:
        """What `<<: *other` brings in; of several sources the first wins."""
        maps = value.value if isinstance(value, yaml.SequenceNode) else [value]
        return [
            (self.key(key), inherited)
            for each in reversed(maps)
            if isinstance(each, yaml.MappingNode)
            for key, inherited in each.value
        ]

    def scalar(self, source: yaml.ScalarNode, place: Place) -> Scalar:
        text = source.value
        kind = source.tag.removeprefix(_STANDARD_TAGS)
        value: str | int | float | bool | None = text
        if kind in ("bool", "int", "float"):
            value = self.construct(source)
        elif kind == "null":
            value = None
        node = Scalar(place.line, place.column, text, value, source.style or None)
        if kind in ("bool", "int", "float") and not source.style and not _plain(kind, text, value):
            self.report("WCN103", node, text=text, value=str(value).lower() if kind == "bool" else str(value))
        return node

    def tagged(self, tag: str, node: Node) -> Node:
        """`!Ref X` as the call `{Ref: X}`."""
        short = tag.removeprefix("!")
        name = short if short == "Ref" else f"Fn::{short}"
        if name not in FUNCTIONS:
            self.report("WCN111", node, tag=tag)
            return node
        if name == "Fn::GetAtt" and isinstance(node, Scalar):
            node = _dotted(node)
        key = Scalar(node.line, node.column, name, name)
        return Mapping(node.line, node.column, {name: node}, {name: key}, tag)


def _dotted(node: Scalar) -> Sequence:
    """`Stack.Outputs.Key` names the attribute `Outputs.Key`; any other dots before the last belong to the resource."""
    resource, found, attribute = node.text.partition(".Outputs.")
    if not found:
        resource, _, attribute = node.text.rpartition(".")
    else:
        attribute = f"Outputs.{attribute}"
    parts = [part for part in (resource, attribute) if part]
    return Sequence(node.line, node.column, [Scalar(node.line, node.column, part, part) for part in parts])


def _plain(kind: str, text: str, value: object) -> bool:
    """Whether the words of the file and the value read from them are the same to a human."""
    if kind == "bool":
        return text.lower() in _BOOLEANS
    if kind == "int":
        return text.lstrip("+") == str(value)
    return ":" not in text and "_" not in text and (text.lstrip("+") == str(value) or not text.endswith("0"))


def _place(node: yaml.Node | yaml.Event) -> Place:
    mark = node.start_mark
    assert mark is not None
    return SimpleNamespace(line=mark.line + 1, column=mark.column + 1)
