"""The removal of a stack's resources, on deletion, on rollback and after an update: dependants before what they depend
on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import ResourceError
from .making import context
from .records import Records
from .resources import Means
from .store import Resource, Stack
from .validation import order


def remove(
    stack: Stack, records: Records, means: Means, cancel: threading.Event, keep: Callable[[Resource], bool]
) -> str:
    """Removes what there is, except what `keep` says; returns the reason of the first failure, or an empty text."""
    resources = records.resources()
    for name in reversed(order({name: resource.needs for name, resource in resources.items()})):
        resource = resources[name]
        if cancel.is_set():
            return ""
        if resource.status == "DELETE_COMPLETE" or keep(resource):
            continue
        records.change(resource, "DELETE_IN_PROGRESS")
        try:
            seconds, reason = means.faults.resource(stack.name, name, resource.type, "delete")
            cancel.wait(seconds)
            if reason:
                raise ResourceError(reason)
            made = context(stack, name, means, records, resources, cancel, resource)
            means.handlers[resource.type].delete(made, resource.physical_id, resource.attributes)
        except (ResourceError, OSError) as error:
            records.change(resource, "DELETE_FAILED", str(error))
            return f"Resource DELETE failed: resources.{name}: {error}"
        records.change(resource, "DELETE_COMPLETE", attributes={})
    return ""
