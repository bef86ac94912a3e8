"""python -m deploy delete NAME"""

from __future__ import annotations

from ..errors import Failure, Interrupted, ServiceError
from ..follow import deleted, follow
from ..pricing import monthly_text
from ..progress import watch
from ..session import Session
from ..stacks import Stack


def delete(session: Session) -> int:
    """Removes the stack and everything in it, recordings included."""
    if session.args.via == "computenest":
        from ..computenest import deployment

        return deployment.delete(session)
    args, cloud = session.args, session.cloud
    stack = cloud.stack(session.find(args.name).id)
    if stack.protected and not args.unprotect:
        raise Failure(
            f"stack {stack.name} is protected against deletion",
            f"if it shall go all the same: {session.command('delete', stack.name, '--unprotect')}",
            code="Protected",
        )
    cost = _cost(session, stack)
    if cost:
        session.tell(f"keeping it costs about {cost}")
    kept = "all recordings and texts in it will be gone for good"
    if args.retain:
        kept = "its resources stay and go on costing"
    session.confirm(f"{stack.name} {session.where} is deleted; {kept}", word=stack.name)
    before = frozenset(event.id for event in cloud.events(stack.id))
    if stack.protected:
        cloud.protect(stack.id, False)
    cloud.delete(stack.id, retain=args.retain)
    data = {"stack_id": stack.id, "name": stack.name, "retained": args.retain, "monthly_cost": cost}
    if not args.wait:
        return session.done({**data, "status": "DELETE_IN_PROGRESS"}, [f"{stack.name} is being deleted"])
    last = _wait(session, stack, before)
    session.drafts.forget(stack.name)
    if args.local:
        from ..target import stop_if_idle

        # With its last stack gone, the local target leaves no process and no file.
        stop_if_idle(session.state_dir)
    told = f"{stack.name} is deleted" + ("; its resources were kept" if args.retain else "")
    return session.done({**data, "status": last.status}, [told])


def _wait(session: Session, stack: Stack, before: frozenset[str]) -> Stack:
    steps = follow(session.cloud, stack, pause=session.pause, until=deleted, known=before)
    try:
        last = watch(steps, stream=session.stderr, clock=session.clock, environ=session.environ)
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
    return last


def _cost(session: Session, stack: Stack) -> str:
    """What keeping the stack costs a month, as far as the service says; empty where it says nothing."""
    try:
        given = {key: value for key, value in stack.parameters.items() if not key.startswith("ALIYUN::")}
        return monthly_text(session.cloud.prices(session.cloud.template(stack.id), given))
    except ServiceError:
        return ""
