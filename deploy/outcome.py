"""How a stack's end is told: its addresses, or what failed and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import Failure
from .session import Session
from .stacks import Stack, StackEvent, StackPlan

_LOG_LINES = 20


def stack_data(stack: Stack) -> dict[str, Any]:
    """The part of every reply which describes a stack."""
    return {
        "stack_id": stack.id,
        "name": stack.name,
        "status": stack.status,
        "region": stack.region,
        "created": stack.created,
        "login_address": stack.login_address,
        "api_address": stack.api_address,
        "outputs": dict(stack.outputs),
    }


def exists(session: Session, stack: Stack) -> Failure:
    """What `create` says when the name is taken."""
    said = f"stack {stack.name} exists already {session.where}: {stack.status}"
    if stack.ready:
        address = f", answers at {stack.login_address}" if stack.login_address else ""
        remedy = f"choose another --name, or remove it: {session.command('delete', stack.name)}"
        return Failure(f"{said}{address}", remedy, code="StackExists")
    if stack.status in ("CREATE_IN_PROGRESS", "CREATE_FAILED"):
        return Failure(said, f"go on with: {session.command('create', '--resume', stack.name)}", code="StackExists")
    if stack.busy:
        return Failure(said, f"follow it: {session.command('events', stack.name, '--follow')}", code="StackExists")
    return Failure(said, f"remove it first: {session.command('delete', stack.name)}", code="StackExists")


def failed(session: Session, stack: Stack, events: Sequence[StackEvent]) -> Failure:
    """The first resource that failed is the cause; what failed after it was cancelled because of it."""
    cause = next((event for event in events if event.failed and event.resource != stack.name), None)
    reason = (cause.reason if cause else "") or stack.reason or "no reason was given"
    head, *log = [line for line in reason.splitlines() if line.strip()] or [reason]
    where = f"{cause.resource} ({cause.type})" if cause else "the stack"
    remedy = f"remove what is left: {session.command('delete', stack.name)}"
    if stack.status == "CREATE_FAILED":
        again = session.command("create", "--resume", stack.name)
        remedy = f"mend the cause, then: {again}; or remove it: {session.command('delete', stack.name)}"
    return Failure(
        f"stack {stack.name} failed ({stack.status}): {where}: {head.strip().rstrip('.')}",
        remedy,
        code="StackFailed",
        details=tuple(log[-_LOG_LINES:]),
    )


def plan_lines(session: Session, plan: StackPlan) -> list[str]:
    """What would be sent, for people."""
    shown = plan.shown()
    shown["template"] = f"SHA-256 {shown.pop('template_sha256')[:12]}…"
    parameters = shown.pop("parameters")
    tags = shown.pop("tags")
    facts = {key.replace("_", " "): value for key, value in shown.items()}
    facts |= {f"tag {key}": value for key, value in tags.items()} | parameters
    return [*session.pairs(facts), "nothing was sent"]
