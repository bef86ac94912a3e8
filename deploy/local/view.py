"""A stack as its expressions see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .counts import with_counts
from .evaluation import Scope, outputs
from .parameters import resolve
from .regions import ACCOUNT_ID
from .store import Resource, Stack, Store
from .template import Template, read_template

_MOST_STACKS = 3  # through which Fn::GetStackOutput reaches
_RESTING = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CHECK_COMPLETE")


def template_of(stack: Stack) -> Template:
    """The stack's template with each of the resources that its Counts make. Raises ApiError."""
    template = read_template(stack.request.template)
    return with_counts(template, _scope(stack, template, {}))


def scope_of(stack: Stack, resources: Mapping[str, Resource], store: Store | None = None, depth: int = 1) -> Scope:
    """References reach the resources that are ready; with a store, Fn::GetStackOutput reaches other stacks."""
    elsewhere = _elsewhere(stack, store, depth) if store else None
    return _scope(stack, template_of(stack), resources, elsewhere)


def _scope(
    stack: Stack,
    template: Template,
    resources: Mapping[str, Resource],
    elsewhere: Callable[[str, str, str], Any] | None = None,
) -> Scope:

    def complete(name: str) -> Resource:
        resource = resources[name]
        if not resource.ready:
            raise KeyError(name)
        return resource

    pseudo = {
        "ALIYUN::StackName": stack.name,
        "ALIYUN::StackId": stack.id,
        "ALIYUN::Region": stack.region,
        "ALIYUN::AccountId": ACCOUNT_ID,
        "ALIYUN::TenantId": ACCOUNT_ID,
        "ALIYUN::ResourceGroupId": "",
    }
    return Scope(
        template,
        resolve(template.parameters, stack.request.parameters),
        pseudo,
        ref=lambda name: complete(name).physical_id,
        attribute=lambda name, key: complete(name).attributes[key],
        elsewhere=elsewhere or (lambda name, output, region: ""),
    )


def attributes_of(resources: Mapping[str, Resource], physical_id: str) -> Mapping[str, Any]:
    return next((r.attributes for r in resources.values() if r.physical_id == physical_id), {})


def _elsewhere(stack: Stack, store: Store, depth: int) -> Callable[[str, str, str], Any]:
    """Empty text for what is not there, as the function's documentation says."""

    def find(name: str, output: str, region: str) -> Any:
        others = [s for s in store.stacks(region) if name in (s.id, s.name) and s.status in _RESTING]
        if not others or others[0].id == stack.id or depth > _MOST_STACKS:
            return ""
        other = others[0]
        scope = scope_of(other, store.resources(other.id), store, depth + 1)
        found = {entry["OutputKey"]: entry["OutputValue"] for entry in outputs(scope, lambda text: text)}
        return "" if found.get(output) is None else found[output]

    return find
