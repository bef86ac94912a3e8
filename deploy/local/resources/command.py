"""ALIYUN::ECS::RunCommand: really runs on the instances."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Mapping
from typing import Any

from ..commands import Command
from ..errors import CancelError, ResourceError
from ..instances import Outcome
from . import Context, Property, random_id

MAX_BASE64_BYTES = 24 * 1024  # of CommandContent after Base64; the ROS page says 16 KB, the newer ECS page 24 KB
_PROCESS_TYPE = "ALIYUN::ECS::RunCommand"


class RunCommand:
    type = _PROCESS_TYPE
    repeatable = False
    attributes = frozenset({"CommandId", "InvokeId", "InvokeInstances", "InvokeResults"})
    properties: Mapping[str, Property] = {
        "CommandContent": Property("text", required=True, editable=True),
        "InstanceIds": Property("list"),  # another machine has not run it yet
        "Type": Property("text", allowed=("RunShellScript",)),
        "ContentEncoding": Property("text", allowed=("PlainText", "Base64")),
        "Sync": Property("flag", editable=True),
        "Timeout": Property("number", editable=True),
        "WorkingDir": Property("text", editable=True),
        "Name": Property("text", editable=True),
        "Description": Property("text", editable=True),
        "RepeatMode": Property("text", allowed=("Once",)),
        "KeepCommand": Property("flag"),
        "RunAgainOn": Property("list", editable=True),
        "ResourceGroupId": Property("text"),
        "Tags": Property("list", editable=True),
    }

    def new_id(self, context: Context) -> str:
        return random_id("t")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._run(context, physical_id, properties)

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Runs again only where the template says so."""
        if "Update" not in properties.get("RunAgainOn", []):
            return attributes
        return self._run(context, random_id("t"), properties)

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        """A command that runs in the background is ended, so that another attempt does not meet it."""
        context.commands.stop(str(attributes.get("InvokeId", physical_id)))

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True

    def _run(self, context: Context, invoke_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        targets = [str(i) for i in properties.get("InstanceIds", [])]
        if not 1 <= len(targets) <= 50:
            raise ResourceError("InstanceIds should name 1 to 50 instances")
        for target in targets:
            if not context.instances.exists(target):
                raise ResourceError(f"InvalidInstance.NotFound: there is no instance {target}")
        command = Command(
            script=_script(properties),
            timeout=float(properties.get("Timeout", 60)),
            working_dir=str(properties.get("WorkingDir", "/root")),
            name=str(properties.get("Name", f"{context.stack_name}-{context.name}")),
            description=str(properties.get("Description", "")),
            stack=context.stack_id,
            resource=context.name,
            hide=context.hide,
        )
        known: dict[str, Any] = {
            "CommandId": random_id("c"),
            "InvokeId": invoke_id,
            "InvokeInstances": targets,
            "InvokeResults": [],
        }
        if not properties.get("Sync"):
            threading.Thread(target=self._later, args=(context, known, command), daemon=True).start()
            return known
        outcomes = context.commands.run(invoke_id, known["CommandId"], command, targets, context.cancelled)
        said = _said(context.name, targets, outcomes)
        context.outcomes[context.name] = said
        if not all(outcome.good for outcome in outcomes):
            raise ResourceError(f"InvokeFailed: {said}")
        return {**known, "InvokeResults": _results(targets, outcomes)}

    @staticmethod
    def _later(context: Context, known: dict[str, Any], command: Command) -> None:
        targets = known["InvokeInstances"]
        try:
            outcomes = context.commands.run(known["InvokeId"], known["CommandId"], command, targets, threading.Event())
        except (ResourceError, CancelError) as error:
            context.outcomes[context.name] = f"{context.name}: {error or 'was ended'}"
            return
        context.outcomes[context.name] = _said(context.name, targets, outcomes)
        context.report({**known, "InvokeResults": _results(targets, outcomes)})


def _said(name: str, targets: list[str], outcomes: list[Outcome]) -> str:
    return "; ".join(f"{name} on {target} {outcome}" for target, outcome in zip(targets, outcomes, strict=True))


def _script(properties: Mapping[str, Any]) -> str:
    content = str(properties["CommandContent"])
    encoded = properties.get("ContentEncoding") == "Base64"
    size = len(content) if encoded else len(base64.b64encode(content.encode()))
    if size > MAX_BASE64_BYTES:
        raise ResourceError(
            f"CmdContent.ExceedLimit: CommandContent is {size} bytes in Base64; the limit is {MAX_BASE64_BYTES}"
        )
    if not encoded:
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ResourceError("InvalidCmdContent: CommandContent is not Base64 of UTF-8 text") from None


def _results(targets: list[str], outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """In the form of ECS's DescribeInvocationResults."""
    return [
        {
            "InstanceId": target,
            "ExitCode": outcome.exit_code,
            "InvokeRecordStatus": "Finished" if outcome.good else "Timeout" if outcome.exit_code is None else "Failed",
            "Output": base64.b64encode(outcome.output.encode()).decode(),
            "FinishedTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        for target, outcome in zip(targets, outcomes, strict=True)
    ]
