"""How a stack is changed: update ─▶ change set ─▶ shown ─▶ confirmed ─▶ executed ─▶ events ─▶ stack ready.

Nothing is changed before a person, or --yes, agreed to what the service says it would do.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .changes import Change, ChangeSet, PropertyChange, Update
from .errors import Failure, Interrupted
from .follow import Moved, follow
from .outcome import failed, stack_data
from .progress import watch
from .secret import Secret
from .session import Session
from .stacks import Stack

_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}
_COMMAND = "ALIYUN::ECS::RunCommand"
_LONG = 60  # characters of a value that are shown


def amend(
    session: Session,
    stack: Stack,
    template: str,
    parameters: Mapping[str, str | Secret],
    *,
    settle: Callable[[], None] = lambda: None,
) -> int:
    """Proposes, shows, asks, updates. Ends well when there is nothing to change. `settle` does what the service leaves
    to be done after the update."""
    if stack.busy:
        raise Failure(
            f"stack {stack.name} is {stack.status}",
            f"wait for it: {session.command('events', stack.name, '--follow')}",
            code="ActionInProgress",
        )
    update = Update(stack.id, stack.name, template, parameters, uuid.uuid4().hex)
    proposed = _proposed(session, update)
    data = {"stack_id": stack.id, "name": stack.name, "changes": [asdict(change) for change in proposed.changes]}
    if not proposed.changes:
        session.cloud.discard(proposed.id)
        return session.done({**data, "status": stack.status}, [f"{stack.name} is as asked for: nothing to change"])
    lines = change_lines(proposed.changes)
    if session.args.dry_run:
        session.cloud.discard(proposed.id)
        return session.done({**data, "status": stack.status}, [*lines, "nothing was changed"])
    for line in lines:
        session.tell(line)
    try:
        session.confirm(f"{stack.name} {session.where} is changed like this", word="yes")
    except BaseException:
        session.cloud.discard(proposed.id)
        raise
    return _carry_out(session, stack, proposed, data, settle)


def change_lines(changes: Sequence[Change]) -> list[str]:
    """A diff that people read: what happens to which resource, and to which of its properties."""
    lines = []
    for change in changes:
        anew = {"True": "  made anew: what is on it is lost", "Conditional": "  perhaps made anew"}
        warning = anew.get(change.replacement, "") if change.replaces else ""
        lines.append(f"{_SIGNS.get(change.action, '?')} {change.resource}  {change.type}{warning}")
        lines += [f"    {difference(item)}" for item in change.properties if item.path]
    return lines


def difference(item: PropertyChange) -> str:
    if not item.before and not item.after:
        return item.path
    return f"{item.path}: {_short(item.before)} → {_short(item.after)}"


def _carry_out(
    session: Session, stack: Stack, proposed: ChangeSet, data: dict[str, Any], settle: Callable[[], None]
) -> int:
    cloud = session.cloud
    known = frozenset(event.id for event in cloud.events(stack.id))
    cloud.execute(proposed.id)
    if not session.args.wait:
        follower = session.command("events", stack.name, "--follow")
        return session.done({**data, "status": "UPDATE_IN_PROGRESS"}, [follower])
    try:
        steps = follow(cloud, stack, pause=session.pause, until=Moved(stack.status), known=known)
        last = watch(steps, stream=session.stderr, clock=session.clock, environ=session.environ)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; stack {stack.id} is still being updated",
            f"follow it: {session.command('events', stack.name, '--follow')}",
        ) from None
    if last.status != "UPDATE_COMPLETE":
        raise failed(session, last, [event for event in cloud.events(stack.id) if event.id not in known])
    settle()
    lines = [f"{stack.name} is updated"]
    if any(change.type == _COMMAND and change.action == "Modify" for change in proposed.changes):
        # The command is not waited for: its script restarts the app when the stack is complete already.
        session.tell(f"the instance applies it now; see: {session.command('logs', stack.name, '--script')}")
    if last.login_address:
        lines.append(f"login address  {last.login_address}")
    return session.done({**data, **stack_data(last)}, lines)


def _proposed(session: Session, update: Update) -> ChangeSet:
    """The change set once the service has worked it out. Raises `Failure` with the service's reason."""
    change_set_id = session.cloud.propose(update)
    while True:
        found = session.cloud.change_set(change_set_id)
        if found.status == "CREATE_COMPLETE":
            return found
        if found.status.endswith("FAILED"):
            if _nothing(found.reason):
                return ChangeSet(change_set_id, found.status, found.reason, ())
            session.cloud.discard(change_set_id)
            raise Failure(
                f"the changes of {update.name} cannot be made: {found.reason.rstrip('.') or 'no reason was given'}",
                "correct what the message names",
                code="ChangeSetFailed",
            )
        session.pause()


def _nothing(reason: str) -> bool:
    """ROS fails a change set without changes: `Update the completely same stack is not supported`."""
    said = reason.lower()
    return "completely same" in said or "no change" in said


def _short(value: str) -> str:
    text = " ".join(value.split()) or "(none)"
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
