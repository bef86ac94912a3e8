"""The removal of one stack's resources, on deletion and on rollback: dependants before what they depend on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import ResourceError
from .records import Records
from .resources import Context, Means
from .store import Stack
from .template import read_template
from .validation import dependencies, order
from .view import attributes_of, scope_of


def remove(stack: Stack, records: Records, means: Means, cancel: threading.Event, keep: Callable[[str], bool]) -> str:
    """Removes what there is, except what `keep` names; returns the reason of the first failure, or an empty text."""
    template, resources = read_template(stack.request.template), records.resources()
    scope = scope_of(stack, {})
    needs = {name: dependencies(template.resources[name], scope) for name in resources}
    for name in reversed(order(needs)):
        resource = resources[name]
        if cancel.is_set():
            return ""
        if resource.status == "DELETE_COMPLETE" or keep(name):
            continue
        context = Context(
            stack_id=stack.id,
            stack_name=stack.name,
            name=name,
            region=stack.region,
            since=resource.created,
            instances=means.instances,
            signals=means.signals,
            cancelled=cancel,
            attributes_of=lambda physical_id: attributes_of(resources, physical_id),
            report=lambda attributes: None,
        )
        records.change(resource, "DELETE_IN_PROGRESS")
        try:
            means.handlers[resource.type].delete(context, resource.physical_id, resource.attributes)
        except (ResourceError, OSError) as error:
            records.change(resource, "DELETE_FAILED", str(error))
            return f"Resource DELETE failed: resources.{name}: {error}"
        records.change(resource, "DELETE_COMPLETE", attributes={})
    return ""
