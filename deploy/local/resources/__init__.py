"""The resource types that the local target knows: what each accepts, what it gives, and how it is made and removed."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..commands import Commands
from ..daemons import Daemons
from ..faults import Faults
from ..groups import Groups
from ..haproxy import Balancers
from ..instances import Instances
from ..postgres import Postgres
from ..signals import Signals
from ..store import Store

Kind = Literal["text", "number", "flag", "list", "map", "any"]


@dataclass(frozen=True)
class Property:
    """`editable` properties change in place; a change of any other needs the resource to be replaced. `gives` says that
    a change in place may give the resource other attribute values."""

    kind: Kind
    required: bool = False
    allowed: tuple[str, ...] = ()
    editable: bool = False
    gives: bool = False


def of_kind(kind: Kind, names: str, *, editable: bool = False) -> dict[str, Property]:
    """Optional properties of one kind, from their names with spaces between."""
    return {name: Property(kind, editable=editable) for name in names.split()}


@dataclass(frozen=True)
class Context:
    """What a resource may use while it is made or removed. `attributes_of` finds a sibling by its physical id."""

    stack_id: str
    stack_name: str
    name: str
    region: str
    since: float  # Unix time at which the work on the resource began, kept over a restart
    instances: Instances
    commands: Commands
    signals: Signals
    faults: Faults
    daemons: Daemons
    databases: Postgres
    balancers: Balancers
    groups: Groups
    cancelled: threading.Event
    attributes_of: Callable[[str], Mapping[str, Any]]
    report: Callable[[Mapping[str, Any]], None]  # attributes that become known later
    hide: Callable[[str], str]  # masks the stack's secrets in a text
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)  # that it was last made or changed with
    outcomes: dict[str, str] = field(default_factory=dict)  # of the stack's commands, by resource


class Handler(Protocol):
    """One resource type. `create`, `update` and `delete` raise ResourceError, or CancelError once `context.cancelled`
    is set. `update` is asked for changes of editable properties only, and gives the attributes as `create` does.
    `delete` is no error for what is not there; `exists` says whether it is still there. `repeatable` says that an
    interrupted `create` may be done again."""

    @property
    def type(self) -> str: ...
    @property
    def properties(self) -> Mapping[str, Property]: ...
    @property
    def attributes(self) -> frozenset[str]: ...
    @property
    def repeatable(self) -> bool: ...

    def new_id(self, context: Context) -> str: ...
    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]: ...
    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None: ...
    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool: ...


@dataclass(frozen=True)
class Means:
    """What stacks are made with."""

    handlers: Mapping[str, Handler]
    instances: Instances
    commands: Commands
    signals: Signals
    faults: Faults
    daemons: Daemons
    databases: Postgres
    balancers: Balancers
    groups: Groups


def means_in(  # noqa: PLR0917
    folder: Path,
    store: Store,
    signals: Signals,
    faults: Faults,
    door: tuple[int, str] = (0, ""),
    role: Callable[[], Mapping[str, str]] = dict,
) -> Means:
    """Those of one state folder. `door` is the emulator's port and the path to which booted instances signal, `role`
    what an instance with a RAM role calls the cloud with."""
    instances = Instances(folder / "instances", folder / "images", door, role)
    commands = Commands(store, instances, faults)
    daemons = Daemons(folder / "services")
    balancers = Balancers(daemons, instances.port)
    return Means(
        handlers=handlers(),
        instances=instances,
        commands=commands,
        signals=signals,
        faults=faults,
        daemons=daemons,
        databases=Postgres(daemons),
        balancers=balancers,
        groups=Groups(store, instances, commands, balancers),
    )


def random_id(prefix: str) -> str:
    """An id in the form of the service's: a prefix and 20 letters and digits."""
    return f"{prefix}-{''.join(secrets.choice('0123456789abcdefghijklmnopqrstuvwxyz') for _ in range(20))}"


def handlers() -> dict[str, Handler]:
    """All types, by name."""
    from .access import ACCESS
    from .balancer import BALANCER
    from .command import RunCommand
    from .compute import InstanceGroup
    from .network import NETWORK
    from .scaling import SCALING
    from .stores import STORES
    from .waiting import WaitCondition, WaitConditionHandle
    from .watching import WATCHING

    records: list[Handler] = [*NETWORK, *ACCESS, *WATCHING]
    machines: list[Handler] = [InstanceGroup(), RunCommand(), WaitConditionHandle(), WaitCondition()]
    known = [*records, *machines, *BALANCER, *STORES, *SCALING]
    return {handler.type: handler for handler in known}
