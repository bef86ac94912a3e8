"""Stacks: made, changed, removed and looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..continuation import continued, without_failed
from ..drift import drift_status
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..evaluation import outputs
from ..parameters import resolve
from ..regions import ACCOUNT_ID
from ..store import Resource, Stack
from ..template import read_template
from ..view import scope_of
from ..wire import Arguments
from . import (
    Action,
    Body,
    changed_request,
    check_name,
    choice,
    given_parameters,
    new_stack_request,
    page,
    region_of,
    stack_of,
    template_of,
    timestamp,
)

_WITH_OUTPUTS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE")
_OPERATIONS = {
    "CreateStack": "CREATE_IN_PROGRESS",
    "UpdateStack": "UPDATE_IN_PROGRESS",
    "DeleteStack": "DELETE_IN_PROGRESS",
}


class StackActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "CancelStackOperation": self.cancel_stack_operation,
            "CancelUpdateStack": self.cancel_update_stack,
            "ContinueCreateStack": self.continue_create_stack,
            "CreateStack": self.create_stack,
            "DeleteStack": self.delete_stack,
            "GetStack": self.get_stack,
            "ListStacks": self.list_stacks,
            "SetDeletionProtection": self.set_deletion_protection,
            "UpdateStack": self.update_stack,
        }

    def create_stack(self, arguments: Arguments) -> Body:
        name, region = arguments.required("StackName"), region_of(arguments)
        check_name(name, "StackName")
        token = arguments.text("ClientToken")
        return {"StackId": self._engine.create(name, region, new_stack_request(arguments), token)}

    def update_stack(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        if arguments.texts("DryRunOptions"):
            raise invalid_parameter("DryRunOptions", "the local target does not know them")
        request = changed_request(stack, arguments)
        if arguments.flag("DryRun"):
            self._engine.require_idle(stack)
            self._engine.check(replace(stack, request=request))
        else:
            self._engine.update(stack, request)
        return {"StackId": stack.id}

    def continue_create_stack(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        self._engine.require_failed_creation(stack)
        resources = self._engine.resources(stack)
        if choice(arguments, "Mode", "Recreate", "Recreate", "Ignore") == "Ignore":
            request, dropped = without_failed(stack, resources)
            if not arguments.flag("DryRun"):
                self._engine.settle_creation(stack, request, dropped)
            return {"StackId": stack.id}
        plan = continued(
            stack,
            resources,
            given_parameters(arguments),
            template_of(arguments),
            arguments.texts("RecreatingResources"),
        )
        self._engine.check(replace(stack, request=plan.request))
        if arguments.flag("DryRun"):
            return {"StackId": stack.id, "DryRunResult": plan.freedom}
        self._engine.continue_creation(stack, plan.request, plan.again)
        return {"StackId": stack.id}

    def delete_stack(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        self._engine.delete(
            stack.id, frozenset(arguments.texts("RetainResources")), arguments.flag("RetainAllResources")
        )
        return {}

    def cancel_stack_operation(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        quick = choice(arguments, "CancelType", "Safe", "Safe", "Quick") == "Quick"
        allowed = arguments.texts("AllowedStackOperations")
        unknown = [operation for operation in allowed if operation not in _OPERATIONS]
        if unknown:
            raise invalid_parameter("AllowedStackOperations", f"the local target knows {', '.join(_OPERATIONS)}")
        if allowed and stack.status not in [_OPERATIONS[operation] for operation in allowed]:
            message = f"Cancel an operation of a stack in {stack.status} is not allowed by AllowedStackOperations."
            raise ApiError("NotSupported", message)
        self._engine.cancel(stack, quick=quick, then="failure")
        return {}

    def cancel_update_stack(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        if stack.status != "UPDATE_IN_PROGRESS":
            raise ApiError("NotSupported", f"Cancel update of a stack in {stack.status} is not supported.")
        quick = choice(arguments, "CancelType", "Safe", "Safe", "Quick") == "Quick"
        self._engine.cancel(stack, quick=quick, then="rollback")
        return {}

    def set_deletion_protection(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        arguments.required("DeletionProtection")
        enabled = choice(arguments, "DeletionProtection", "", "Enabled", "Disabled") == "Enabled"
        self._engine.protect(stack, enabled)
        return {}

    def get_stack(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        template, resources = read_template(stack.request.template), self._engine.store.resources(stack.id)
        values = resolve(template.parameters, stack.request.parameters)
        shown = [
            {"ParameterKey": name, "ParameterValue": p.shown(values[name])} for name, p in template.parameters.items()
        ]
        pseudo = {"ALIYUN::StackName": stack.name, "ALIYUN::StackId": stack.id, "ALIYUN::Region": stack.region,
                  "ALIYUN::AccountId": ACCOUNT_ID}  # fmt: skip
        body = {
            **_summary(stack, resources),
            "Description": template.description,
            "TemplateDescription": template.description,
            "Parameters": [*shown, *({"ParameterKey": key, "ParameterValue": value} for key, value in pseudo.items())],
            "NotificationURLs": list(stack.request.notification_urls),
            "Interface": json.dumps(template.metadata.get("ALIYUN::ROS::Interface", {}), ensure_ascii=False),
            "Outputs": [],
        }
        if stack.status in _WITH_OUTPUTS and arguments.text("OutputOption") != "Disabled":
            body["Outputs"] = outputs(scope_of(stack, resources, self._engine.store), self._engine.secrets_of(stack))
        if arguments.text("ShowResourceProgress").startswith("Enabled"):
            body["ResourceProgress"] = _progress(stack, resources)
        checked = [resource.drift for resource in resources.values() if resource.drift]
        if checked:
            body["DriftDetectionTime"] = timestamp(max(drift["time"] for drift in checked))
        return body

    def list_stacks(self, arguments: Arguments) -> Body:
        region, names, statuses = region_of(arguments), arguments.texts("StackName"), arguments.texts("Status")
        ids = {*arguments.texts("StackIds"), *arguments.texts("StackId")}
        tags = arguments.pairs("Tag", "Key", "Value")

        def fits(stack: Stack) -> bool:
            return (
                (stack.status in statuses if statuses else stack.status != "DELETE_COMPLETE")
                and (not names or any(_wildcard(pattern, stack.name) for pattern in names))
                and (not ids or stack.id in ids)
                and all(any(k == key and value in ("", v) for k, v in stack.request.tags) for key, value in tags)
            )

        listed = page("Stacks", [stack for stack in self._engine.store.stacks(region) if fits(stack)], arguments)
        summaries = [_summary(stack, self._engine.resources(stack)) for stack in listed["Stacks"]]
        return {**listed, "Stacks": summaries}


def _wildcard(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _summary(stack: Stack, resources: Mapping[str, Resource]) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "RegionId": stack.region,
        "Status": stack.status,
        "StatusReason": stack.reason,
        "StackType": "ROS",
        "StackDriftStatus": drift_status(resources),
        "CreateTime": timestamp(stack.created),
        "UpdateTime": timestamp(stack.updated),
        "TimeoutInMinutes": stack.request.timeout_minutes,
        "DisableRollback": not stack.request.rollback,
        "DeletionProtection": "Enabled" if stack.request.deletion_protection else "Disabled",
        "Tags": [{"Key": key, "Value": value} for key, value in stack.request.tags],
        "ServiceManaged": False,
    }


def _progress(stack: Stack, resources: Mapping[str, Resource]) -> dict[str, Any]:
    scope = scope_of(stack, resources)
    total = sum(scope.included(name) for name in scope.template.resources)
    by_end = [r.status.rpartition("_")[2] for r in resources.values()]
    active = [r for r in resources.values() if r.status.endswith("_IN_PROGRESS")]
    return {
        "TotalResourceCount": total,
        "SuccessResourceCount": by_end.count("COMPLETE"),
        "FailedResourceCount": by_end.count("FAILED"),
        "InProgressResourceCount": len(active),
        "PendingResourceCount": max(total - len(resources), 0),
        "StackOperationProgress": round(100 * by_end.count("COMPLETE") / max(total, 1), 1),
        "InProgressResourceDetails": [{"ResourceName": r.name, "ResourceType": r.type} for r in active],
    }
