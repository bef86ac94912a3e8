"""Resources that are only remembered (an id and attributes, nothing on this machine), and parts of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import Context, Property, random_id

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """`describe` gives the attributes that follow from id and properties, and raises ResourceError for bad values."""

    type: str
    prefix: str
    properties: Mapping[str, Property]
    attributes: frozenset[str]
    describe: Callable[[Context, str, Attributes], Attributes]
    repeatable: bool = True

    def new_id(self, context: Context) -> str:
        return random_id(self.prefix)

    def create(self, context: Context, physical_id: str, properties: Attributes) -> Attributes:
        return self.describe(context, physical_id, properties)

    def update(self, context: Context, physical_id: str, properties: Attributes, attributes: Attributes) -> Attributes:
        return {**attributes, **self.describe(context, physical_id, properties)}

    def delete(self, context: Context, physical_id: str, attributes: Attributes) -> None:
        return None

    def exists(self, context: Context, physical_id: str, attributes: Attributes) -> bool:
        return True


class Part:
    """A resource that is part of another or kept by name: `put` sets it, with None takes it away."""

    repeatable = True

    def __init__(
        self,
        type_: str,
        prefix: str,
        properties: Mapping[str, Property],
        attributes: tuple[str, ...],
        put: Callable[[Context, str, Mapping[str, Any], Mapping[str, Any] | None], Attributes],
    ) -> None:
        self.type, self._prefix, self._put = type_, prefix, put
        self.properties, self.attributes = properties, frozenset(attributes)

    def new_id(self, context: Context) -> str:
        return random_id(self._prefix)

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._put(context, physical_id, properties, properties)

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return self._put(context, physical_id, properties, properties)

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        if context.properties:
            self._put(context, physical_id, context.properties, None)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True
