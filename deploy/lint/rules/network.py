"""Security groups: nothing dangerous open to the whole world, no exit for everything."""

from __future__ import annotations

from collections.abc import Iterator

from ..document import Report
from ..nodes import Mapping, Node, Scalar, Sequence, call
from ..template import Template, values

WORLD = ("0.0.0.0/0", "::/0")
RISKY_PORTS = {22: "SSH", 3389: "RDP"}
_WITHOUT_PORTS = ("icmp", "icmpv6", "gre")
_INGRESS = {"ALIYUN::ECS::SecurityGroup": "SecurityGroupIngress", "ALIYUN::ECS::SecurityGroupIngresses": "Permissions"}
_EGRESS = {"ALIYUN::ECS::SecurityGroup": "SecurityGroupEgress", "ALIYUN::ECS::SecurityGroupEgresses": "Permissions"}
_SINGLE = {"ALIYUN::ECS::SecurityGroupIngress": _INGRESS, "ALIYUN::ECS::SecurityGroupEgress": _EGRESS}


def open_to_the_world(template: Template, report: Report) -> None:
    for rule in _rules(template, _INGRESS):
        source, place = _world(template, rule, ("SourceCidrIp", "Ipv6SourceCidrIp"))
        if source and place and (ports := _dangerous(template, rule)):
            report("WCN606", place, ports=ports, source=source)


def open_exit(template: Template, report: Report) -> None:
    for rule in _rules(template, _EGRESS):
        target, place = _world(template, rule, ("DestCidrIp", "Ipv6DestCidrIp"))
        protocol, ports = _text(template, rule.get("IpProtocol")), _text(template, rule.get("PortRange"))
        if target and place and protocol.lower() == "all" and ports in ("", "-1/-1", "1/65535"):
            report("WCN607", place)


def _rules(template: Template, direction: dict[str, str]) -> Iterator[Mapping]:
    """The rules that accept; each branch of an Fn::If is one."""
    for resource in template.resources.values():
        kind = resource.string("Type") or ""
        properties = resource.mapping("Properties")
        if properties is None:
            continue
        given = properties.get(direction[kind]) if kind in direction else None
        if _SINGLE.get(kind) is direction:
            given = properties
        for outer in values(given) if given is not None else ():
            for item in outer.items if isinstance(outer, Sequence) else (outer,):
                for rule in values(item):
                    if isinstance(rule, Mapping) and call(rule) is None and _accepts(template, rule):
                        yield rule


def _accepts(template: Template, rule: Mapping) -> bool:
    return _text(template, rule.get("Policy")).lower() in ("", "accept")


def _world(template: Template, rule: Mapping, keys: tuple[str, ...]) -> tuple[str, Node | None]:
    """The open range and where it stands, in either branch of an `Fn::If` too."""
    for key in keys:
        given = rule.get(key)
        for node in values(given) if given is not None else ():
            if (text := _text(template, node)) in WORLD:
                return text, node
    return "", None


def _dangerous(template: Template, rule: Mapping) -> str:
    """What a rule opens that it should not: a name for people, empty when there is nothing."""
    protocol = _text(template, rule.get("IpProtocol")).lower()
    low, slash, high = _text(template, rule.get("PortRange")).partition("/")
    if protocol == "all":
        return "-1/-1"
    if protocol in _WITHOUT_PORTS or not slash or not (low.lstrip("-").isdigit() and high.lstrip("-").isdigit()):
        return ""
    if (low, high) == ("-1", "-1"):
        return "-1/-1"
    if protocol == "udp":
        return ""
    return ", ".join(f"{port} ({name})" for port, name in RISKY_PORTS.items() if int(low) <= port <= int(high))


def _text(template: Template, node: Node | None) -> str:
    """A literal, or the Default of the parameter that is referred to."""
    found = call(node)
    if found is not None and found.name == "Ref" and isinstance(found.argument, Scalar):
        parameter = template.parameters.get(found.argument.text)
        node = parameter.get("Default") if parameter is not None else None
    return node.text if isinstance(node, Scalar) and node.value is not None else ""


RULES = (open_to_the_world, open_exit)
