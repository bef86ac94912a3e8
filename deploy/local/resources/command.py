"""ALIYUN::ECS::RunCommand: really runs on the instances."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
        "CommandContent": Property("text", required=True),
        "InstanceIds": Property("list"),
        "Type": Property("text", allowed=("RunShellScript",)),
        "ContentEncoding": Property("text", allowed=("PlainText", "Base64")),
        "Sync": Property("flag"),
        "Timeout": Property("number"),
        "WorkingDir": Property("text"),
        "Name": Property("text"),
        "Description": Property("text"),
        "RepeatMode": Property("text", allowed=("Once",)),
        "KeepCommand": Property("flag"),
        "RunAgainOn": Property("list"),
        "ResourceGroupId": Property("text"),
        "Tags": Property("list"),
    }

    def new_id(self, context: Context) -> str:
        return random_id("t")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        script, targets = _script(properties), [str(i) for i in properties.get("InstanceIds", [])]
        if not 1 <= len(targets) <= 50:
            raise ResourceError("InstanceIds should name 1 to 50 instances")
        for target in targets:
            if not context.instances.exists(target):
                raise ResourceError(f"InvalidInstance.NotFound: there is no instance {target}")
        timeout, folder = float(properties.get("Timeout", 60)), str(properties.get("WorkingDir", "/root"))
        known = {"CommandId": random_id("c"), "InvokeId": physical_id, "InvokeInstances": targets, "InvokeResults": []}
        stop = context.cancelled if properties.get("Sync") else threading.Event()

        def run(target: str) -> Outcome:
            return context.instances.run(target, script, timeout, folder, stop.is_set)

        def run_all() -> list[Outcome]:
            with ThreadPoolExecutor(len(targets)) as pool:
                outcomes = list(pool.map(run, targets))
            context.outcomes[context.name] = "; ".join(
                f"{context.name} on {t} {o}" for t, o in zip(targets, outcomes, strict=True)
            )
            return outcomes

        if not properties.get("Sync"):
            threading.Thread(target=self._later, args=(context, known, run_all), daemon=True).start()
            return known
        outcomes = run_all()
        if not all(outcome.good for outcome in outcomes):
            raise ResourceError(f"InvokeFailed: {context.outcomes[context.name]}")
        return {**known, "InvokeResults": _results(targets, outcomes)}

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        """A command that runs ends with its instance."""

    @staticmethod
    def _later(context: Context, known: dict[str, Any], run_all: Any) -> None:
        try:
            outcomes = run_all()
        except (ResourceError, CancelError) as error:
            context.outcomes[context.name] = f"{context.name}: {error}"
            return
        context.report({**known, "InvokeResults": _results(known["InvokeInstances"], outcomes)})


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
