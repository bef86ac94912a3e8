"""`cloud.Machines` over ECS: Cloud Assistant's RunCommand, and the account's attributes."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client

from ..cloud import Invocation
from ..errors import ServiceError
from .calls import Calls


class Ecs:
    def __init__(self, client: Client, region: str, calls: Calls) -> None:
        self._client, self._region, self._calls = client, region, calls

    def run(self, instance_id: str, script: str, *, name: str, timeout: int) -> str:
        body = self._calls.body(
            self._client.run_command,
            models.RunCommandRequest(
                region_id=self._region,
                type="RunShellScript",
                command_content=base64.b64encode(script.encode()).decode(),
                content_encoding="Base64",
                instance_id=[instance_id],
                name=name,
                timeout=timeout,
                repeat_mode="Once",
                keep_command=False,
                client_token=uuid.uuid4().hex,
            ),
        )
        return str(body.invoke_id)

    def invocation(self, invocation_id: str) -> Invocation:
        body = self._calls.body(
            self._client.describe_invocations,
            models.DescribeInvocationsRequest(
                region_id=self._region, invoke_id=invocation_id, include_output=True, content_encoding="Base64"
            ),
        )
        found = (body.invocations.invocation if body.invocations else None) or []
        if not found:
            raise ServiceError(
                f"InvocationNotFound: {invocation_id}", "try again in a moment", code="InvocationNotFound", status=404
            )
        instances = (found[0].invoke_instances.invoke_instance if found[0].invoke_instances else None) or []
        item = instances[0] if instances else None
        if item is None:
            return Invocation(found[0].invocation_status or "", None, "", 0, "")
        status = item.invocation_status or found[0].invocation_status or ""
        return Invocation(
            status=status,
            # A command that has not ended has no exit code; the service writes 0 then.
            exit_code=item.exit_code if status in ("Success", "Failed") else None,
            output=_text(item.output or ""),
            dropped=int(item.dropped or 0),
            reason=": ".join(part for part in (item.error_code, item.error_info) if part),
        )

    def attributes(self, names: Sequence[str]) -> dict[str, str]:
        body = self._calls.body(
            self._client.describe_account_attributes,
            models.DescribeAccountAttributesRequest(region_id=self._region, attribute_name=list(names)),
        )
        items = (body.account_attribute_items.account_attribute_item if body.account_attribute_items else None) or []
        found = {}
        for item in items:
            values = (item.attribute_values.value_item if item.attribute_values else None) or []
            if values:
                found[item.attribute_name or ""] = str(values[0].value)
        return found


def _text(output: str) -> str:
    try:
        return base64.b64decode(output, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return output
