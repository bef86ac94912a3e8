"""The making of one stack's resources."""

from __future__ import annotations

from .making import Maker
from .records import Records
from .resources import Means
from .schedule import Stopping, in_order
from .store import Stack
from .validation import dependencies
from .view import scope_of, template_of


def create(stack: Stack, records: Records, means: Means, stopping: Stopping) -> str:
    """Returns when all resources are complete, or one failed and the others came to rest; the text is the reason of the
    first failure, empty for success or when called off. What is complete already stays as it is."""
    template, scope = template_of(stack), scope_of(stack, {})
    wanted = [name for name in template.resources if scope.included(name)]
    needs = {name: dependencies(template.resources[name], scope) & set(wanted) for name in wanted}
    done = {name for name, resource in records.resources().items() if resource.ready}
    minutes = stack.request.timeout_minutes
    return in_order(
        needs,
        done,
        Maker(stack, records, means, stopping.stop).make,
        stopping=stopping,
        deadline=stack.updated + minutes * 60,
        late=f"Create timed out after {minutes} minutes",
    )
