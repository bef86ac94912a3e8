"""A cloud that keeps its stacks in memory, and a terminal that is not there."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from deploy.errors import ServiceError
from deploy.options import parser
from deploy.session import Session
from deploy.stacks import Resource, Stack, StackEvent, StackPlan

WAIT = "ALIYUN::ROS::WaitCondition"


class FakeCloud:
    """Moves one step of `script` at every look at a stack: (resource, type, status, reason), or a status of the
    stack itself when the type is "". A stack that was deleted is gone at the second look."""

    def __init__(self, script: list[tuple[str, str, str, str]] | None = None) -> None:
        self.plans: list[StackPlan] = []
        self.script = list(script or [("WaitCondition", WAIT, "CREATE_COMPLETE", ""), ("", "", "CREATE_COMPLETE", "")])
        self._stacks: dict[str, Stack] = {}
        self._events: dict[str, list[StackEvent]] = {}
        self.on_look: Callable[[], None] = lambda: None

    def put(self, stack: Stack) -> None:
        self._stacks[stack.id] = stack
        self._events.setdefault(stack.id, [])

    def create(self, plan: StackPlan) -> str:
        self.plans.append(plan)
        self.put(Stack("stack-1", plan.name, "CREATE_IN_PROGRESS", "", plan.region, "2026-11-22T10:00:00"))
        return "stack-1"

    def stack(self, stack_id: str) -> Stack:
        self.on_look()
        stack = self._stacks.get(stack_id)
        if stack is None:
            raise ServiceError("StackNotFound: no such stack", code="StackNotFound", status=404)
        if stack.status == "DELETE_IN_PROGRESS":
            del self._stacks[stack_id]
        elif stack.busy and self.script:
            resource, type_, status, reason = self.script.pop(0)
            events = self._events[stack_id]
            name = resource or stack.name
            events.append(
                StackEvent(str(len(events)), "2026-11-22T10:00:01", name, type_ or "ALIYUN::ROS::Stack", status, reason)
            )
            if not type_:
                outputs: Mapping[str, Any] = {}
                if status == "CREATE_COMPLETE":
                    outputs = {"LoginAddress": "http://127.0.0.1:1/", "ApiAddress": "http://127.0.0.1:1/v1"}
                self._stacks[stack_id] = replace(stack, status=status, reason=reason, outputs=outputs)
        return self._stacks.get(stack_id, stack)

    def find(self, name: str) -> Stack | None:
        return next((stack for stack in self._stacks.values() if stack.name == name), None)

    def stacks(self) -> list[Stack]:
        return list(self._stacks.values())

    def events(self, stack_id: str) -> list[StackEvent]:
        if stack_id not in self._stacks:
            raise ServiceError("StackNotFound: no such stack", code="StackNotFound", status=404)
        return list(self._events[stack_id])

    def resources(self, stack_id: str) -> list[Resource]:
        return [Resource("WaitCondition", WAIT, "wc-1", "CREATE_COMPLETE", "")]

    def delete(self, stack_id: str) -> None:
        self._stacks[stack_id] = replace(self._stacks[stack_id], status="DELETE_IN_PROGRESS")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def session(words: str, cloud: FakeCloud, *, stdin: str = "", terminal: bool = False) -> Session:
    """A session as `cli.run` makes it, with a cloud that is already connected and time that does not pass."""
    arguments = words.split()
    stream = Terminal if terminal else io.StringIO
    made = Session(
        verb=arguments[0],
        json="--json" in arguments,
        stdin=stream(stdin),
        stdout=io.StringIO(),
        stderr=stream(),
        environ={},
        sleep=lambda seconds: None,
        clock=lambda: 0.0,
        args=parser().parse_args(arguments),
    )
    made.__dict__["cloud"] = cloud  # where cached_property keeps it
    return made


def printed(made: Session) -> tuple[str, str]:
    assert isinstance(made.stdout, io.StringIO)
    assert isinstance(made.stderr, io.StringIO)
    return made.stdout.getvalue(), made.stderr.getvalue()
