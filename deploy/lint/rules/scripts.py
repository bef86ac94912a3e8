"""Scripts that run on machines: what users type must not become part of their text, and they must fit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ..document import Report
from ..nodes import Mapping, Node, Scalar, Sequence, call, children
from ..secrets import is_free_text
from ..template import At, Template

MAX_COMMAND = 16_384
"""Bytes of Base64 (ROS, ALIYUN::ECS::RunCommand, CommandContent)."""
MAX_USER_DATA = 32_768
"""Bytes before Base64 (ECS, RunInstances, UserData)."""

_COMMANDS = ("ALIYUN::ECS::RunCommand", "ALIYUN::ECS::Command")
# Their arguments decide or measure; no text of theirs reaches the result.
_NOT_TEXT = (
    "Fn::And",
    "Fn::Contains",
    "Fn::EachMemberIn",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::Index",
    "Fn::Length",
    "Fn::MatchPattern",
    "Fn::Not",
    "Fn::Or",
)
_SUBSTITUTION = re.compile(r"\$\{([^}]+)\}")


def user_text(template: Template, report: Report) -> None:
    free = {name for name, parameter in template.parameters.items() if is_free_text(name, parameter)}
    for _, _, script in _scripts(template, with_parameters=True):
        content = _decoded(script)
        found = call(content)
        if found is not None and found.name == "Ref":
            continue  # the whole script is the user's own
        for name, place in _text_of(template, content):
            if name in free:
                report("WCN603", place, name=name)


def _decoded(script: Node) -> Node:
    """A script that is encoded as a whole, for transport, is not thereby data."""
    found = call(script)
    return _decoded(found.argument) if found is not None and found.name == "Fn::Base64Encode" else script


def _text_of(template: Template, node: Node) -> Iterator[tuple[str, At]]:
    """The parameters whose text ends up in a value; what passes Fn::Base64Encode does not."""
    found = call(node)
    if found is None:
        for child in children(node):
            yield from _text_of(template, child)
    elif found.name == "Ref" and isinstance(found.argument, Scalar):
        yield found.argument.text, At(found.argument.line, found.argument.column)
    elif found.name == "Fn::Sub":
        for use in template.substitutions(found):
            if use.attribute is None:
                yield use.name, use.place
        for variables in found.arguments[1:]:
            yield from _text_of(template, variables)
    elif found.name == "Fn::If":
        for side in found.arguments[1:]:
            yield from _text_of(template, side)
    elif found.name != "Fn::Base64Encode" and found.name not in _NOT_TEXT:
        yield from _text_of(template, found.argument)


def sizes(template: Template, report: Report) -> None:
    for kind, resource, script in _scripts(template, with_parameters=False):
        size = _least_bytes(script)
        if kind == "CommandContent":
            is_encoded = resource.string("ContentEncoding") == "Base64" and isinstance(script, Scalar)
            encoded = size if is_encoded else 4 * math.ceil(size / 3)
            if encoded > MAX_COMMAND:
                report("WCN604", resource.keys[kind], size=str(encoded), limit=str(MAX_COMMAND))
        elif size > MAX_USER_DATA:
            report("WCN605", resource.keys[kind], size=str(size), limit=str(MAX_USER_DATA))


def _least_bytes(node: Node) -> int:
    """The bytes of a text that are known here; what functions and parameters add comes on top."""
    if isinstance(node, Scalar):
        return len(node.text.encode())
    found = call(node)
    if found is None or not found.arguments:
        return 0
    if found.name == "Fn::Sub" and isinstance(found.arguments[0], Scalar):
        return len(_SUBSTITUTION.sub("", found.arguments[0].text).encode())
    if found.name == "Fn::Join" and len(found.arguments) == 2 and isinstance(found.arguments[1], Sequence):
        delimiter, parts = found.arguments[0], found.arguments[1].items
        return sum(map(_least_bytes, parts)) + _least_bytes(delimiter) * max(len(parts) - 1, 0)
    if found.name == "Fn::If" and len(found.arguments) == 3:
        return min(map(_least_bytes, found.arguments[1:]))
    return _least_bytes(found.argument) if found.name == "Fn::Base64Encode" else 0


def _scripts(template: Template, *, with_parameters: bool) -> Iterator[tuple[str, Mapping, Node]]:
    """Each script with the name of its property and the properties that it stands among. The `Parameters` of a command
    are pasted into it just as `Fn::Sub` pastes."""
    for resource in template.resources.values():
        properties = resource.mapping("Properties")
        if properties is None:
            continue
        names = ("CommandContent", "Parameters") if resource.string("Type") in _COMMANDS else ("UserData",)
        for name in names:
            script = properties.get(name)
            if script is None or (name == "Parameters" and not with_parameters):
                continue
            for part in script.entries.values() if name == "Parameters" and isinstance(script, Mapping) else (script,):
                yield name, properties, part if name != "Parameters" else _wrapped(part)


def _wrapped(node: Node) -> Sequence:
    """A command's parameter is only a part of the script, even when it is a single Ref."""
    return Sequence(node.line, node.column, [node])


RULES = (user_text, sizes)
