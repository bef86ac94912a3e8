"""What a new template and new parameters mean for a resource: nothing, a change in place, or another one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .resources import Handler
from .store import Resource


@dataclass(frozen=True)
class Verdict:
    """`changed` are the properties that differ, `fixed` those of them that cannot change in place."""

    action: Literal["none", "change", "replace"]
    changed: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


def compare(
    resource: Resource, kind: str, properties: Mapping[str, Any], handler: Handler, tainted: Collection[str] = ()
) -> Verdict:
    """`properties` are the new ones, evaluated; `kind` the new type."""
    changed = tuple(
        sorted(
            key for key in {*properties, *resource.properties} if properties.get(key) != resource.properties.get(key)
        )
    )
    if kind != resource.type:
        return Verdict("replace", changed, ("Type",))
    if resource.name in tainted or resource.status == "CREATE_FAILED":
        return Verdict("replace", changed)
    fixed = tuple(key for key in changed if not handler.properties[key].editable)
    if fixed:
        return Verdict("replace", changed, fixed)
    unfinished = resource.status in ("UPDATE_FAILED", "UPDATE_IN_PROGRESS")
    return Verdict("change" if changed or unfinished else "none", changed)
