"""Tasks that run test cases: each case is a stack of the service's template, followed to its end and removed again.

What a case leaves to iact3 (`$[iact3-auto]`) is chosen as iact3 does: the first value in stock, else by the parameter's
name. Where that finds nothing, the parameter is left out, and the template says whether it could be.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import yaml

from ..actions import Action, Body, choice
from ..constraints import constraints
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..regions import REGIONS
from ..store import CreateRequest, Stack
from ..template import read_template
from ..wire import Arguments
from .cases import AUTO, Case, CaseActions
from .fields import filters, listing, moment

_KIND = "service-test-task"
_REGION = "$[iact3-current-region]"
_LOOK_SECONDS = 0.2
RUNNING, SUCCESS, FAILURE = "Running", "Success", "Failure"
Task = dict[str, Any]


class TaskActions:
    def __init__(self, engine: Engine, cases: CaseActions) -> None:
        self._engine, self._cases, self._store = engine, cases, engine.store

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreateServiceTestTask": self.create_service_test_task,
            "GetServiceTestTask": self.get_service_test_task,
            "ListServiceTestTaskLogs": self.list_service_test_task_logs,
            "ListServiceTestTasks": self.list_service_test_tasks,
        }

    def resume(self) -> None:
        """Goes on with the tasks that an earlier emulator had begun."""
        for task in self._store.documents(_KIND):
            self._follow(task)

    def create_service_test_task(self, arguments: Arguments) -> Body:
        name, region = arguments.required("TaskName"), arguments.text("TaskRegionId") or next(iter(REGIONS))
        if region not in REGIONS:
            raise invalid_parameter("TaskRegionId", f"there is no region {region}")
        cases = [self._cases.find(case_id) for case_id in arguments.texts("TestCaseIds")]
        if not cases:
            raise ApiError("MissingTestCaseIds", "The input parameter TestCaseIds is not supplied.")
        task = {"Id": _new_id(), "Name": name, "Region": region, "Created": time.time(),
                "Runs": [self._begin(case, region) for case in cases]}  # fmt: skip
        self._save(task)
        self._follow(task)
        return {"TaskId": task["Id"]}

    def get_service_test_task(self, arguments: Arguments) -> Body:
        task = self._find(arguments)
        details = [
            {"SubTaskId": run["Id"], "CaseName": run["Case"], "Status": run["Status"], "ExecutionReport": run["Report"]}
            for run in task["Runs"]
        ]
        return {"TaskName": task["Name"], "TaskRegionId": task["Region"], "Status": _status(task),
                "ExecutionDetails": details}  # fmt: skip

    def list_service_test_tasks(self, arguments: Arguments) -> Body:
        wanted, service = filters(arguments), arguments.text("ServiceId")
        version = arguments.text("ServiceVersion")
        found = []
        for task in self._store.documents(_KIND):
            having = {"Status": _status(task), "TaskId": task["Id"]}
            of_service = any(service in ("", r["Service"]) and version in ("", r["Version"]) for r in task["Runs"])
            if of_service and all(having.get(key) in values for key, values in wanted.items() if values):
                found.append({**having, "TaskName": task["Name"], "TaskRegionId": task["Region"],
                              "CreateTime": moment(task["Created"])})  # fmt: skip
        return {**listing("ServiceTestTasks", found, arguments), "Count": len(found)}

    def list_service_test_task_logs(self, arguments: Arguments) -> Body:
        """What happened to the stacks of its cases."""
        task = self._find(arguments)
        newest_first = choice(arguments, "SortOrder", "Descending", "Ascending", "Descending") == "Descending"
        events = [event for run in task["Runs"] if run["Stack"] for event in self._store.events(run["Stack"])]
        logs = [
            {"Timestamp": moment(e.time), "Content": f"{e.stack_name} {e.name} {e.status} {e.reason}".strip()}
            for e in sorted(events, key=lambda event: event.time, reverse=newest_first)
        ]
        return listing("TaskLogs", logs, arguments)

    def _begin(self, case: Case, region: str) -> dict[str, Any]:
        run = {"Id": _new_id(), "Case": case["Name"], "Service": case["Service"], "Version": case["Version"],
               "Status": RUNNING, "Stack": "", "Ended": "", "Report": ""}  # fmt: skip
        try:
            template = self._cases.template_of(case)
            request = CreateRequest(template, self._parameters(case, template, region), rollback=False)
            run["Stack"] = self._engine.create(f"iact3-{run['Id']}", region, request)
        except ApiError as error:
            run |= {"Status": FAILURE, "Report": f"{error.code}: {error.message}"}
        return run

    def _parameters(self, case: Case, text: str, region: str) -> dict[str, str]:
        config = yaml.safe_load(case["Config"])["parameters"]
        given = {str(key): value for key, value in config.items() if value is not None}
        known = {key: _text(value) for key, value in given.items() if value != AUTO}
        in_stock = self._engine.means.faults.in_stock
        for entry in constraints(read_template(text), known, region, in_stock):
            key, offered = entry["ParameterKey"], entry.get("AllowedValues", ())
            if given.get(key) == AUTO:
                known[key] = next(iter(offered), "") or _by_name(key)
        return {key: region if value == _REGION else value for key, value in known.items() if value}

    def _follow(self, task: Task) -> None:
        if _status(task) == RUNNING:
            name = f"test {task['Name']}"
            threading.Thread(target=self._to_the_end, args=(task,), name=name, daemon=True).start()

    def _to_the_end(self, task: Task) -> None:
        for run in task["Runs"]:
            if run["Status"] != RUNNING:
                continue
            if not run["Ended"]:
                stack = self._rested(run["Stack"])
                run |= {"Ended": stack.status, "Report": _report(stack)}
                self._save(task)
            self._engine.delete(run["Stack"])
            removed = self._rested(run["Stack"])
            run["Report"] += f"\n{removed.status} {removed.reason}"
            ends = (run["Ended"], removed.status)
            run["Status"] = SUCCESS if ends == ("CREATE_COMPLETE", "DELETE_COMPLETE") else FAILURE
            self._save(task)

    def _rested(self, stack_id: str) -> Stack:
        while (stack := self._engine.find(stack_id)).status.endswith("_IN_PROGRESS"):
            time.sleep(_LOOK_SECONDS)
        return stack

    def _find(self, arguments: Arguments) -> Task:
        wanted = arguments.required("TaskId")
        task: Task | None = self._store.document(_KIND, wanted)
        if task is None:
            raise ApiError("EntityNotExist.ServiceTestTask", f"The test task {wanted} does not exist.", 404)
        return task

    def _save(self, task: Task) -> None:
        self._store.save_document(_KIND, task["Id"], "", task["Created"], task)


def _new_id() -> str:
    return f"stt-{uuid.uuid4().hex[:20]}"


def _status(task: Task) -> str:
    states = {run["Status"] for run in task["Runs"]}
    return next((status for status in (RUNNING, FAILURE) if status in states), SUCCESS)


def _report(stack: Stack) -> str:
    return f"Region: {stack.region}\nStackName: {stack.name}\nStackId: {stack.id}\n{stack.status} {stack.reason}"


def _by_name(key: str) -> str:
    if key.lower().endswith("password"):
        return f"Aa1{secrets.token_hex(8)}"
    return f"iact3-{secrets.token_hex(4)}" if key.lower().endswith("name") else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
