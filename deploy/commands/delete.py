"""python -m deploy delete NAME"""

from __future__ import annotations

from ..errors import Failure, Interrupted, Usage
from ..follow import deleted, follow
from ..progress import watch
from ..session import Session
from ..stacks import Stack


def delete(session: Session) -> int:
    """Removes the stack and everything in it, recordings included."""
    stack = session.find(session.args.name)
    _confirm(session, stack)
    before = frozenset(event.id for event in session.cloud.events(stack.id))
    session.cloud.delete(stack.id)
    data = {"stack_id": stack.id, "name": stack.name}
    if not session.args.wait:
        return session.done({**data, "status": "DELETE_IN_PROGRESS"}, [f"{stack.name} is being deleted"])
    steps = follow(session.cloud, stack, pause=lambda: session.sleep(session.poll_seconds), until=deleted, known=before)
    try:
        last = watch(steps, stream=session.stderr, clock=session.clock)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; stack {stack.id} is still being deleted", f"see: {session.command('status', stack.name)}"
        ) from None
    if not last.gone:
        raise Failure(
            f"stack {stack.name} could not be deleted: {last.reason or last.status}",
            f"see: {session.command('events', stack.name)}",
            code="DeleteFailed",
        )
    if session.args.local:
        from ..target import stop_if_idle

        # With its last stack gone, the local target leaves no process and no file.
        stop_if_idle(session.state_dir)
    return session.done({**data, "status": last.status}, [f"{stack.name} is deleted"])


def _confirm(session: Session, stack: Stack) -> None:
    if session.args.yes:
        return
    if not session.interactive:
        raise Usage("missing: --yes", "deleting cannot be undone", code="Missing")
    session.tell(f"{stack.name} {session.where} and all recordings and texts in it will be gone for good.")
    session.stderr.write("Type its name to go on: ")
    session.stderr.flush()
    if session.stdin.readline().strip() != stack.name:
        raise Failure("nothing was deleted", code="Declined")
