"""`computenest.builder.Automation` over OOS 2019-06-01, whose two calls are worth no SDK of their own."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from ..computenest.builder import Execution
from .calls import Calls

_TEMPLATE = "ACS-ECS-UpdateImage"


class Oos:
    def __init__(self, client: Client, region: str, calls: Calls) -> None:
        self._client, self._region, self._calls = client, region, calls

    def update_image(self, settings: Mapping[str, Any], zone: str) -> str:
        content = base64.b64encode(str(settings["CommandContent"]).encode()).decode()
        given = {name[0].lower() + name[1:]: value for name, value in settings.items()}
        # The names are the template's own. Without networks of the account it makes one and removes it.
        own = {"commandContent": content, "contentEncoding": "Base64", "zoneId": zone, "whetherCreateVpc": True,
               "OOSAssumeRole": ""}  # fmt: skip
        body = self._call("StartExecution", TemplateName=_TEMPLATE, Parameters=json.dumps({**given, **own}),
                          ClientToken=uuid.uuid4().hex)  # fmt: skip
        return str(body["Execution"]["ExecutionId"])

    def execution(self, execution_id: str) -> Execution:
        found = self._call("ListExecutions", ExecutionId=execution_id).get("Executions") or [{}]
        tasks = found[0].get("CurrentTasks") or [{}]
        return Execution(
            status=str(found[0].get("Status") or "Queued"),  # an execution that has just begun may not be listed yet
            task=str(tasks[0].get("TaskName") or ""),
            reason=str(found[0].get("StatusMessage") or ""),
            image=str(json.loads(found[0].get("Outputs") or "{}").get("imageId") or ""),
        )

    def _call(self, action: str, **query: str) -> Mapping[str, Any]:
        params = Params(action=action, version="2019-06-01", protocol="HTTPS", pathname="/", method="POST",
                        auth_type="AK", style="RPC", req_body_type="formData", body_type="json")  # fmt: skip
        request = OpenApiRequest(query={"RegionId": self._region, **query})
        answer = self._calls.answer(lambda sent: self._client.call_api(params, sent, RuntimeOptions()), request)
        body: Mapping[str, Any] = answer["body"]
        return body
