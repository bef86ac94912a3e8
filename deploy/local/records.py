"""Writes what happens to one stack: statuses, events and attributes, with the stack's secrets masked."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .store import Event, Resource, Stack, Store


class Records:
    """`secrets` are the values that no text may show; `mask` stands in their place."""

    def __init__(self, store: Store, stack: Stack, secrets: Iterable[str], mask: str) -> None:
        self.store, self._stack, self._mask = store, stack, mask
        forms = {form for secret in secrets for form in (secret, base64.b64encode(secret.encode()).decode())}
        self._secrets = sorted(forms, key=len, reverse=True)
        self._reported: dict[str, Mapping[str, Any]] = {}  # before the resource was complete

    def hide(self, text: str) -> str:
        """Secrets of one or two characters are masked only where they are the whole text: else nothing is readable."""
        for secret in self._secrets:
            if text == secret:
                return self._mask
            if len(secret) > 2:
                text = text.replace(secret, self._mask)
        return text

    def stack_event(self, status: str, reason: str) -> None:
        self._event(self._stack.name, "ALIYUN::ROS::Stack", self._stack.id, status, reason)

    def set_stack(self, status: str, reason: str) -> None:
        reason = self.hide(reason)
        with self.store.transaction():
            self.stack_event(status, reason)
            self.store.set_stack_status(self._stack.id, status, reason, time.time())

    def resources(self) -> dict[str, Resource]:
        return self.store.resources(self._stack.id)

    def start(self, name: str, kind: str, physical_id: str) -> Resource:
        """The making of a resource begins."""
        now = time.time()
        resource = Resource(self._stack.id, name, kind, physical_id, "CREATE_IN_PROGRESS", "state changed", now, now)
        self._save(resource)
        return resource

    def change(
        self,
        resource: Resource,
        status: str,
        reason: str = "state changed",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        with self.store.transaction():
            known = resource.attributes if attributes is None else attributes
            if status.endswith("_COMPLETE"):
                known = self._reported.pop(resource.name, known)
            now = time.time()
            self._save(replace(resource, status=status, reason=self.hide(reason), attributes=known, updated=now))

    def tell(self, resource: Resource, status: str, reason: str = "state changed") -> None:
        """An event of something that the stack's list of resources no longer shows."""
        self._event(resource.name, resource.type, resource.physical_id, status, self.hide(reason))

    def report(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Attributes that became known after the resource was complete."""
        with self.store.transaction():
            resource = self.resources().get(name)
            if resource and resource.status.endswith("_IN_PROGRESS"):
                self._reported[name] = attributes
            elif resource and not resource.status.startswith("DELETE_"):
                self.store.save_resource(replace(resource, attributes=attributes))

    def note(self, resource: Resource) -> None:
        """What became known of a resource, without an event."""
        self.store.save_resource(resource)

    def forget(self, name: str) -> None:
        """The resource is no longer one of the stack's."""
        self.store.forget_resource(self._stack.id, name)

    def _save(self, resource: Resource) -> None:
        with self.store.transaction():
            self.store.save_resource(resource)
            self._event(resource.name, resource.type, resource.physical_id, resource.status, resource.reason)

    def _event(self, name: str, kind: str, physical_id: str, status: str, reason: str) -> None:
        stack = self._stack
        self.store.add_event(
            Event(str(uuid.uuid4()), stack.id, stack.name, name, kind, physical_id, status, reason, time.time())
        )
