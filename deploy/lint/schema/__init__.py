"""What resources have: their properties, constraints and attributes, read from the generated files beside this one.

One file per product, read when a template first names a type of it, so that a small template costs a small read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..findings import nearest

_FOLDER = Path(__file__).parent
# Types that the service's own reference lists (help.aliyun.com, ROS, ECS) and the packages leave out.
_UNPACKAGED = frozenset({"ALIYUN::ECS::NatGateway"})


@dataclass(frozen=True, slots=True)
class Property:
    """`type` is string, number, boolean, any, map, tag, `list:…`, `hash:…` or `@structure`; bounds are inclusive."""

    type: str
    required: bool = False
    values: tuple[str | int | float | bool, ...] = ()
    min: float | None = None
    max: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """`retired` names properties that the service still takes though it lists them no longer."""

    properties: dict[str, Property]
    structures: dict[str, dict[str, Property]] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()


def resource(name: str) -> Resource | None:
    """A type by its full name, as `ALIYUN::ECS::VPC`."""
    parts = name.split("::")
    if len(parts) < 2 or name not in types().get(parts[1], ()):
        return None
    entry = _product(parts[1])[name]
    return Resource(
        _properties(entry["properties"]),
        {key: _properties(value) for key, value in entry.get("structures", {}).items()},
        frozenset(entry.get("attributes", ())),
        frozenset(entry.get("retired", ())),
    )


def types() -> dict[str, list[str]]:
    """The names of all types by product."""
    found: dict[str, list[str]] = _index()["types"]
    return found


def nearest_type(name: str) -> str:
    return nearest(name, (known for names in types().values() for known in names))


def may_exist(name: str) -> bool:
    """Whether a type that is not here may be one of a product that is not here. A product that is here is here with all
    its types, and a type that is here under a product of nearly the same name (`ALIYUN::EC::VPC`) is misspelt."""
    if name in _UNPACKAGED:
        return True
    parts = name.split("::")
    if len(parts) != 3 or parts[0] not in ("ALIYUN", "DATASOURCE") or not all(part.isalnum() for part in parts):
        return False
    likely = nearest(parts[1], types())
    return parts[1] not in types() and f"{parts[0]}::{likely}::{parts[2]}" not in types().get(likely, ())


@cache
def _index() -> dict[str, Any]:
    return _read("index")


@cache
def _product(name: str) -> dict[str, Any]:
    return _read(name)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def _properties(entries: dict[str, Any]) -> dict[str, Property]:
    return {name: Property(entry) if isinstance(entry, str) else _property(entry) for name, entry in entries.items()}


def _property(entry: dict[str, Any]) -> Property:
    return Property(**{**entry, "values": tuple(entry.get("values", ()))})
