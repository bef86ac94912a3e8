"""OOS 2019-06-01: executions of ACS-ECS-UpdateImage. The image is not really built: its build is noted and counts as
done, and its id is made up."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..wire import Arguments
from . import Action, Body, region_of

_KIND = "execution"
_TEMPLATE = "ACS-ECS-UpdateImage"
_NEEDED = ("sourceImageId", "instanceType", "commandContent", "commandType", "targetImageName", "zoneId")


class ExecutionActions:
    def __init__(self, engine: Engine) -> None:
        self._store = engine.store

    def actions(self) -> Mapping[str, Action]:
        return {"ListExecutions": self.list_executions, "StartExecution": self.start_execution}

    def start_execution(self, arguments: Arguments) -> Body:
        region, template = region_of(arguments), arguments.required("TemplateName")
        if template != _TEMPLATE:
            raise ApiError("EntityNotExists.Template", f"The template {template} does not exist.", 404)
        try:
            given = json.loads(arguments.required("Parameters"))
            missing = [name for name in _NEEDED if not given.get(name)]
        except (ValueError, AttributeError):
            raise invalid_parameter("Parameters", "it should be a JSON object") from None
        if missing:
            raise ApiError("MissingParameter", f"The template parameter {missing[0]} is required.")
        taken = any(given["targetImageName"] == other["Image"] for other in self._store.documents(_KIND))
        made = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:20]
        execution: dict[str, Any] = {
            "ExecutionId": f"exec-{uuid.uuid4().hex[:20]}",
            "TemplateName": template,
            "RegionId": region,
            "Status": "Failed" if taken else "Success",
            "StatusMessage": f"The image {given['targetImageName']} exists already." if taken else "",
            "Outputs": json.dumps({} if taken else {"imageId": f"m-{made}"}),
            "CurrentTasks": [],
        }
        self._store.save_document(
            _KIND, execution["ExecutionId"], "", time.time(), {"Image": given["targetImageName"], "Shown": execution}
        )
        return {"Execution": execution}

    def list_executions(self, arguments: Arguments) -> Body:
        wanted = arguments.text("ExecutionId")
        found: list[Any] = [each["Shown"] for each in self._store.documents(_KIND)]
        return {"Executions": [each for each in found if wanted in ("", each["ExecutionId"])]}
