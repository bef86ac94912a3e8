"""Changes of a stack: what is asked for, what the service would do about it, and what somebody else changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .secret import Secret


@dataclass(frozen=True, slots=True)
class Update:
    """Parameters that are not named keep their values. The same `client_token` never makes two change sets."""

    stack_id: str
    name: str
    template: str = field(repr=False)
    parameters: Mapping[str, str | Secret]
    client_token: str


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """Of a property by its path: `before` and `after` are text or JSON; empty where there is none or it is secret."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """Of one resource. `action` is Add, Modify or Remove; `replacement` True, False or Conditional: whether the
    resource is made anew, with the loss of what is on it."""

    resource: str
    type: str
    action: str
    replacement: str = "False"
    properties: tuple[PropertyChange, ...] = ()

    @property
    def replaces(self) -> bool:
        return self.action == "Modify" and self.replacement in ("True", "Conditional")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    id: str
    status: str
    reason: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """How a resource differs from what its stack says. `status` is IN_SYNC, MODIFIED, DELETED or NOT_CHECKED."""

    resource: str
    type: str
    status: str
    properties: tuple[PropertyChange, ...] = ()

    @property
    def drifted(self) -> bool:
        return self.status in ("MODIFIED", "DELETED")
