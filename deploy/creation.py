"""How a stack comes to be, whatever happens to the command line meanwhile:

choices ─▶ plan ─▶ draft kept ─▶ CreateStack ─▶ stack id kept ─▶ events ─▶ stack ready ─▶ draft forgotten

Killed at any arrow, `create --resume NAME` goes on from there. The service has the last word on whether a stack exists:
a draft only tells what was asked for, and with which token, so that asking again cannot make a second one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .drafts import Draft
from .errors import Failure, Interrupted, ServiceError
from .follow import Moved, follow, settled
from .outcome import exists, failed
from .plan import Choices
from .progress import watch
from .session import Session
from .stacks import Stack, StackPlan


def check_free(session: Session, name: str) -> None:
    """Raises `Failure` when a stack has that name."""
    taken = session.cloud.find(name)
    if taken is not None:
        raise exists(session, session.cloud.stack(taken.id))


def begin(session: Session, plan: StackPlan, chosen: Choices) -> str:
    """Sends the plan and returns the stack's id. Raises `Failure` when the name is taken; two people may want it at the
    same moment, so the service has the last word."""
    cloud = session.cloud
    draft = Draft(plan.name, plan.client_token, answers(chosen))
    try:
        session.drafts.keep(draft)
        stack_id = cloud.create(plan)
        session.drafts.keep(replace(draft, stack_id=stack_id))
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted while stack {plan.name} was being asked for",
            f"go on with: {session.command('create', '--resume', plan.name)}",
        ) from None
    except ServiceError as error:
        taken = cloud.find(plan.name) if error.code == "StackExists" else None
        if error.status and error.status < 500 and not error.code.startswith("Throttling"):
            # The service heard it and said no: there is nothing to resume.
            session.drafts.forget(plan.name)
        if taken is None:
            raise
        raise exists(session, cloud.stack(taken.id)) from None
    return stack_id


def wait(session: Session, stack: Stack, *, again: bool = False) -> Stack:
    """Shows the creation to its end. With `again` it was just continued: what happened before is left out. Raises
    `Failure` with the cause, `Interrupted`."""
    cloud = session.cloud
    resume = f"go on with: {session.command('create', '--resume', stack.name)}"
    try:
        known = frozenset(event.id for event in cloud.events(stack.id)) if again else frozenset[str]()
        if again:
            cloud.continue_create(stack.id)
        steps = follow(cloud, stack, pause=session.pause, until=Moved(stack.status) if again else settled, known=known)
        stack = watch(steps, stream=session.stderr, clock=session.clock, environ=session.environ)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; stack {stack.id} is still being created, nothing was deleted", resume
        ) from None
    except ServiceError as error:
        if error.status and error.status < 500 and not error.code.startswith("Throttling"):
            raise
        message = f"lost sight of stack {stack.name}, which is still being created: {error.message}"
        raise Failure(message, resume, code=error.code) from None
    if stack.status != "CREATE_FAILED":
        session.drafts.forget(stack.name)
    if not stack.ready:
        raise failed(session, stack, [event for event in cloud.events(stack.id) if event.id not in known])
    return stack


def take_up(session: Session, name: str) -> Stack | Draft:
    """Goes on with the creation of that name: the finished stack, or the draft of one that the service never heard of
    and that is to be asked for again. Raises `Failure`."""
    cloud = session.cloud
    found = cloud.find(name)
    draft = session.drafts.find(name)
    if found is None:
        if draft is not None:
            return draft
        raise Failure(
            f"no stack is named {name} {session.where}, and none was begun",
            f"create it: {session.command('create', '--name', name)}",
            code="StackNotFound",
        )
    stack = cloud.stack(found.id)
    if stack.ready:
        session.drafts.forget(name)
        return stack
    if stack.status == "CREATE_IN_PROGRESS":
        return wait(session, stack)
    if stack.status == "CREATE_FAILED":
        return wait(session, stack, again=True)
    if stack.busy:
        raise exists(session, stack)
    raise Failure(
        f"stack {name} is {stack.status}: there is nothing left of it to go on with",
        f"remove it, then create it again: {session.command('delete', name)}",
        code="StackFailed",
    )


def answers(chosen: Choices) -> dict[str, Any]:
    """The choices as options of `create`, without the secret ones."""
    return {
        "name": chosen.name,
        "spec": chosen.spec.id,
        "model": chosen.model,
        "user": chosen.user,
        "zone": chosen.zone,
        "client_cidr": chosen.clients,
        "timeout": chosen.timeout_minutes,
        "on_failure": "rollback" if chosen.rollback else "keep",
        "protect": chosen.protected,
        "tags": [f"{key}={value}" for key, value in chosen.tags.items()],
        "set": [f"{key}={value}" for key, value in chosen.more.items()],
        "topology": "cluster" if chosen.cluster else "single",
        "nodes": chosen.cluster.nodes if chosen.cluster else None,
        "second_zone": chosen.cluster.second_zone if chosen.cluster else None,
        "certificate": chosen.cluster.certificate or None if chosen.cluster else None,
        "existing_vpc": chosen.network.vpc if chosen.network else None,
        "existing_vswitch": chosen.network.vswitch if chosen.network else None,
        "pay": "prepaid" if chosen.payment.prepaid else "postpaid",
        "period": chosen.payment.period if chosen.payment.prepaid else None,
        "unit": chosen.payment.unit.lower() if chosen.payment.prepaid else None,
    }
