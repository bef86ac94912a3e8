"""Count worked into a template: `Count: n` makes `Name[0]` to `Name[n-1]` of a resource, and whoever names it gets the
list of them, as the service's precompiler has it ("Resources" in the ROS user guide).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .errors import ApiError, invalid
from .evaluation import Scope, evaluate
from .substitution import Replacement, function_of, substituted
from .template import MAX_RESOURCES, ResourceDefinition, Template, too_many_resources

INDEX = "ALIYUN::Index"
_INSTANCE = re.compile(r"(.+)\[(?:0|[1-9]\d*)\]")


def bare(name: str) -> str:
    """`Server` for `Server[0]`."""
    found = _INSTANCE.fullmatch(name)
    return found[1] if found else name


def with_counts(template: Template, scope: Scope) -> Template:
    """The template with every Count worked out; the same one when there is none. Raises ApiError for a Count that is no
    number, and when the stack would have too many resources."""
    if all(definition.count is None for definition in template.resources.values()):
        return template
    instances = {
        name: [f"{name}[{index}]" for index in range(_count(name, definition.count, scope))]
        for name, definition in template.resources.items()
        if definition.count is not None
    }
    binder = _Binder(instances, scope)
    resources: dict[str, ResourceDefinition] = {}
    for name, definition in template.resources.items():
        for index, instance in enumerate(instances.get(name, [name])):
            own = index if name in instances else None
            if instance in resources or (own is not None and instance in template.resources):
                raise invalid(f"Resources.{name}.Count: there is a resource named {instance} already.")
            resources[instance] = replace(
                definition,
                count=None,
                properties=binder.bind(definition.properties, own),
                depends_on=tuple(one for other in definition.depends_on for one in instances.get(other, [other])),
            )
    if len(resources) > MAX_RESOURCES:
        raise too_many_resources()
    outputs = {name: {**body, "Value": binder.bind(body["Value"], None)} for name, body in template.outputs.items()}
    return replace(template, resources=resources, outputs=outputs)


def _count(name: str, value: Any, scope: Scope) -> int:
    where = f"Resources.{name}.Count"
    found = evaluate(value, scope, where)
    if (
        isinstance(found, bool)
        or not isinstance(found, (int, str))
        or not re.fullmatch(r"\s*\+?\d{1,40}\s*", str(found))
    ):
        raise invalid(f"{where}: should be a whole number that is not negative.")
    if int(found) > MAX_RESOURCES:
        raise too_many_resources()
    return int(found)


class _Binder:
    """Puts instances, and the number of the one at hand, in the place of names."""

    def __init__(self, instances: Mapping[str, list[str]], scope: Scope) -> None:
        self._instances, self._scope = instances, scope

    def bind(self, node: Any, index: int | None) -> Any:
        """`index` is None outside of a resource with Count."""
        return substituted(node, self._ref(index), self._attribute, self._chosen)

    def _ref(self, index: int | None) -> Replacement:
        def find(name: str) -> Any:
            if name == INDEX and index is not None:
                return index
            return [{"Ref": instance} for instance in self._instances[name]]

        return find

    def _attribute(self, name: str, attribute: list[Any]) -> Any:
        return [{"Fn::GetAtt": [instance, *attribute]} for instance in self._instances[name]]

    def _chosen(self, argument: list[Any]) -> Any:
        """The one that an Fn::Select takes, where that can be told: so that a resource waits for the one that it names
        and not for all. Raises KeyError where the choice is left to later."""
        index, source, *_ = argument
        if not isinstance(source, list) or not any(function_of(item) for item in source):
            raise KeyError
        try:
            return source[int(str(evaluate(index, self._scope, INDEX)))]
        except (ApiError, ValueError, IndexError):
            raise KeyError from None
