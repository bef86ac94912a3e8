"""What a stack is made of: events, resources and its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine import Engine
from ..errors import resource_not_found
from ..evaluation import hidden
from ..store import Event, Resource, Stack
from ..view import template_of
from ..wire import Arguments
from . import Action, Body, page, stack_of, timestamp


class DetailActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "GetStackResource": self.get_stack_resource,
            "GetTemplate": self.get_template,
            "ListStackEvents": self.list_stack_events,
            "ListStackResources": self.list_stack_resources,
        }

    def list_stack_events(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        wanted = {key: arguments.texts(key) for key in ("Status", "ResourceType", "LogicalResourceId")}
        events = [_event(event) for event in self._engine.store.events(stack.id)]
        found = [event for event in events if all(not values or event[key] in values for key, values in wanted.items())]
        return page("Events", found, arguments)

    def list_stack_resources(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        found = self._engine.store.resources(stack.id).values()
        return {"Resources": [_resource(stack, resource) for resource in found]}

    def get_stack_resource(self, arguments: Arguments) -> Body:
        stack, name = stack_of(self._engine, arguments), arguments.required("LogicalResourceId")
        resource = self._engine.store.resources(stack.id).get(name)
        if resource is None:
            raise resource_not_found(name, stack.name)
        definition = template_of(stack).resources.get(name)
        body = {
            **_resource(stack, resource),
            "Description": definition.description if definition else "",
            "Metadata": definition.metadata if definition else {},
        }
        wanted = arguments.texts("ResourceAttributes")
        if wanted or arguments.flag("ShowResourceAttributes"):
            hide = self._engine.secrets_of(stack)
            body["ResourceAttributes"] = [
                {"ResourceAttributeName": key, "ResourceAttributeValue": hidden(value, hide)}
                for key, value in resource.attributes.items()
                if not wanted or key in wanted
            ]
        return body

    def get_template(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        return {"StackId": stack.id, "RegionId": stack.region, "TemplateBody": stack.request.template}


def _event(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.id,
        "StackId": event.stack,
        "StackName": event.stack_name,
        "LogicalResourceId": event.name,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Status": event.status,
        "StatusReason": event.reason,
        "CreateTime": timestamp(event.time),
    }


def _resource(stack: Stack, resource: Resource) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.name,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        "ResourceDriftStatus": resource.drift.get("status", "NOT_CHECKED"),
        "Status": resource.status,
        "StatusReason": resource.reason,
        "CreateTime": timestamp(resource.created),
        "UpdateTime": timestamp(resource.updated),
        **({"DriftDetectionTime": timestamp(resource.drift["time"])} if resource.drift else {}),
    }
