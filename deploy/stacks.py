"""Stacks as the commands see them: what is asked for, how it stands, what happened to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .secret import Secret, masked


@dataclass(frozen=True, slots=True)
class StackPlan:
    """Everything that CreateStack is asked for. The same `client_token` never makes two stacks."""

    name: str
    region: str
    template: str = field(repr=False)
    parameters: Mapping[str, str | Secret]
    client_token: str
    timeout_minutes: int = 75
    rollback: bool = True
    protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """The plan as people and programs may see it: secrets masked, the template by its digest."""
        return {
            "name": self.name,
            "region": self.region,
            "template_sha256": hashlib.sha256(self.template.encode()).hexdigest(),
            "parameters": masked(dict(self.parameters)),
            "client_token": self.client_token,
            "timeout_minutes": self.timeout_minutes,
            "on_failure": "rollback" if self.rollback else "keep",
            "protected": self.protected,
            "tags": dict(self.tags),
        }


@dataclass(frozen=True, slots=True)
class Stack:
    """`created` is UTC as the service writes it. `outputs` is empty until the stack is complete; `parameters` are
    known of one stack, not of those in a list, and secret ones are masked by the service. A `protected` one is not
    deleted."""

    id: str
    name: str
    status: str
    reason: str
    region: str
    created: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS")

    @property
    def ready(self) -> bool:
        """Created or updated. A rollback that completed is a failure."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "CHECK_COMPLETE")

    @property
    def gone(self) -> bool:
        return self.status == "DELETE_COMPLETE"

    @property
    def login_address(self) -> str:
        return str(self.outputs.get("LoginAddress") or "")

    @property
    def api_address(self) -> str:
        return str(self.outputs.get("ApiAddress") or "")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """Something that happened to one resource, or to the stack itself (`resource` is then the stack's name)."""

    id: str
    time: str
    resource: str
    type: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    type: str
    physical_id: str
    status: str
    reason: str
