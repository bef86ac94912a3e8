"""Names that must exist: in Ref, Fn::GetAtt, Fn::Sub, Fn::FindInMap, conditions and DependsOn; and no circles."""

from __future__ import annotations

from collections.abc import Iterator

from .. import schema
from ..document import Report
from ..findings import nearest
from ..functions import PSEUDO_PARAMETERS
from ..nodes import Mapping, Node, Scalar, Sequence, call, children
from ..template import Site, Template, Use

_LOGIC = ("Fn::And", "Fn::Or", "Fn::Not")
_ANY_ATTRIBUTE = ("Custom::", "MODULE::", "ALIYUN::ROS::CustomResource", "ALIYUN::ROS::Terraform")


def names(template: Template, report: Report) -> None:
    for site in template.sites:
        for use in template.uses(site) if not site.opaque else ():
            if use.attribute is not None:
                _attribute(template, use, report)
            elif not _is_known(template, use.name):
                known = [*template.names, *PSEUDO_PARAMETERS]
                report("WCN401", use.place, name=use.name, hint=nearest(use.name, known))


def early(template: Template, report: Report) -> None:
    """Before any resource exists only parameters and locals can be named."""
    for section, found in template.early_calls:
        for use in template.uses(Site(found, section, "")):
            if use.attribute is None and template.bare(use.name) in template.section("Resources").entries:
                report("WCN504", use.place, name=f"Ref: {use.name}", section=section)


def _is_known(template: Template, name: str) -> bool:
    return name in PSEUDO_PARAMETERS or name in template.names or template.bare(name) in template.names


def _attribute(template: Template, use: Use, report: Report) -> None:
    name = template.bare(use.name)
    if name in template.section("Locals").entries:
        return
    resource = template.section("Resources").get(name)
    if resource is None:
        if use.attribute_place == use.place and "." not in use.name and name not in template.names:
            report("WCN401", use.place, name=use.name, hint=nearest(name, template.names))
        else:
            report("WCN402", use.place, name=use.name, hint=nearest(name, template.section("Resources").entries))
        return
    kind = resource.string("Type") or "" if isinstance(resource, Mapping) else ""
    known = schema.resource(kind)
    attribute = (use.attribute or "").split(".")[0].split("[")[0]
    if known is None or not attribute or kind.startswith(_ANY_ATTRIBUTE) or attribute == "Outputs":
        return
    if attribute not in known.attributes:
        hint = nearest(attribute, known.attributes)
        report("WCN403", use.attribute_place, type=kind, name=use.name, attribute=use.attribute, hint=hint)


def conditions(template: Template, report: Report) -> None:
    for scalar in _condition_names(template):
        if scalar.text not in template.conditions:
            report("WCN404", scalar, name=scalar.text, hint=nearest(scalar.text, template.conditions))


def _condition_names(template: Template) -> Iterator[Scalar]:
    for entry in (*template.resources.values(), *template.outputs.values()):
        condition = entry.get("Condition")
        if isinstance(condition, Scalar):
            yield condition
    for node in template.conditions.values():
        yield from _operands(node)
    for site in template.sites:
        if site.opaque or site.section == "Rules":
            continue
        if site.call.name == "Fn::If":
            first = site.call.arguments[0] if site.call.arguments else None
            if isinstance(first, Scalar):
                yield first
            elif first is not None and site.section != "Conditions":
                yield from _operands(first)


def _operands(node: Node) -> Iterator[Scalar]:
    """The condition names in a tree of And, Or and Not."""
    found = call(node)
    if found is not None and found.name in _LOGIC:
        for argument in found.arguments:
            if isinstance(argument, Scalar) and not isinstance(argument.value, bool):
                yield argument
            else:
                yield from _operands(argument)
    elif isinstance(node, Mapping) and list(node.entries) == ["Condition"]:
        named = node.entries["Condition"]
        if isinstance(named, Scalar):
            yield named


def depends_on(template: Template, report: Report) -> None:
    for resource in template.resources.values():
        for node in _dependencies(resource):
            if template.bare(node.text) not in template.section("Resources").entries:
                report("WCN405", node, name=node.text, hint=nearest(node.text, template.section("Resources").entries))


def _dependencies(resource: Mapping) -> list[Scalar]:
    node = resource.get("DependsOn")
    items = node.items if isinstance(node, Sequence) else [node]
    return [item for item in items if isinstance(item, Scalar) and item.value is not None]


def mappings(template: Template, report: Report) -> None:
    maps = template.section("Mappings")
    for site in template.sites:
        if site.call.name != "Fn::FindInMap" or site.opaque or len(site.call.arguments) < 3:
            continue
        first, top, second = site.call.arguments[:3]
        if not isinstance(first, Scalar):
            continue
        found = maps.get(first.text)
        if found is None:
            report("WCN406", first, name=first.text, hint=nearest(first.text, maps.entries))
        elif isinstance(found, Mapping) and len(site.call.arguments) == 3:
            _mapping_keys(found, first.text, top, second, report)


def _mapping_keys(found: Mapping, name: str, top: Node, second: Node, report: Report) -> None:
    """A second key must be in the row that is named, or in one of the rows when a parameter chooses the row."""
    if isinstance(top, Scalar) and top.text not in found.entries:
        report("WCN406", top, name=f"{name}/{top.text}", hint=nearest(top.text, found.entries))
        return
    rows = [found.entries[top.text]] if isinstance(top, Scalar) else list(found.entries.values())
    keys = {key for row in rows if isinstance(row, Mapping) for key in row.entries}
    if isinstance(second, Scalar) and second.text not in keys:
        report("WCN406", second, name=f"{name}/…/{second.text}", hint=nearest(second.text, keys))


def resource_circles(template: Template, report: Report) -> None:
    edges: dict[str, set[str]] = {name: set() for name in template.resources}
    for site in template.sites:
        if site.section == "Resources" and site.entry in edges and not site.opaque:
            edges[site.entry] |= {template.bare(use.name) for use in template.uses(site)}
    for name, resource in template.resources.items():
        edges[name] |= {template.bare(node.text) for node in _dependencies(resource)}
    for circle in circles(edges):
        report("WCN407", template.section("Resources").keys[circle[0]], path=" → ".join([*circle, circle[0]]))


def condition_circles(template: Template, report: Report) -> None:
    edges = {
        name: {scalar.text for scalar in _operands(node)} | {each.text for each in _if_names(node)}
        for name, node in template.conditions.items()
    }
    for circle in circles(edges):
        place = template.section("Conditions").keys[circle[0]]
        report("WCN408", place, name=circle[0], path=" → ".join([*circle, circle[0]]))


def _if_names(node: Node) -> Iterator[Scalar]:
    found = call(node)
    if found is not None and found.name == "Fn::If" and found.arguments and isinstance(found.arguments[0], Scalar):
        yield found.arguments[0]
    for child in children(node):
        yield from _if_names(child)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The circles that a depth-first walk in the order of the file closes."""
    state: dict[str, int] = {}
    found: list[list[str]] = []
    for root, targets in edges.items():
        if root in state:
            continue
        path = [root]
        stack = [iter(sorted(targets))]
        state[root] = 1
        while stack:
            following = next((name for name in stack[-1] if name in edges), None)
            if following is None:
                stack.pop()
                state[path.pop()] = 2
            elif following not in state:
                state[following] = 1
                path.append(following)
                stack.append(iter(sorted(edges[following])))
            elif state[following] == 1:
                found.append(path[path.index(following) :])
    return found


RULES = (names, early, conditions, depends_on, mappings, resource_circles, condition_circles)
