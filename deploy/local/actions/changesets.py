"""Change sets: what would change, kept until somebody lets it happen."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..changes import Change, changes
from ..engine import REVIEW, Engine
from ..errors import ApiError, action_in_progress, invalid_parameter, not_supported
from ..evaluation import hidden
from ..store import CreateRequest, Stack, request_of
from ..template import read_template
from ..wire import Arguments
from . import (
    Action,
    Body,
    changed_request,
    check_name,
    choice,
    new_stack_request,
    page,
    region_of,
    stack_of,
    timestamp,
)

_KIND = "changeset"
_SECONDS = 0.2  # for which the making of a change set counts as going on: callers must be able to wait
_MOST = 20
_SAME = "Update the completely same stack is not supported."
ChangeSet = dict[str, Any]


class ChangeSetActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreateChangeSet": self.create_change_set,
            "DeleteChangeSet": self.delete_change_set,
            "ExecuteChangeSet": self.execute_change_set,
            "GetChangeSet": self.get_change_set,
            "ListChangeSets": self.list_change_sets,
        }

    def create_change_set(self, arguments: Arguments) -> Body:
        name, region = arguments.required("ChangeSetName"), region_of(arguments)
        check_name(name, "ChangeSetName")
        if arguments.text("ChangeSetType") == "IMPORT":
            raise invalid_parameter("ChangeSetType", "the local target does not import resources")
        kind = choice(arguments, "ChangeSetType", "UPDATE", "CREATE", "UPDATE")
        description = arguments.text("Description")
        if len(description.encode()) > 1024:
            raise invalid_parameter("Description", "it has at most 1024 bytes")
        if kind == "CREATE":
            stack_name = arguments.required("StackName")
            check_name(stack_name, "StackName")
            request = new_stack_request(arguments)
            stack = self._engine.find(self._engine.create(stack_name, region, request, review=True))
        else:
            stack = stack_of(self._engine, arguments)
            request = changed_request(stack, arguments)
            self._engine.require_idle(stack)
            self._engine.check(replace(stack, request=request))
            self._check_place(stack, name)
        return self._save(stack, name, kind, description, request)

    def get_change_set(self, arguments: Arguments) -> Body:
        found = self._find(arguments)
        stack = self._engine.find(found["stack"])
        body = {**self._summary(found, stack), **self._request(found, stack)}
        if found["status"] == "CREATE_COMPLETE" and self._ready(found):
            body["Changes"] = found["changes"]
        if arguments.flag("ShowTemplate"):
            body["TemplateBody"] = found["request"]["template"]
        return body

    def list_change_sets(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        listed = [self._summary(found, stack) for found in self._engine.store.documents(_KIND, stack.id)]
        for key in ("ChangeSetId", "ChangeSetName", "Status", "ExecutionStatus"):
            wanted = arguments.texts(key)
            listed = [item for item in listed if not wanted or item[key] in wanted]
        return page("ChangeSets", listed, arguments)

    def execute_change_set(self, arguments: Arguments) -> Body:
        found = self._find(arguments)
        stack = self._engine.find(found["stack"])
        shown = self._summary(found, stack)
        if shown["ExecutionStatus"] != "AVAILABLE":
            message = f"Execute a change set in {shown['Status']}, {shown['ExecutionStatus']} is not supported."
            raise not_supported(message)
        request = request_of(found["request"])
        if found["type"] == "CREATE":
            self._engine.create_reviewed(stack, request)
        else:
            self._engine.update(stack, request)
        self._keep({**found, "execution": "EXECUTED"})
        for other in self._engine.store.documents(_KIND, stack.id):
            if other["id"] != found["id"] and other["execution"] == "AVAILABLE":
                self._keep({**other, "execution": "OBSOLETE"})
        return {}

    def delete_change_set(self, arguments: Arguments) -> Body:
        found = self._find(arguments)
        stack = self._engine.find(found["stack"])
        if self._summary(found, stack)["ExecutionStatus"] == "EXECUTE_IN_PROGRESS":
            raise action_in_progress(stack.name, "EXECUTE")
        self._engine.store.forget_document(_KIND, found["id"])
        return {}

    def _check_place(self, stack: Stack, name: str) -> None:
        others = self._engine.store.documents(_KIND, stack.id)
        if any(other["name"] == name for other in others):
            raise ApiError("ChangeSetExists", f"The ChangeSet ({name}) already exists.", 409)
        if len(others) >= _MOST:
            raise ApiError("ChangeSetLimitExceeded", f"A stack has at most {_MOST} change sets.", 403)

    def _save(self, stack: Stack, name: str, kind: str, description: str, request: CreateRequest) -> Body:
        planned = changes(stack, request, self._engine.resources(stack), self._engine.handlers)
        hide = self._engine.secrets_of(replace(stack, request=request, previous=stack.request))
        shown = [hidden(_shown(change), hide) for change in planned if change.action != "None"]
        same = kind == "UPDATE" and not shown and stack.request.tags == request.tags and _outside(stack, request)
        found = {
            "id": str(uuid.uuid4()),
            "stack": stack.id,
            "name": name,
            "type": kind,
            "description": description,
            "created": time.time(),
            "status": "CREATE_FAILED" if same else "CREATE_COMPLETE",
            "reason": _SAME if same else "",
            "execution": "UNAVAILABLE" if same else "AVAILABLE",
            "request": vars(request),
            "changes": shown,
        }
        self._keep(found)
        return {"ChangeSetId": found["id"], "StackId": stack.id}

    def _keep(self, found: ChangeSet) -> None:
        self._engine.store.save_document(_KIND, found["id"], found["stack"], found["created"], found)

    def _find(self, arguments: Arguments) -> ChangeSet:
        region, change_set_id = region_of(arguments), arguments.required("ChangeSetId")
        found: ChangeSet | None = self._engine.store.document(_KIND, change_set_id)
        if found is None or self._engine.find(found["stack"]).region != region:
            raise ApiError("ChangeSetNotFound", f"The ChangeSet ({change_set_id}) could not be found.", 404)
        return found

    def _ready(self, found: ChangeSet) -> bool:
        return bool(time.time() >= found["created"] + _SECONDS)

    def _execution(self, found: ChangeSet, stack: Stack) -> str:
        if not self._ready(found):
            return "UNAVAILABLE"
        if found["execution"] == "AVAILABLE" and stack.status != REVIEW and stack.updated > found["created"]:
            return "OBSOLETE"  # the stack changed since
        if found["execution"] != "EXECUTED":
            return str(found["execution"])
        if stack.status.endswith("_IN_PROGRESS"):
            return "EXECUTE_IN_PROGRESS"
        return "EXECUTE_COMPLETE" if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else "EXECUTE_FAILED"

    def _summary(self, found: ChangeSet, stack: Stack) -> dict[str, Any]:
        return {
            "ChangeSetId": found["id"],
            "ChangeSetName": found["name"],
            "ChangeSetType": found["type"],
            "Description": found["description"],
            "CreateTime": timestamp(found["created"]),
            "Status": found["status"] if self._ready(found) else "CREATE_IN_PROGRESS",
            "StatusReason": found["reason"] if self._ready(found) else "",
            "ExecutionStatus": self._execution(found, stack),
            "StackId": stack.id,
            "StackName": stack.name,
            "RegionId": stack.region,
            "Tags": [{"Key": key, "Value": value} for key, value in found["request"]["tags"]],
        }

    @staticmethod
    def _request(found: ChangeSet, stack: Stack) -> dict[str, Any]:
        request = request_of(found["request"])
        declared = read_template(request.template).parameters
        return {
            "DisableRollback": not request.rollback,
            "TimeoutInMinutes": request.timeout_minutes,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": "****" if declared[key].no_echo else value}
                for key, value in request.parameters.items()
            ],
        }


def _outside(stack: Stack, request: CreateRequest) -> bool:
    """Whether the rest of the template, such as its outputs, is the same."""
    return read_template(stack.request.template) == read_template(request.template)


def _shown(change: Change) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "LogicalResourceId": change.name,
        "ResourceType": change.type,
        "Action": change.action,
    }
    if change.action != "Add":
        entry["PhysicalResourceId"] = change.physical_id
    if change.action == "Modify":
        entry["Replacement"] = change.replacement
        entry["Scope"] = ["Properties"]
        entry["Details"] = [
            {
                "Target": {
                    "Attribute": "Properties",
                    "Name": detail.name,
                    "RequiresRecreation": "Always" if detail.recreates else "Never",
                    "BeforeValue": detail.before,
                    "AfterValue": detail.after,
                },
                "Evaluation": "Dynamic" if detail.dynamic else "Static",
                "ChangeSource": detail.source,
                **({"CausingEntity": detail.cause} if detail.cause else {}),
            }
            for detail in change.details
        ]
    return {"Type": "Resource", "ResourceChange": entry}
