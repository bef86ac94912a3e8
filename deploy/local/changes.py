"""What a request would do to a stack, worked out without doing it: PreviewStack and change sets show it.

Values that depend on resources which are yet to be made are not known; a property that refers to one counts as changed,
with the evaluation `Dynamic`, as the service has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .comparison import compare
from .errors import bad_reference
from .evaluation import Reference, Scope, choose, evaluate, references
from .resources import Handler
from .store import CreateRequest, Resource, Stack
from .template import ResourceDefinition, Template
from .validation import check_properties, check_value, dependencies, order
from .view import scope_of, template_of


@dataclass(frozen=True)
class Detail:
    """One property: `dynamic` means that its new value is not known yet; `cause` is what makes it change, empty for the
    template's own text."""

    name: str
    before: Any
    after: Any
    dynamic: bool
    recreates: bool
    source: str
    cause: str = ""


@dataclass(frozen=True)
class Change:
    """What would be done to one resource. `properties` has expressions in place of values that are not known yet."""

    action: Literal["Add", "Modify", "Remove", "None"]
    name: str
    type: str
    physical_id: str = ""
    description: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    required_by: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    replaced: bool = False

    @property
    def replacement(self) -> str:
        """True, False or Conditional."""
        recreating = [detail for detail in self.details if detail.recreates]
        if self.replaced or any(not detail.dynamic for detail in recreating):
            return "True"
        return "Conditional" if recreating else "False"


def changes(
    stack: Stack, request: CreateRequest, resources: Mapping[str, Resource], handlers: Mapping[str, Handler]
) -> list[Change]:
    """In the order of the template, then what is removed. Raises ApiError for values that cannot be."""
    return _Plan(stack, request, resources, handlers).changes()


class _Plan:
    def __init__(
        self, stack: Stack, request: CreateRequest, resources: Mapping[str, Resource], handlers: Mapping[str, Handler]
    ) -> None:
        self._request, self._resources, self._handlers = request, resources, handlers
        self._before: Template | None = template_of(stack) if resources else None
        self._template = template_of(replace(stack, request=request))
        self._scope: Scope = scope_of(replace(stack, request=request), resources)
        self._moved: set[str] = set()  # resources that will have another id
        self._loose: set[str] = set()  # and those whose attributes may change

    def changes(self) -> list[Change]:
        wanted = [name for name in self._template.resources if self._scope.included(name)]
        needs = {name: dependencies(self._template.resources[name], self._scope) & set(wanted) for name in wanted}
        found = {name: self._change(name) for name in order(needs)}
        users = {name: tuple(other for other in wanted if name in needs[other]) for name in wanted}
        removed = [
            Change("Remove", name, resource.type, resource.physical_id, properties=resource.properties)
            for name, resource in self._resources.items()
            if name not in wanted and resource.status != "DELETE_COMPLETE"
        ]
        return [*(replace(found[name], required_by=users[name]) for name in wanted), *removed]

    def _change(self, name: str) -> Change:
        definition = self._template.resources[name]
        handler = self._handlers[definition.type]
        resource = self._resources.get(name)
        values, open_names = self._properties(name, definition, handler)
        if resource is None or not resource.ready:
            self._moved.add(name)
            return Change("Add", name, definition.type, description=definition.description, properties=values)
        known = {key: value for key, value in values.items() if key not in open_names}
        settled = replace(resource, properties={k: v for k, v in resource.properties.items() if k not in open_names})
        verdict = compare(settled, definition.type, known, handler, self._request.taint)
        details = [self._detail(name, key, resource, values, handler) for key in verdict.changed]
        details += [
            self._detail(name, key, resource, values, handler, reference=reference)
            for key, reference in open_names.items()
        ]
        if verdict.action == "none" and not details:
            return Change("None", name, resource.type, resource.physical_id, definition.description, values)
        change = Change(
            "Modify", name, definition.type, resource.physical_id, definition.description, values,
            details=tuple(details), replaced=verdict.action == "replace" and not verdict.fixed,
        )  # fmt: skip
        if change.replacement != "False":
            self._moved.add(name)
        elif any(handler.properties[detail.name].gives for detail in details):
            self._loose.add(name)
        return change

    def _properties(
        self, name: str, definition: ResourceDefinition, handler: Handler
    ) -> tuple[dict[str, Any], dict[str, Reference]]:
        """Values, and for each property whose value is open the reference that makes it so."""
        where = f"Resources.{name}.Properties"
        values: dict[str, Any] = {}
        open_names: dict[str, Reference] = {}
        for key, node in definition.properties.items():
            reference = next((r for r in references(node, where, self._chosen) if self._is_open(r)), None)
            if reference:
                values[key], open_names[key] = node, reference
                continue
            value = evaluate([node], self._scope, f"{where}.{key}")  # in a list, so that NoValue leaves nothing
            if value and value[0] is not None:
                check_properties_of = handler.properties.get(key)
                if check_properties_of is None:
                    raise bad_reference(key, where)
                values[key] = check_value(f"resources.{name}.properties.{key}", value[0], check_properties_of)
        check_properties(name, {**values, **{key: {"Ref": ""} for key in open_names}}, handler.properties)
        return values, open_names

    def _chosen(self, condition: Any) -> bool:
        return choose(condition, self._scope, "Resources")

    def _is_open(self, reference: Reference) -> bool:
        if reference.name in self._template.parameters or reference.name not in self._template.resources:
            return False
        return reference.name in self._moved or bool(reference.attribute and reference.name in self._loose)

    def _detail(
        self,
        name: str,
        key: str,
        resource: Resource,
        values: Mapping[str, Any],
        handler: Handler,
        *,
        reference: Reference | None = None,
    ) -> Detail:
        source, cause = "DirectModification", ""
        node = self._template.resources[name].properties.get(key)
        earlier = self._before.resources.get(name) if self._before else None
        if reference:
            cause = f"{reference.name}.{reference.attribute}" if reference.attribute else reference.name
            source = "ResourceAttribute" if reference.attribute else "ResourceReference"
        elif earlier is not None and earlier.properties.get(key) == node:
            parameters = [r.name for r in references(node, "") if r.name in self._template.parameters]
            source, cause = ("ParameterReference", parameters[0]) if parameters else ("Automatic", "")
        return Detail(
            name=key,
            before=resource.properties.get(key),
            after=values.get(key),
            dynamic=reference is not None,
            recreates=not (key in handler.properties and handler.properties[key].editable),
            source=source,
            cause=cause,
        )
