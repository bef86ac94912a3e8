"""A template as a tree in which every node knows its place: line and column count from 1, as editors show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf. `text` is what the file says without quotes, `value` what a YAML 1.1 reader makes of it."""

    line: int
    column: int
    text: str
    value: str | int | float | bool | None
    style: str | None = None
    """None for a plain scalar, else the quote or the sign of the block (`|`, `>`)."""


@dataclass(slots=True, eq=False)
class Sequence:
    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    line: int
    column: int
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    tag: str | None = None
    """The short tag (`!Ref`) that this function call was written with."""

    def get(self, name: str) -> Node | None:
        return self.entries.get(name)

    def mapping(self, name: str) -> Mapping | None:
        """The entry when it is a mapping; the shape of sections is a rule of its own."""
        found = self.entries.get(name)
        return found if isinstance(found, Mapping) else None

    def string(self, name: str) -> str | None:
        found = self.entries.get(name)
        return found.text if isinstance(found, Scalar) and found.value is not None else None


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(slots=True, frozen=True, eq=False)
class Call:
    """`{Fn::Name: argument}` or `{Ref: name}`."""

    name: str
    argument: Node
    node: Mapping

    @property
    def arguments(self) -> list[Node]:
        return self.argument.items if isinstance(self.argument, Sequence) else [self.argument]


def call(node: Node | None) -> Call | None:
    """The function call that a node is, if it is one."""
    if isinstance(node, Mapping) and len(node.entries) == 1:
        [(name, argument)] = node.entries.items()
        if name == "Ref" or name.startswith("Fn::"):
            return Call(name, argument, node)
    return None


def children(node: Node) -> Iterator[Node]:
    if isinstance(node, Mapping):
        yield from node.entries.values()
    elif isinstance(node, Sequence):
        yield from node.items


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the file."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, Mapping):
            stack.extend(reversed(current.entries.values()))
        elif isinstance(current, Sequence):
            stack.extend(reversed(current.items))


def scalars(node: Node | None) -> Iterator[Scalar]:
    if node is not None:
        yield from (each for each in walk(node) if isinstance(each, Scalar))


def is_no_value(node: Node) -> bool:
    found = call(node)
    return found is not None and found.name == "Ref" and getattr(found.argument, "text", "") == "ALIYUN::NoValue"


def is_true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.text.lower() == "true"
