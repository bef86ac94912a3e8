"""python -m deploy create

choices (asked, read, checked) ─▶ StackPlan ─▶ CreateStack ─▶ follow its events ─▶ login address
Nothing is sent before everything is known to be right, and the software password is hashed before anything is sent.
"""

from __future__ import annotations

import uuid
from typing import Any

from .. import templates
from ..errors import Interrupted, ServiceError
from ..follow import follow
from ..outcome import exists, failed, stack_data
from ..plan import stack_plan
from ..progress import watch
from ..questions import choices
from ..secret import Secret
from ..session import Session
from ..stacks import Stack, StackPlan


def create(session: Session) -> int:
    """Deploys Whisper; the last line that it prints is the login address."""
    chosen, password = choices(session)
    plan = stack_plan(chosen, template=templates.body("single.yaml"), client_token=uuid.uuid4().hex)
    try:
        stack_id = _begin(session, plan)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted while stack {plan.name} was being asked for",
            f"see whether it began: {session.command('status', plan.name)}",
        ) from None
    if not session.args.wait:
        follower = session.command("events", plan.name, "--follow")
        begun = {"stack_id": stack_id, "name": plan.name, "status": "CREATE_IN_PROGRESS"}
        return session.done({**begun, "login_address": "", "api_address": "", "outputs": {}}, [stack_id, follower])
    stack = _wait(session, plan, stack_id)
    shown = password if session.args.generate_password else None
    return session.done(_data(stack, chosen.user, shown), _lines(stack, chosen.user, shown))


def _begin(session: Session, plan: StackPlan) -> str:
    """Two people may want the same name at the same moment: the service has the last word."""
    cloud = session.cloud
    taken = cloud.find(plan.name)
    if taken is not None:
        raise exists(session, cloud.stack(taken.id))
    try:
        return cloud.create(plan)
    except ServiceError as error:
        taken = cloud.find(plan.name) if error.code == "StackExists" else None
        if taken is None:
            raise
        raise exists(session, cloud.stack(taken.id)) from None


def _wait(session: Session, plan: StackPlan, stack_id: str) -> Stack:
    begun = Stack(stack_id, plan.name, "CREATE_IN_PROGRESS", "", plan.region, "")
    try:
        steps = follow(session.cloud, begun, pause=lambda: session.sleep(session.poll_seconds))
        stack = watch(steps, stream=session.stderr, clock=session.clock)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; stack {stack_id} is still being created, nothing was deleted",
            f"follow it: {session.command('events', plan.name, '--follow')}",
        ) from None
    if not stack.ready:
        raise failed(session, stack, session.cloud.events(stack_id))
    return stack


def _data(stack: Stack, user: str, shown: Secret | None) -> dict[str, Any]:
    return {**stack_data(stack), "user": user, **({"password": shown.reveal()} if shown else {})}


def _lines(stack: Stack, user: str, shown: Secret | None) -> list[str]:
    lines = [f"{stack.name} is ready", f"API address    {stack.api_address}", f"user           {user}"]
    if shown:
        lines.append(f"password       {shown.reveal()}  (shown once: only its hash is kept)")
    return [*lines, f"login address  {stack.login_address}"]
