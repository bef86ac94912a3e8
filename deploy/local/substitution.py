"""A template's values: which nodes call a function, and the tree with something else in the place of names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")
Replacement = Callable[[str], Any]
"""What stands for a name; raises KeyError where the name stays."""


def function_of(node: Any) -> str:
    """The function that a node calls, or an empty string."""
    if isinstance(node, dict) and len(node) == 1:
        name = next(iter(node))
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return name
    return ""


def substituted(
    node: Any,
    ref: Replacement,
    attribute: Callable[[str, list[Any]], Any] | None = None,
    chosen: Callable[[list[Any]], Any] | None = None,
) -> Any:
    """The tree with something else in the place of some Ref, Fn::GetAtt and `${}`. Each function raises KeyError
    for what stays as it is."""

    def walk(node: Any) -> Any:
        name = function_of(node)
        argument = node[name] if name else None
        try:
            if name == "Ref":
                return ref(argument) if isinstance(argument, str) else node
            if name == "Fn::GetAtt" and attribute:
                first, *rest = argument.split(".", 1) if isinstance(argument, str) else list(argument or ())
                return attribute(first, [walk(each) for each in rest])
        except (KeyError, TypeError, ValueError):
            pass
        if name == "Fn::Sub":
            return {name: sub(argument)}
        if isinstance(node, dict):
            made = {key: walk(item) for key, item in node.items()}
            if name == "Fn::Select" and chosen and isinstance(made[name], list) and len(made[name]) > 1:
                try:
                    return chosen(made[name])
                except KeyError:
                    pass
            return made
        return [walk(item) for item in node] if isinstance(node, list) else node

    def sub(argument: Any) -> Any:
        text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(variables, dict):
            return walk(argument)
        found = {key: walk(item) for key, item in variables.items()}
        for literal, raw in VARIABLE.findall(text):
            variable = raw.strip()
            if literal or variable in variables:
                continue
            resource, dot, rest = variable.partition(".")
            try:
                found[variable] = attribute(resource, [rest]) if dot and attribute else ref(variable)
            except KeyError:
                continue
        return [text, found] if found else argument

    return walk(node)
