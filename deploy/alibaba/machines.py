"""`cloud.Machines` over ECS: Cloud Assistant's RunCommand, a scaling group's instances, the account's attributes."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client

from ..cloud import Invocation, Node
from ..errors import ServiceError
from .calls import Calls

_SCALED = "acs:autoscaling:scalingGroupId"  # the tag that Auto Scaling puts on its instances
_PAGE = 50


class Ecs:
    def __init__(self, client: Client, region: str, calls: Calls) -> None:
        self._client, self._region, self._calls = client, region, calls

    def nodes(self, group: str) -> list[Node]:
        found: list[Node] = []
        page = 1
        while True:
            body = self._calls.body(
                self._client.describe_instances,
                models.DescribeInstancesRequest(
                    region_id=self._region, page_number=page, page_size=_PAGE,
                    tag=[models.DescribeInstancesRequestTag(key=_SCALED, value=group)],
                ),
            )  # fmt: skip
            some = (body.instances.instance if body.instances else None) or []
            found += [_node(item) for item in some]
            if len(some) < _PAGE:
                return sorted(found, key=lambda node: (node.created, node.id))
            page += 1

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


def _node(item: models.DescribeInstancesResponseBodyInstancesInstance) -> Node:
    inside = item.vpc_attributes.private_ip_address.ip_address if item.vpc_attributes else None
    return Node(
        id=item.instance_id or "",
        status=item.status or "",
        zone=item.zone_id or "",
        address=next(iter(inside or ()), ""),
        created=item.creation_time or "",
    )


def _text(output: str) -> str:
    try:
        return base64.b64decode(output, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return output
