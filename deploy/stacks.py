"""Stacks as the commands see them, and `Cloud`, the one door to the service that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .secret import Secret


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


@dataclass(frozen=True, slots=True)
class Stack:
    """`created` is UTC as the service writes it. `outputs` is empty until the stack is complete."""

    id: str
    name: str
    status: str
    reason: str
    region: str
    created: str
    outputs: Mapping[str, Any] = field(default_factory=dict)

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


class Cloud(Protocol):
    """ROS, real or emulated, in one region. Every method raises `ServiceError` when the service says no, and retries
    what is worth it (throttling, 5xx, a broken connection) before that."""

    def create(self, plan: StackPlan) -> str:
        """Begins to create and returns the stack's id."""

    def stack(self, stack_id: str) -> Stack:
        """Raises `ServiceError` with code StackNotFound."""

    def find(self, name: str) -> Stack | None:
        """The stack of that name which is not deleted, without its outputs."""

    def stacks(self) -> list[Stack]:
        """All that are not deleted, newest first, without their outputs."""

    def events(self, stack_id: str) -> list[StackEvent]:
        """All events, oldest first."""

    def resources(self, stack_id: str) -> list[Resource]:
        """In the order of the service."""

    def delete(self, stack_id: str) -> None:
        """Begins to delete."""
