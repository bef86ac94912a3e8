"""What ContinueCreateStack may and will do with a stack whose creation failed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .counts import bare
from .errors import invalid, not_supported, resource_not_found
from .evaluation import references
from .store import CreateRequest, Resource, Stack
from .template import Template, read_document, read_template
from .validation import dependencies
from .view import scope_of, template_of

_FREE_SECTIONS = ("Description", "Metadata", "Resources", "Outputs")


@dataclass(frozen=True)
class Continuation:
    """`again` are the resources that are removed and made anew; `freedom` says which parameters may change."""

    request: CreateRequest
    again: frozenset[str]
    freedom: Mapping[str, list[str]]


def continued(
    stack: Stack,
    resources: Mapping[str, Resource],
    parameters: Mapping[str, str],
    template_text: str,
    recreating: Collection[str],
) -> Continuation:
    """The failed resources, those named in `recreating`, and all that depend on them. Raises ApiError for a change that
    touches what stays."""
    template = template_of(stack)
    request = replace(stack.request, parameters={**stack.request.parameters, **parameters})
    for name in recreating:
        if name not in template.resources:
            raise resource_not_found(name, stack.name)
    failed = {name for name, resource in resources.items() if not resource.ready}
    again = failed | _with_dependants(set(recreating), template, stack)
    stay = {name for name, resource in resources.items() if name not in again}
    if template_text:
        _check_template(read_template(stack.request.template), template_text, {bare(name) for name in stay})
        request = replace(request, template=template_text)
    freedom = _freedom(template, stay)
    for name, value in parameters.items():
        if name in freedom["ParametersNotAllowedToBeModified"] and stack.request.parameters.get(name) != value:
            raise not_supported(f"Parameter {name} is used by resources that are not created again.")
    before, after = scope_of(stack, {}), scope_of(replace(stack, request=request), {})
    for condition in template.conditions:
        if before.condition(condition) != after.condition(condition):
            raise not_supported(f"The value of condition {condition} must not change.")
    return Continuation(request, frozenset(again & resources.keys()), freedom)


def without_failed(stack: Stack, resources: Mapping[str, Resource]) -> tuple[CreateRequest, set[str]]:
    """The request whose template has only the resources that are complete, and the resources that are dropped."""
    document = read_document(stack.request.template)
    whole = {name for name in document["Resources"] if all(r.ready for n, r in resources.items() if bare(n) == name)}
    gone = document["Resources"].keys() - (whole & {bare(name) for name in resources})
    kept = {name: body for name, body in document["Resources"].items() if name not in gone}
    if not kept:
        raise invalid("No resource of the stack is complete.")
    for body in kept.values():
        depends = body.get("DependsOn", [])
        body["DependsOn"] = [n for n in ([depends] if isinstance(depends, str) else depends) if bare(n) not in gone]
    outputs = {
        key: body
        for key, body in (document.get("Outputs") or {}).items()
        if not any(bare(reference.name) in gone for reference in references(body, ""))
    }
    text = json.dumps({**document, "Resources": kept, "Outputs": outputs}, ensure_ascii=False)
    return replace(stack.request, template=text), {name for name in resources if bare(name) in gone}


def _with_dependants(names: set[str], template: Template, stack: Stack) -> set[str]:
    scope = scope_of(stack, {})
    needs = {name: dependencies(definition, scope) for name, definition in template.resources.items()}
    found = set(names)
    while more := {name for name, needed in needs.items() if name not in found and needed & found}:
        found |= more
    return found


def _check_template(template: Template, text: str, stay: set[str]) -> None:
    new, now = read_template(text), template
    for section in ("parameters", "mappings", "conditions"):
        if getattr(new, section) != getattr(now, section):
            raise not_supported(f"Only {', '.join(_FREE_SECTIONS)} of the template may change.")
    for name in sorted(stay):
        if new.resources.get(name) != now.resources[name]:
            raise not_supported(f"Resource {name} is complete and must stay as it is in the template.")


def _freedom(template: Template, stay: set[str]) -> dict[str, list[str]]:
    def used(parts: Any) -> set[str]:
        return {r.name for r in references(parts, "") if r.name in template.parameters}

    fixed = used([template.resources[name].properties for name in stay if name in template.resources])
    conditional = used([*template.conditions.values()]) - fixed
    return {
        "ParametersAllowedToBeModified": [n for n in template.parameters if n not in fixed | conditional],
        "ParametersConditionallyAllowedToBeModified": [n for n in template.parameters if n in conditional],
        "ParametersNotAllowedToBeModified": [n for n in template.parameters if n in fixed],
    }
