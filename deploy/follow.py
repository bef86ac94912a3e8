"""Watches a stack until nothing more happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .cloud import Cloud
from .errors import ServiceError
from .stacks import Stack, StackEvent


@dataclass(frozen=True, slots=True)
class Step:
    """How the stack stood at one look, and the events that were new then, oldest first."""

    stack: Stack
    events: tuple[StackEvent, ...]


def settled(step: Step) -> bool:
    return not step.stack.busy


def deleted(step: Step) -> bool:
    """Just after DeleteStack the old status may still show."""
    return step.stack.gone or step.stack.status == "DELETE_FAILED"


class Moved:
    """Settled after something happened: just after the call that starts it, the old status `before` may still show."""

    def __init__(self, before: str) -> None:
        self._before, self._moved = before, False

    def __call__(self, step: Step) -> bool:
        self._moved = self._moved or bool(step.events) or step.stack.busy or step.stack.status != self._before
        return self._moved and settled(step)


def follow(
    cloud: Cloud,
    stack: Stack,
    *,
    pause: Callable[[], None],
    until: Callable[[Step], bool] = settled,
    known: frozenset[str] = frozenset(),
) -> Iterator[Step]:
    """One step per look, the last one when `until` holds. `known` are ids of events to leave out. A stack that the
    service no longer knows counts as deleted."""
    seen = set(known)
    while True:
        try:
            # The status first: events that come between the two looks are then in this step or in the next, never lost.
            stack = cloud.stack(stack.id)
            fresh = tuple(event for event in cloud.events(stack.id) if event.id not in seen)
        except ServiceError as error:
            if error.code != "StackNotFound":
                raise
            stack, fresh = replace(stack, status="DELETE_COMPLETE"), ()
        seen.update(event.id for event in fresh)
        step = Step(stack, fresh)
        yield step
        if until(step):
            return
        pause()
