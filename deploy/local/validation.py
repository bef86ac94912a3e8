"""Finds what is wrong with a template before anything is made: unknown types, properties, references, cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .counts import INDEX, bare
from .errors import ApiError, bad_attribute, bad_reference, invalid
from .evaluation import STACK_FUNCTIONS, Reference, Scope, choose, references
from .functions import TABLE
from .resources import Handler, Property
from .substitution import function_of
from .template import ResourceDefinition, Template

_PSEUDO_NAMES = ("StackName", "StackId", "Region", "AccountId", "TenantId", "NoValue", "ResourceGroupId")
PSEUDO = frozenset(f"ALIYUN::{name}" for name in _PSEUDO_NAMES)


def validate(template: Template, handlers: Mapping[str, Handler]) -> None:
    """Raises ApiError for the first thing that is wrong, in the order in which the template is read."""
    if not template.resources:
        raise invalid("The template has no resources.")
    for name, definition in template.resources.items():
        if definition.type not in handlers:
            raise ApiError(
                "ResourceTypeNotFound",
                f"The Resource Type ({definition.type}) of {name} could not be found on the local target.",
                404,
            )
        check_properties(name, definition.properties, handlers[definition.type].properties)
        for other in definition.depends_on:
            if not _is_resource(other, template):
                raise bad_reference(other, f"Resources.{name}.DependsOn")
        if definition.condition and definition.condition not in template.conditions:
            raise bad_reference(definition.condition, f"Resources.{name}.Condition")
    for where, node in _parts(template):
        _check_functions(node, where, template)
        before_resources = where.startswith(("Conditions", "Rules")) or where.endswith(".Count")
        _check_references(references(node, where), template, handlers, in_conditions=before_resources)
    for name, output in template.outputs.items():
        if output.get("Condition") and str(output["Condition"]) not in template.conditions:
            raise bad_reference(str(output["Condition"]), f"Outputs.{name}.Condition")
    order({name: _needed(definition, template) for name, definition in template.resources.items()})


def _is_resource(name: str, template: Template) -> bool:
    """Also as one of those that a Count makes."""
    if name in template.resources:
        return True
    counted = template.resources.get(bare(name))
    return counted is not None and counted.count is not None


def _needed(definition: ResourceDefinition, template: Template) -> set[str]:
    return {name if name in template.resources else bare(name) for name in dependencies(definition, None)}


def check_properties(name: str, values: Mapping[str, Any], known: Mapping[str, Property]) -> None:
    """Names and presence, and kind and choice of what is not an expression."""
    for key, value in values.items():
        if key not in known:
            raise invalid(f"Property error: resources.{name}.properties: Unknown Property {key}")
        if not function_of(value):
            check_value(f"resources.{name}.properties.{key}", value, known[key])
    for key, spec in known.items():
        if spec.required and key not in values:
            raise invalid(f"Property error: resources.{name}.properties: Property {key} not assigned")


def check_value(where: str, value: Any, spec: Property) -> Any:
    """The value in the property's kind (`"200"` is a number, `"true"` a flag); raises ApiError where it is neither."""
    match spec.kind:
        case "text" if not isinstance(value, (list, dict)):
            value = str(value).lower() if isinstance(value, bool) else str(value)
        case "number" if not isinstance(value, (bool, list, dict)) and _is_number(value):
            value = float(value) if "." in str(value) else int(value)
        case "flag" if str(value).lower() in ("true", "false"):
            value = str(value).lower() == "true"
        case "list" if isinstance(value, list):
            pass
        case "map" if isinstance(value, dict):
            pass
        case "any":
            pass
        case _:
            raise invalid(f"Property error: {where}: the value should be a {spec.kind}")
    if spec.allowed and value not in spec.allowed:
        raise invalid(f'Property error: {where}: "{value}" is not an allowed value [{", ".join(spec.allowed)}]')
    return value


def dependencies(definition: ResourceDefinition, scope: Scope | None) -> set[str]:
    """Names that this resource mentions; with a scope, those which its conditions leave in the game."""
    where = "Resources"
    decide: Callable[[Any], bool] | None = None if scope is None else lambda condition: choose(condition, scope, where)
    mentioned = {reference.name for reference in references(definition.properties, where, decide)}
    return mentioned | set(definition.depends_on)


def order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Names with each after all that it needs; needs outside of `needs` do not count. Raises ApiError for a cycle."""
    done: list[str] = []
    open_path: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in needs:
            return
        if name in open_path:
            cycle = [*open_path[open_path.index(name) :], name]
            raise invalid(f"Circular Dependency Found: {' -> '.join(cycle)}")
        open_path.append(name)
        for other in sorted(needs[name]):
            visit(other)
        open_path.pop()
        done.append(name)

    for name in needs:
        visit(name)
    return done


def _parts(template: Template) -> Iterable[tuple[str, Any]]:
    for name, condition in template.conditions.items():
        yield f"Conditions.{name}", condition
    for name, rule in template.rules.items():
        yield from rule.parts(f"Rules.{name}")
    for name, definition in template.resources.items():
        if definition.count is not None:
            yield f"Resources.{name}.Count", definition.count
        yield f"Resources.{name}.Properties", definition.properties
    for name, output in template.outputs.items():
        yield f"Outputs.{name}.Value", output["Value"]


def _check_functions(node: Any, where: str, template: Template) -> None:
    name = function_of(node)
    if name and name not in TABLE and name not in STACK_FUNCTIONS:
        raise invalid(f"{where}: {name} is not a function of ROS.")
    if name == "Fn::If" and isinstance(node[name], list) and node[name] and isinstance(node[name][0], str):
        condition = node[name][0]
        if condition not in template.conditions:
            raise bad_reference(condition, where)
    for key, item in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        _check_functions(item, f"{where}.{key}", template)


def _check_references(
    found: Iterable[Reference], template: Template, handlers: Mapping[str, Handler], *, in_conditions: bool
) -> None:
    for reference in found:
        name, attribute = reference.name, reference.attribute
        if not attribute and (name in template.parameters or name in PSEUDO):
            continue
        if name == INDEX and _counted(reference.where, template):
            continue
        if not _is_resource(name, template) or in_conditions:
            raise bad_reference(f"{name}.{attribute}" if attribute else name, reference.where)
        definition = template.resources.get(name) or template.resources[bare(name)]
        handler = handlers[definition.type]
        if attribute and attribute != "*" and attribute not in handler.attributes:
            raise bad_attribute(name, attribute)


def _counted(where: str, template: Template) -> bool:
    section, _, rest = where.partition(".")
    definition = template.resources.get(rest.split(".")[0]) if section == "Resources" else None
    return definition is not None and definition.count is not None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
