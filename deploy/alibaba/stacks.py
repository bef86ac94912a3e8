"""The life of a stack: `cloud.Cloud`'s part over CreateStack, GetStack, List…, ContinueCreateStack, DeleteStack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alibabacloud_ros20190910 import models
from alibabacloud_ros20190910.client import Client

from ..cloud import Parameters
from ..secret import Secret
from ..stacks import Resource, Stack, StackEvent, StackPlan
from .calls import Calls, pages

_PAGE = 50  # ListStacks and ListStackEvents give at most 50 at a time
# At a second try these say that the first one was heard.
_BEGUN = ("ActionInProgress", "StackNotFound")


class RosPart:
    """What the parts of `Ros` share."""

    def __init__(self, client: Client, region: str, calls: Calls) -> None:
        self._client, self._region, self._calls = client, region, calls


class Stacks(RosPart):
    def create(self, plan: StackPlan) -> str:
        body = self._calls.body(
            self._client.create_stack,
            models.CreateStackRequest(
                stack_name=plan.name,
                region_id=plan.region,
                template_body=plan.template,
                parameters=keyed(models.CreateStackRequestParameters, plan.parameters),
                client_token=plan.client_token,
                timeout_in_minutes=plan.timeout_minutes,
                disable_rollback=not plan.rollback,
                deletion_protection="Enabled" if plan.protected else "Disabled",
                tags=[models.CreateStackRequestTags(key=key, value=value) for key, value in plan.tags.items()] or None,
            ),
        )
        return str(body.stack_id)

    def continue_create(self, stack_id: str) -> None:
        self._calls.body(
            self._client.continue_create_stack,
            models.ContinueCreateStackRequest(region_id=self._region, stack_id=stack_id, mode="Recreate"),
            done=_BEGUN,
        )

    def stack(self, stack_id: str) -> Stack:
        body = self._calls.body(
            self._client.get_stack, models.GetStackRequest(region_id=self._region, stack_id=stack_id)
        )
        outputs = {item["OutputKey"]: item.get("OutputValue") for item in body.outputs or []}
        parameters = {item.parameter_key: item.parameter_value or "" for item in body.parameters or []}
        return _stack(body, outputs, parameters)

    def find(self, name: str) -> Stack | None:
        return next((stack for stack in self._stacks([name]) if stack.name == name), None)

    def stacks(self) -> list[Stack]:
        return sorted(self._stacks(None), key=lambda stack: stack.created, reverse=True)

    def events(self, stack_id: str) -> list[StackEvent]:
        def page(number: int) -> tuple[list[Any], int]:
            body = self._calls.body(
                self._client.list_stack_events,
                models.ListStackEventsRequest(
                    region_id=self._region, stack_id=stack_id, page_number=number, page_size=_PAGE
                ),
            )
            return body.events or [], int(body.total_count or 0)

        events = [
            StackEvent(
                id=str(item.event_id),
                time=item.create_time or "",
                resource=item.logical_resource_id or "",
                type=item.resource_type or "",
                status=item.status or "",
                reason=item.status_reason or "",
            )
            for item in pages(page)
        ]
        # The service lists the newest first; seconds are its finest time, so the order within one is kept. An event
        # that came between two pages pushes another onto both.
        events = list({event.id: event for event in reversed(events)}.values())
        return sorted(events, key=lambda event: event.time)

    def resources(self, stack_id: str) -> list[Resource]:
        body = self._calls.body(
            self._client.list_stack_resources,
            models.ListStackResourcesRequest(region_id=self._region, stack_id=stack_id),
        )
        return [
            Resource(
                name=item.logical_resource_id or "",
                type=item.resource_type or "",
                physical_id=item.physical_resource_id or "",
                status=item.status or "",
                reason=item.status_reason or "",
            )
            for item in body.resources or []
        ]

    def attribute(self, stack_id: str, resource: str, name: str) -> Any:
        body = self._calls.body(
            self._client.get_stack_resource,
            models.GetStackResourceRequest(
                region_id=self._region, stack_id=stack_id, logical_resource_id=resource, resource_attributes=[name]
            ),
        )
        found = {
            item.get("ResourceAttributeName"): item.get("ResourceAttributeValue")
            for item in body.resource_attributes or []
        }
        return found.get(name)

    def delete(self, stack_id: str, *, retain: bool = False) -> None:
        self._calls.body(
            self._client.delete_stack,
            models.DeleteStackRequest(
                region_id=self._region, stack_id=stack_id, retain_all_resources=True if retain else None
            ),
            done=_BEGUN,
        )

    def protect(self, stack_id: str, on: bool) -> None:
        self._calls.body(
            self._client.set_deletion_protection,
            models.SetDeletionProtectionRequest(
                region_id=self._region, stack_id=stack_id, deletion_protection="Enabled" if on else "Disabled"
            ),
        )

    def template(self, stack_id: str) -> str:
        body = self._calls.body(
            self._client.get_template, models.GetTemplateRequest(region_id=self._region, stack_id=stack_id)
        )
        return str(body.template_body or "")

    def _stacks(self, names: list[str] | None) -> list[Stack]:
        def page(number: int) -> tuple[list[Any], int]:
            body = self._calls.body(
                self._client.list_stacks,
                models.ListStacksRequest(region_id=self._region, stack_name=names, page_number=number, page_size=_PAGE),
            )
            return body.stacks or [], int(body.total_count or 0)

        return [stack for stack in (_stack(item, {}, {}) for item in pages(page)) if not stack.gone]


def keyed(model: Any, parameters: Parameters) -> list[Any]:
    """Parameters as a request has them; the one place where secrets are revealed to the SDK."""
    return [
        model(parameter_key=key, parameter_value=value.reveal() if isinstance(value, Secret) else value)
        for key, value in parameters.items()
    ]


def _stack(item: Any, outputs: Mapping[str, Any], parameters: Mapping[str, str]) -> Stack:
    return Stack(
        id=str(item.stack_id),
        name=item.stack_name or "",
        status=item.status or "",
        reason=item.status_reason or "",
        region=item.region_id or "",
        created=item.create_time or "",
        outputs=outputs,
        parameters=parameters,
        protected=item.deletion_protection == "Enabled",
    )
