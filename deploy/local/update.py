"""Brings a stack's resources to what its request now wants: makes, changes, replaces, and at the end removes.

A resource that is replaced is set aside until everything else has succeeded, so that going back finds it again: an
update back swaps the two, and the end of every update removes what is still set aside.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from .comparison import compare
from .errors import ApiError, ResourceError
from .making import Maker
from .records import Records
from .resources import Means
from .schedule import Stopping, in_order
from .store import Resource, Stack, Store
from .validation import dependencies, order
from .view import scope_of, template_of

_ASIDE = "aside"


class Update:
    """One update, forward or `back` to what was before."""

    def __init__(
        self, stack: Stack, store: Store, records: Records, means: Means, stopping: Stopping, *, back: bool = False
    ) -> None:
        self._stack, self._store, self._records, self._means = stack, store, records, means
        self._stopping, self._back = stopping, back
        self._template = template_of(stack)
        self._maker = Maker(stack, records, means, stopping.stop)
        scope = scope_of(stack, {})
        self._wanted = [name for name in self._template.resources if scope.included(name)]
        definitions = self._template.resources
        self._needs = {name: dependencies(definitions[name], scope) & set(self._wanted) for name in self._wanted}

    def run(self) -> str:
        """Returns the first reason why it failed; empty for success or when called off."""
        minutes = self._stack.request.timeout_minutes
        failure = in_order(
            self._needs,
            set(),
            self._settle,
            stopping=self._stopping,
            deadline=self._stack.updated + minutes * 60,
            late=f"Update timed out after {minutes} minutes",
        )
        return failure or ("" if self._stopping.cancel.is_set() else self._clean_up())

    def _settle(self, name: str) -> str:
        """Brings one resource to what is wanted."""
        definition = self._template.resources[name]
        resource = self._records.resources().get(name)
        if self._back:
            resource = self._swapped_back(name, resource)
        if resource is None or resource.status in ("CREATE_IN_PROGRESS", "DELETE_COMPLETE"):
            if resource and resource.status == "DELETE_COMPLETE":
                self._records.forget(name)
            return self._maker.make(name)
        handler = self._means.handlers[definition.type]
        try:
            properties = self._maker.properties(name)
        except ApiError as error:
            return self._refuse(resource, error.message)
        verdict = compare(resource, definition.type, properties, handler, self._stack.request.taint)
        if verdict.action == "change":
            return self._maker.change(name, resource)
        if verdict.action == "replace":
            if verdict.fixed and not self._stack.request.replacement and not self._back:
                names = ", ".join(verdict.fixed)
                return self._refuse(resource, f"NotSupported: update of {names} is not supported without replacement")
            self._set_aside(resource)
            return self._maker.make(name)
        needs = tuple(sorted(self._needs[name]))
        if (resource.needs, resource.retain) != (needs, definition.retain):
            self._records.note(replace(resource, needs=needs, retain=definition.retain))
        return ""

    def _refuse(self, resource: Resource, reason: str) -> str:
        self._records.change(resource, "UPDATE_FAILED", reason)
        return f"Resource UPDATE failed: resources.{resource.name}: {reason}"

    def _set_aside(self, resource: Resource) -> None:
        with self._store.transaction():
            self._store.save_document(_ASIDE, resource.physical_id, self._stack.id, resource.created, vars(resource))
            self._records.forget(resource.name)

    def _swapped_back(self, name: str, resource: Resource | None) -> Resource | None:
        earlier = next((r for r in self._aside() if r.name == name), None)
        if earlier is None or (resource and earlier.created >= resource.created):
            return resource
        with self._store.transaction():
            if resource:
                self._set_aside(resource)
            self._store.forget_document(_ASIDE, earlier.physical_id)
            self._records.note(earlier)
        return earlier

    def _aside(self) -> list[Resource]:
        return [_resource(body) for body in self._store.documents(_ASIDE, self._stack.id)]

    def _clean_up(self) -> str:
        """Removes what was set aside and what is no longer wanted, dependants first."""
        unwanted = [r for name, r in self._records.resources().items() if name not in self._wanted]
        leftovers = {resource.physical_id: resource for resource in [*self._aside(), *unwanted]}
        needs = {
            key: [other.physical_id for other in leftovers.values() if other.name in resource.needs]
            for key, resource in leftovers.items()
        }
        for key in reversed(order(needs)):
            resource = leftovers[key]
            own = resource in unwanted
            if resource.retain or resource.status == "DELETE_COMPLETE":
                self._dropped(resource, own=own)
                continue
            self._records.tell(resource, "DELETE_IN_PROGRESS")
            try:
                self._maker.remove(resource)
            except (ResourceError, OSError) as error:
                self._records.tell(resource, "DELETE_FAILED", str(error))
                return f"Resource DELETE failed: resources.{resource.name}: {error}"
            self._records.tell(resource, "DELETE_COMPLETE")
            self._dropped(resource, own=own)
        return ""

    def _dropped(self, resource: Resource, *, own: bool) -> None:
        if own:
            self._records.forget(resource.name)
        else:
            self._store.forget_document(_ASIDE, resource.physical_id)


def remove_aside(stack: Stack, store: Store, records: Records, means: Means) -> None:
    """What a failed update left set aside, when the whole stack goes. Raises ResourceError."""
    maker = Maker(stack, records, means, threading.Event())
    for body in store.documents(_ASIDE, stack.id):
        resource = _resource(body)
        maker.remove(resource)
        store.forget_document(_ASIDE, resource.physical_id)


def _resource(body: dict[str, Any]) -> Resource:
    return Resource(**{**body, "needs": tuple(body["needs"])})
