"""The doors to Alibaba Cloud as the commands see them; alibaba/ is behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .changes import ChangeSet, Drift, Update
from .offers import Preview, Price, Provision
from .secret import Secret
from .stacks import Resource, Stack, StackEvent, StackPlan

Parameters = Mapping[str, str | Secret]


class Cloud(Protocol):
    """ROS, real or emulated, in one region. Every method raises `ServiceError` when the service says no, and retries
    what is worth it (throttling, 5xx, a broken connection) before that; trying again never does a thing twice."""

    def create(self, plan: StackPlan) -> str:
        """Begins to create and returns the stack's id."""

    def continue_create(self, stack_id: str) -> None:
        """Begins to make again what failed, and what was to come after it."""

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

    def attribute(self, stack_id: str, resource: str, name: str) -> Any:
        """An attribute of a resource, None when it has none."""

    def delete(self, stack_id: str, *, retain: bool = False) -> None:
        """Begins to delete; with `retain` the stack only, not what it made."""

    def protect(self, stack_id: str, on: bool) -> None:
        """Deletion protection of the stack."""

    def template(self, stack_id: str) -> str:
        """The text of the stack's own template."""

    def propose(self, update: Update) -> str:
        """Begins to work out what an update would change and returns the change set's id."""

    def change_set(self, change_set_id: str) -> ChangeSet: ...

    def execute(self, change_set_id: str) -> None:
        """Begins to update."""

    def discard(self, change_set_id: str) -> None: ...

    def detect_drift(self, stack_id: str) -> str:
        """Begins to look and returns the detection's id."""

    def drift_detected(self, detection_id: str) -> bool:
        """Whether the look is over. Raises `Failure` when it failed."""

    def drifts(self, stack_id: str) -> list[Drift]:
        """As the last detection found them."""

    def prices(self, template: str, parameters: Parameters) -> list[Price]: ...

    def preview(self, plan: StackPlan) -> list[Preview]: ...

    def allowed(self, template: str, parameters: Parameters, key: str, *, region: str = "") -> list[str]:
        """What parameter `key` may be, in `region` (default: this one), given the others: a zone or an instance type
        that is in stock."""

    def policy(self, template: str) -> dict[str, Any]:
        """The least RAM policy with which stacks of the template can be created, updated and deleted."""

    def provisions(self, template: str) -> list[Provision]: ...

    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's clock is ahead of the service's; None when it does not say."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command on an instance. `output` is its standard output and error, of which the service may have dropped
    `dropped` bytes; `exit_code` is None until it ended by itself."""

    status: str
    exit_code: int | None
    output: str
    dropped: int
    reason: str

    @property
    def ended(self) -> bool:
        return self.status not in ("Creating", "Pending", "Scheduled", "Running", "Stopping", "")

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Node:
    """An instance of a scaling group. `created` is UTC as ECS writes it."""

    id: str
    status: str
    zone: str
    address: str
    created: str


class Machines(Protocol):
    """ECS in one region: commands on instances through Cloud Assistant, the nodes of a scaling group, and the account's
    quotas. Raises `ServiceError`."""

    def nodes(self, group: str) -> list[Node]:
        """The instances of a scaling group, by its id, oldest first."""

    def run(self, instance_id: str, script: str, *, name: str, timeout: int) -> str:
        """Begins to run a bash script as root, for at most `timeout` seconds, and returns the invocation's id."""

    def invocation(self, invocation_id: str) -> Invocation: ...

    def attributes(self, names: Sequence[str]) -> dict[str, str]:
        """Of the account in this region, such as max-postpaid-instance-vcpu-count; those that the service knows."""
