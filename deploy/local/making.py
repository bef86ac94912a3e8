"""Work on one resource of a stack: make it, change it in place, or put another in its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .errors import ApiError, CancelError, ResourceError
from .evaluation import evaluate
from .records import Records
from .resources import Context, Handler, Means
from .store import Resource, Stack
from .validation import check_properties, check_value, dependencies
from .view import attributes_of, scope_of, template_of

LOG = logging.getLogger(__name__)
HANDLE = "ALIYUN::ROS::WaitConditionHandle"


class Maker:
    """`stop` tells work that goes on to end. Each method returns an empty text, or what went wrong."""

    def __init__(self, stack: Stack, records: Records, means: Means, stop: threading.Event) -> None:
        self._stack, self._records, self._means, self._stop = stack, records, means, stop
        self._template = template_of(stack)
        self._outcomes: dict[str, str] = {}

    def make(self, name: str) -> str:
        """Makes the resource; what an emulator that was killed left half done is begun again."""
        definition = self._template.resources[name]
        handler = self._means.handlers[definition.type]
        siblings = self._records.resources()
        resource = siblings.get(name)
        interrupted = resource is not None
        if resource is None:
            resource = self._records.start(name, definition.type, handler.new_id(self._context(name, siblings)))
        made = resource

        def create(properties: Mapping[str, Any]) -> Mapping[str, Any]:
            if interrupted and not handler.repeatable:
                raise ResourceError(
                    "The local target was ended while this was going on; delete the stack and create it again"
                )
            if interrupted:
                self._begin_again(handler, made)
            return handler.create(self._context(name, siblings, made), made.physical_id, properties)

        return self._try(resource, "CREATE", create)

    def change(self, name: str, resource: Resource) -> str:
        """Changes the editable properties that differ."""
        handler = self._means.handlers[resource.type]
        siblings = self._records.resources()
        self._records.change(resource, "UPDATE_IN_PROGRESS")

        def update(properties: Mapping[str, Any]) -> Mapping[str, Any]:
            context = self._context(name, siblings, resource)
            return handler.update(context, resource.physical_id, properties, resource.attributes)

        return self._try(resource, "UPDATE", update)

    def properties(self, name: str) -> dict[str, Any]:
        """As they come out now, in their kinds. Raises ApiError."""
        definition = self._template.resources[name]
        known = self._means.handlers[definition.type].properties
        scope = scope_of(self._stack, self._records.resources(), self._records.store)
        values = evaluate(dict(definition.properties), scope, f"Resources.{name}.Properties")
        check_properties(name, values, known)
        return {
            key: check_value(f"resources.{name}.properties.{key}", value, known[key])
            for key, value in values.items()
            if value is not None
        }

    def remove(self, resource: Resource) -> None:
        """Removes the thing itself; says nothing of it. Raises ResourceError."""
        siblings = self._records.resources()
        context = self._context(resource.name, siblings, resource)
        self._means.handlers[resource.type].delete(context, resource.physical_id, resource.attributes)

    def _try(self, resource: Resource, action: str, work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> str:
        name = resource.name
        needs, retain = tuple(sorted(self._needs(name))), self._template.resources[name].retain
        known = replace(resource, needs=needs, retain=retain)
        try:
            known = replace(known, properties=self.properties(name))
            if action == "CREATE":
                self._records.note(known)  # so that what fails can be removed by what it was made with
            self._misfortune(resource, action.lower())
            attributes = work(known.properties)
        except (ResourceError, ApiError) as error:
            reason = str(error)
        except CancelError:
            self._records.change(known, f"{action}_FAILED", f"{action} aborted")
            return f"{action} aborted"
        except Exception as error:
            LOG.exception("stack %s, resource %s", self._stack.id, name)
            reason = f"Internal error of the local target: {type(error).__name__}: {error}"
        else:
            self._records.change(replace(known, attributes=attributes), f"{action}_COMPLETE")
            return ""
        # A change that failed leaves what was there, to be changed again or back.
        self._records.change(known if action == "CREATE" else resource, f"{action}_FAILED", reason)
        return f"Resource {action} failed: resources.{name}: {reason}"

    def _misfortune(self, resource: Resource, operation: str) -> None:
        seconds, reason = self._means.faults.resource(self._stack.name, resource.name, resource.type, operation)
        if seconds and self._stop.wait(seconds):
            raise CancelError
        if reason:
            raise ResourceError(reason)

    def _begin_again(self, handler: Handler, resource: Resource) -> None:
        """What was left half done is removed; what others already hold (signals) stays."""
        if handler.type != HANDLE:
            self.remove(resource)

    def _needs(self, name: str) -> set[str]:
        scope = scope_of(self._stack, {})
        return dependencies(self._template.resources[name], scope) & self._template.resources.keys()

    def _context(self, name: str, siblings: Mapping[str, Resource], resource: Resource | None = None) -> Context:
        return context(
            self._stack, name, self._means, self._records, siblings, self._stop, resource, outcomes=self._outcomes
        )


def context(  # noqa: PLR0917
    stack: Stack,
    name: str,
    means: Means,
    records: Records,
    siblings: Mapping[str, Resource],
    cancelled: threading.Event,
    resource: Resource | None = None,
    *,
    outcomes: dict[str, str] | None = None,
) -> Context:
    """What a resource's handler works with."""
    changing = resource is not None and resource.status.startswith("UPDATE_")
    return Context(
        stack_id=stack.id,
        stack_name=stack.name,
        name=name,
        region=stack.region,
        since=time.time() if resource is None or changing else resource.created,
        instances=means.instances,
        commands=means.commands,
        signals=means.signals,
        faults=means.faults,
        daemons=means.daemons,
        databases=means.databases,
        balancers=means.balancers,
        groups=means.groups,
        cancelled=cancelled,
        attributes_of=lambda physical_id: attributes_of(siblings, physical_id),
        report=lambda attributes: records.report(name, attributes),
        hide=records.hide,
        properties=resource.properties if resource else {},
        outcomes={} if outcomes is None else outcomes,
    )
