"""Which values a template's parameters may have, given what is in stock: GetTemplateParameterConstraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .offers import DISK_CATEGORIES, TYPES
from .regions import zones
from .substitution import function_of
from .template import Template

InStock = Callable[[str, str], bool]  # (zone, instance type)
_ZONE, _TYPE, _DISK = "ZoneId", "InstanceType", "SystemDiskCategory"


def constraints(template: Template, given: Mapping[str, str], region: str, in_stock: InStock) -> list[dict[str, Any]]:
    """One entry for each parameter, in the service's form. A parameter's values depend on the others that are given."""
    uses = {name: _Use(name, template) for name in template.parameters}
    chosen = {use.kind: given[name] for name, use in uses.items() if use.kind and given.get(name)}
    result = []
    for name, parameter in template.parameters.items():
        use = uses[name]
        entry: dict[str, Any] = {"ParameterKey": name, "Type": parameter.type}
        offered = _offered(use.kind, region, chosen, in_stock, _declared(template, uses))
        if offered is None:
            behavior = "NotSupport" if use.places else "NoLimit"
            reason = "No resource property is known whose values can be queried." if use.places else ""
            entry |= {"Behavior": behavior, "BehaviorReason": reason}
            if use.places:
                entry["NotSupportResources"] = [{"ResourceType": kind, "PropertyName": key} for kind, key in use.places]
        else:
            declared = parameter.declaration.get("AllowedValues")
            allowed = [value for value in offered if not isinstance(declared, list) or value in declared]
            entry |= {
                "AllowedValues": allowed,
                "AssociationParameterNames": [n for n, o in uses.items() if o.kind in (_ZONE, _TYPE) and n != name],
            }
            refused = [value for value in offered if value not in allowed]
            if refused:
                entry["IllegalValueByParameterConstraints"] = refused
        result.append(entry)
    return result


class _Use:
    """Where a parameter is the value of a resource's property."""

    def __init__(self, name: str, template: Template) -> None:
        self.places = list(_places(name, template))
        keys = {key for kind, key in self.places if kind.startswith(("ALIYUN::ECS::", "ALIYUN::VPC::"))}
        self.kind = next((kind for kind in (_TYPE, _ZONE, _DISK) if kind in keys), "")


def _places(name: str, template: Template) -> Iterator[tuple[str, str]]:
    for definition in template.resources.values():
        for key, node in definition.properties.items():
            if any(function_of(value) == "Ref" and value["Ref"] == name for value in _branches(node)):
                yield definition.type, key


def _branches(node: Any) -> Iterator[Any]:
    """What a property may be: itself, or each of the values that an Fn::If chooses from."""
    if function_of(node) == "Fn::If" and isinstance(node["Fn::If"], list):
        for branch in node["Fn::If"][1:]:
            yield from _branches(branch)
    else:
        yield node


def _declared(template: Template, uses: Mapping[str, _Use]) -> list[str]:
    """Instance types that the template names itself; the emulated cloud sells them, too."""
    lists = (
        template.parameters[name].declaration.get("AllowedValues") for name, use in uses.items() if use.kind == _TYPE
    )
    return [str(value) for values in lists if isinstance(values, list) for value in values]


def _offered(
    kind: str, region: str, chosen: Mapping[str, str], in_stock: InStock, declared: list[str]
) -> list[str] | None:
    types = [*TYPES, *(t for t in declared if t not in TYPES)]
    if kind == _ZONE:
        wanted = [chosen[_TYPE]] if _TYPE in chosen else types
        return [zone for zone in zones(region) if any(in_stock(zone, each) for each in wanted)]
    if kind == _TYPE:
        places = [chosen[_ZONE]] if _ZONE in chosen else zones(region)
        return [each for each in types if any(in_stock(zone, each) for zone in places)]
    return list(DISK_CATEGORIES) if kind == _DISK else None
