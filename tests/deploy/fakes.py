"""A cloud that keeps its stacks in memory, and a terminal that is not there."""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.changes import Change, ChangeSet, Drift, Update
from deploy.cloud import Invocation, Node
from deploy.drafts import Drafts
from deploy.errors import ServiceError
from deploy.offers import Preview, Price, Provision
from deploy.options import parser
from deploy.session import Session
from deploy.stacks import Resource, Stack, StackEvent, StackPlan

_HOME = Path(tempfile.mkdtemp(prefix="whisper-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
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
        self.zones: dict[tuple[str, str], list[str]] = {}  # (region, instance type) to those in stock
        self.asked: list[str] = []  # what was begun, in order
        self.changes: tuple[Change, ...] = ()
        self.updates: list[Update] = []
        self.drifted: list[Drift] = []
        self.price_list: list[Price] = []
        self.needs: list[Provision] = []
        self.looked_at = ""
        self.ahead: float | None = 0.4

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
        elif stack.status == "UPDATE_IN_PROGRESS":
            self._stacks[stack_id] = replace(stack, status="UPDATE_COMPLETE")
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

    def attribute(self, stack_id: str, resource: str, name: str) -> Any:
        return ["i-1"] if name == "InstanceIds" else None

    def continue_create(self, stack_id: str) -> None:
        self.asked.append("continue")
        self._stacks[stack_id] = replace(self._stacks[stack_id], status="CREATE_IN_PROGRESS", reason="")

    def delete(self, stack_id: str, *, retain: bool = False) -> None:
        self.asked.append("delete, retaining" if retain else "delete")
        self._stacks[stack_id] = replace(self._stacks[stack_id], status="DELETE_IN_PROGRESS")

    def protect(self, stack_id: str, on: bool) -> None:
        self.asked.append("protect" if on else "unprotect")

    def template(self, stack_id: str) -> str:
        return "Parameters: {InstanceType: {Type: String}, Secret: {Type: String, NoEcho: true}}"

    def propose(self, update: Update) -> str:
        self.updates.append(update)
        return "changes-1"

    def change_set(self, change_set_id: str) -> ChangeSet:
        if self.changes:
            return ChangeSet(change_set_id, "CREATE_COMPLETE", "", self.changes)
        return ChangeSet(change_set_id, "CREATE_FAILED", "There are no changes.", ())

    def execute(self, change_set_id: str) -> None:
        self.asked.append("execute")
        stack_id = self.updates[-1].stack_id
        self._stacks[stack_id] = replace(self._stacks[stack_id], status="UPDATE_IN_PROGRESS")

    def discard(self, change_set_id: str) -> None:
        self.asked.append("discard")

    def detect_drift(self, stack_id: str) -> str:
        self.asked.append("detect")
        return "detection-1"

    def drift_detected(self, detection_id: str) -> bool:
        self.asked.append("detected?")
        return self.asked.count("detected?") > 1

    def drifts(self, stack_id: str) -> list[Drift]:
        return self.drifted

    def prices(self, template: str, parameters: Mapping[str, Any]) -> list[Price]:
        return self.price_list

    def preview(self, plan: StackPlan) -> list[Preview]:
        self.plans.append(plan)
        return [Preview("Vpc", "ALIYUN::ECS::VPC", "Add", {"VpcName": plan.name})]

    def allowed(self, template: str, parameters: Mapping[str, Any], key: str, *, region: str = "") -> list[str]:
        return self.zones.get((region or "cn-hangzhou", str(parameters["InstanceType"])), [])

    def policy(self, template: str) -> dict[str, Any]:
        return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["ros:CreateStack"], "Resource": "*"}]}

    def provisions(self, template: str) -> list[Provision]:
        self.looked_at = template
        return self.needs

    def clock_ahead(self) -> float | None:
        return self.ahead


class FakeMachines:
    """Ends every command at the second look, with what it was told to say. `members` are a scaling group's nodes."""

    def __init__(self, output: str = "", exit_code: int | None = 0, *, dropped: int = 0) -> None:
        self.scripts: list[str] = []
        self.account: dict[str, str] = {}
        self.members: list[Node] = []
        self.ran_on: list[str] = []
        self._running = Invocation("Running", None, "", 0, "")
        self._ended = Invocation("Success" if exit_code == 0 else "Failed", exit_code, output, dropped, "")
        self._looks = 0

    def run(self, instance_id: str, script: str, *, name: str, timeout: int) -> str:
        self.scripts.append(script)
        self.ran_on.append(instance_id)
        return "t-1"

    def nodes(self, group: str) -> list[Node]:
        return self.members

    def invocation(self, invocation_id: str) -> Invocation:
        self._looks += 1
        return self._ended if self._looks > 1 else self._running

    def attributes(self, names: Sequence[str]) -> dict[str, str]:
        return self.account


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def session(
    words: str,
    cloud: FakeCloud,
    *,
    stdin: str = "",
    terminal: bool = False,
    machines: FakeMachines | None = None,
    home: Path | None = None,
) -> Session:
    """A session as `cli.run` makes it, with a cloud that is already connected and time that does not pass. Drafts are
    kept in `home`, by default in a folder of this process."""
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
    # Where cached_property keeps them.
    made.__dict__.update(cloud=cloud, machines=machines or FakeMachines(), account=None)
    made.__dict__["drafts"] = Drafts(home or _HOME / str(id(cloud)))
    return made


def printed(made: Session) -> tuple[str, str]:
    assert isinstance(made.stdout, io.StringIO)
    assert isinstance(made.stderr, io.StringIO)
    return made.stdout.getvalue(), made.stderr.getvalue()
