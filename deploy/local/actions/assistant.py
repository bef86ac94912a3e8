"""ECS 2014-05-26: Cloud Assistant's commands on instances."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

from ..commands import Command, Invocation
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..resources import random_id
from ..resources.command import MAX_BASE64_BYTES
from ..wire import Arguments
from . import Action, Body, choice, page, region_of
from .ecs import instances_of


class AssistantActions:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._commands = engine, engine.means.commands

    def actions(self) -> Mapping[str, Action]:
        return {
            "DescribeInvocationResults": self.describe_invocation_results,
            "DescribeInvocations": self.describe_invocations,
            "RunCommand": self.run_command,
            "StopInvocation": self.stop_invocation,
        }

    def run_command(self, arguments: Arguments) -> Body:
        region, targets = region_of(arguments), arguments.texts("InstanceId")
        choice(arguments, "Type", "", "RunShellScript")
        choice(arguments, "RepeatMode", "Once", "Once")
        if not 1 <= len(targets) <= 100:
            raise invalid_parameter("InstanceId", "a command runs on 1 to 100 instances")
        there = {instance for instance, _, _ in instances_of(self._engine, region)}
        for target in targets:
            if target not in there:
                message = f"The specified instances do not exist: {target}."
                raise ApiError("InvalidInstance.NotFound", message, 404)
        command = Command(
            script=_script(arguments),
            timeout=arguments.number("Timeout", 60, 10, 86_400),
            working_dir=arguments.text("WorkingDir", "/root"),
            name=arguments.text("Name"),
            description=arguments.text("Description"),
        )
        command_id, invoke_id = random_id("c"), random_id("t")
        self._commands.begin(invoke_id, command_id, command, targets)
        return {"CommandId": command_id, "InvokeId": invoke_id}

    def stop_invocation(self, arguments: Arguments) -> Body:
        region_of(arguments)
        self._commands.stop(arguments.required("InvokeId"))
        return {}

    def describe_invocations(self, arguments: Arguments) -> Body:
        found = [_invocation(invocation, arguments) for invocation in self._matching(arguments)]
        body = page("Invocations", found, arguments)
        return {**body, "Invocations": {"Invocation": body["Invocations"]}}

    def describe_invocation_results(self, arguments: Arguments) -> Body:
        wanted, plain = arguments.text("InstanceId"), arguments.text("ContentEncoding") == "PlainText"
        found = [
            {
                "InvokeId": invocation["invoke_id"],
                "CommandId": invocation["command_id"],
                **_result(target, result, plain),
            }
            for invocation in self._matching(arguments)
            for target, result in invocation["results"].items()
            if not wanted or target == wanted
        ]
        body = page("InvocationResults", found, arguments)
        return {"Invocation": {**body, "InvocationResults": {"InvocationResult": body["InvocationResults"]}}}

    def _matching(self, arguments: Arguments) -> list[Invocation]:
        region_of(arguments)
        invoke_id, command_id = arguments.text("InvokeId"), arguments.text("CommandId")
        target = arguments.text("InstanceId")
        return [
            each
            for each in self._commands.invocations()
            if (not invoke_id or each["invoke_id"] == invoke_id)
            and (not command_id or each["command_id"] == command_id)
            and (not target or target in each["results"])
        ]


def _script(arguments: Arguments) -> str:
    content = arguments.required("CommandContent")
    encoded = choice(arguments, "ContentEncoding", "PlainText", "PlainText", "Base64") == "Base64"
    size = len(content) if encoded else len(base64.b64encode(content.encode()))
    if size > MAX_BASE64_BYTES:
        message = f"The length of the command content exceeds the limit: {size} bytes in Base64, {MAX_BASE64_BYTES}."
        raise ApiError("CmdContent.ExceedLimit", message, 403)
    if not encoded:
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_parameter("CommandContent", "it is not Base64 of UTF-8 text") from None


def _invocation(invocation: Invocation, arguments: Arguments) -> dict[str, Any]:
    plain = arguments.text("ContentEncoding") == "PlainText"
    shown = [_result(target, result, plain) for target, result in invocation["results"].items()]
    statuses = {result["status"] for result in invocation["results"].values()}
    overall = (
        "Running"
        if "Running" in statuses
        else "Success"
        if statuses == {"Success"}
        else "PartialFailed"
        if "Success" in statuses
        else "Stopped"
        if statuses == {"Terminated"}
        else "Failed"
    )
    for result in shown:
        result["InstanceInvokeStatus"] = result.pop("InvokeRecordStatus")
        if not arguments.flag("IncludeOutput"):
            result.pop("Output", None)
    script = invocation["script"]
    return {
        "InvokeId": invocation["invoke_id"],
        "CommandId": invocation["command_id"],
        "CommandName": invocation["name"],
        "CommandDescription": invocation["description"],
        "CommandType": "RunShellScript",
        "CommandContent": script if plain else base64.b64encode(script.encode()).decode(),
        "Timeout": int(invocation["timeout"]),
        "WorkingDir": invocation["working_dir"],
        "RepeatMode": "Once",
        "CreationTime": _utc(invocation["created"]),
        "InvocationStatus": overall,
        "InvokeStatus": {"Running": "Running", "Success": "Finished", "Stopped": "Stopped"}.get(overall, overall),
        "InvokeInstances": {"InvokeInstance": shown},
    }


def _result(target: str, result: Mapping[str, Any], plain: bool) -> dict[str, Any]:
    output = result.get("output", "")
    status = result["status"]
    record = {"Running": "Running", "Success": "Finished", "Terminated": "Stopped"}.get(status, "Failed")
    return {
        "InstanceId": target,
        "InvocationStatus": status,
        "InvokeRecordStatus": record,
        "ExitCode": result.get("exit_code"),
        "Output": base64.b64decode(output).decode() if plain else output,
        "Dropped": result.get("dropped", 0),
        "ErrorCode": "TaskTimeout" if status == "Timeout" else "InternalError" if status == "Error" else "",
        "ErrorInfo": result.get("error", ""),
        "StartTime": _utc(result["started"]),
        "FinishTime": _utc(result["finished"]) if "finished" in result else "",
        "FinishedTime": _utc(result["finished"]) if "finished" in result else "",
        "Repeats": 1,
    }


def _utc(unix: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))
