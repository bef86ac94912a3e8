"""python -m deploy scale [NAME] --nodes N"""

from __future__ import annotations

from .. import plan
from ..amendment import amend
from ..assistant import nodes_of
from ..errors import Failure
from ..session import Session
from ..stacks import Stack
from ..templates import DRAIN_SECONDS


def scale(session: Session) -> int:
    """Gives a cluster another number of nodes. What leaves first drains: it finishes or hands over its work."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    wanted = plan.check_nodes(session.args.nodes, 1)
    nodes = nodes_of(session, stack)
    if nodes is None:
        raise Failure(
            f"stack {stack.name} is one instance, not a cluster",
            f"see: {session.command('create', '--topology', 'cluster')}",
            code="NotCluster",
        )
    session.tell(f"{stack.name} has {len(nodes)} nodes, it will have {wanted}")
    if len(nodes) > wanted:
        session.tell("which ones leave, the group decides; each drains first, and the others go on with its work")
    changed = plan.sized(wanted, stack.parameters)
    template = session.cloud.template(stack.id)
    return amend(session, stack, template, changed, settle=lambda: _settle(session, stack, wanted))


def _settle(session: Session, stack: Stack, wanted: int) -> None:
    """The service says that the group is changed before the last node has drained. Raises `Failure`."""
    pauses = int(DRAIN_SECONDS / session.poll_seconds)
    for _ in range(pauses):
        if len(nodes_of(session, stack) or ()) == wanted:
            return
        session.pause()
    raise Failure(
        f"{stack.name} does not have {wanted} nodes yet",
        f"see: {session.command('status', stack.name)}",
        code="Scaling",
    )
