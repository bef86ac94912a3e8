"""Scripts on a stack's instance, through Cloud Assistant: no SSH, no open port, no key."""

from __future__ import annotations

import json
from typing import Any

from .cloud import Invocation
from .errors import Failure
from .session import Session
from .stacks import Stack

_GROUP = "ALIYUN::ECS::InstanceGroup"


def instance_of(session: Session, stack: Stack) -> str:
    """The id of the stack's instance, also of one whose creation failed. Raises `Failure`."""
    resources = session.cloud.resources(stack.id)
    group = next((item for item in resources if item.type == _GROUP and item.physical_id), None)
    ids = _ids(session.cloud.attribute(stack.id, group.name, "InstanceIds")) if group else []
    if not ids:
        raise Failure(
            f"stack {stack.name} has no instance: {stack.status}",
            f"see: {session.command('events', stack.name)}",
            code="NoInstance",
        )
    return ids[0]


def run(session: Session, instance: str, script: str, *, name: str, timeout: int) -> Invocation:
    """Runs a bash script as root and returns when it ended, well or not. Raises `Failure` when it never ran."""
    machines = session.machines
    invocation_id = machines.run(instance, script, name=name, timeout=timeout)
    while True:
        invocation = machines.invocation(invocation_id)
        if invocation.ended:
            break
        session.pause()
    if invocation.exit_code is None:
        raise Failure(
            f"Cloud Assistant could not run it on {instance}: {invocation.reason or invocation.status}",
            "see that the instance runs and has network: python -m deploy status",
            code="NotRun",
        )
    return invocation


def _ids(value: Any) -> list[str]:
    """An attribute that is a list comes as one, or as its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    return [str(item) for item in value] if isinstance(value, list) else []
