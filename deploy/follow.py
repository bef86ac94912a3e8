"""Watches a stack until nothing more happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .errors import ServiceError
from .stacks import Cloud, Stack, StackEvent


@dataclass(frozen=True, slots=True)
class Step:
    """How the stack stood at one look, and the events that were new then, oldest first."""

    stack: Stack
    events: tuple[StackEvent, ...]


def settled(stack: Stack) -> bool:
    return not stack.busy


def deleted(stack: Stack) -> bool:
    """Just after DeleteStack the old status may still show."""
    return stack.gone or stack.status == "DELETE_FAILED"


def follow(
    cloud: Cloud,
    stack: Stack,
    *,
    pause: Callable[[], None],
    until: Callable[[Stack], bool] = settled,
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
        yield Step(stack, fresh)
        if until(stack):
            return
        pause()
