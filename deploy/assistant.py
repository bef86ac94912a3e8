"""Scripts on a stack's instance or nodes, through Cloud Assistant: no SSH, no open port, no key."""

from __future__ import annotations

import json
from typing import Any

from .cloud import Invocation, Node
from .errors import Failure
from .session import Session
from .stacks import Stack

_GROUP, _CLUSTER = "ALIYUN::ECS::InstanceGroup", "ALIYUN::ESS::ScalingGroup"
_START_SECONDS = 1800
# Without input it takes the values that the stack keeps for its nodes, and changes only what differs.
_START = """\
#!/bin/bash
exec bash "${WHISPER_ROOT:-}/opt/whisper/current/scripts/start.sh" </dev/null
"""


def nodes_of(session: Session, stack: Stack) -> list[Node] | None:
    """The nodes of a cluster, oldest first; None when the stack is no cluster."""
    resources = session.cloud.resources(stack.id)
    group = next((item.physical_id for item in resources if item.type == _CLUSTER and item.physical_id), None)
    return None if group is None else session.machines.nodes(group)


def instances_of(session: Session, stack: Stack) -> list[str]:
    """The ids of the stack's instance or nodes, also of one whose creation failed. Raises `Failure`."""
    nodes = nodes_of(session, stack)
    if nodes is not None:
        ids = [node.id for node in nodes]
    else:
        resources = session.cloud.resources(stack.id)
        group = next((item for item in resources if item.type == _GROUP and item.physical_id), None)
        ids = _ids(session.cloud.attribute(stack.id, group.name, "InstanceIds")) if group else []
    if not ids:
        raise Failure(
            f"stack {stack.name} has no instance: {stack.status}",
            f"see: {session.command('events', stack.name)}",
            code="NoInstance",
        )
    return ids


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


def restart(session: Session, stack: Stack) -> None:
    """Brings changed values to the nodes of a cluster, one after another, so that the others go on meanwhile; nothing
    to do for a single instance, whose stack runs its command again. Raises `Failure`."""
    for node in nodes_of(session, stack) or ():
        session.tell(f"node {node.id} takes the changes")
        done = run(session, node.id, _START, name="whisper-start", timeout=_START_SECONDS)
        if not done.succeeded:
            raise Failure(
                f"node {node.id} did not take the changes (exit code {done.exit_code})",
                f"see: {session.command('logs', stack.name, '--script', '--node', node.id)}",
                code="NodeFailed",
                details=tuple(done.output.strip().splitlines()[-20:]),
            )


def _ids(value: Any) -> list[str]:
    """An attribute that is a list comes as one, or as its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    return [str(item) for item in value] if isinstance(value, list) else []
