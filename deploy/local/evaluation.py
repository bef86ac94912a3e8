"""Works a template's expressions out: the functions that look at the stack, and the walk through a tree of values.

Pure: everything an expression may refer to comes in with the `Scope`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, bad_reference, invalid
from .functions import TABLE
from .regions import zones
from .substitution import VARIABLE, function_of
from .template import Template
from .values import FunctionError, text_of, truth

NO_VALUE = object()  # ALIYUN::NoValue: the property or list item is left out


@dataclass(frozen=True)
class Scope:
    """What an expression sees. `ref` and `attribute` raise KeyError for a resource that has no value (yet)."""

    template: Template
    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any]
    ref: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    elsewhere: Callable[[str, str, str], Any] = lambda stack, output, region: ""  # another stack's output
    _conditions: dict[str, bool | None] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """True or false; conditions may refer to each other."""
        if name not in self.template.conditions:
            raise bad_reference(name, "Conditions")
        if name not in self._conditions:
            self._conditions[name] = None
            try:
                self._conditions[name] = truth(
                    evaluate(self.template.conditions[name], self, f"Conditions.{name}", True)
                )
            except FunctionError as error:
                raise invalid(f"Conditions.{name}: {error}.") from None
        value = self._conditions[name]
        if value is None:
            raise invalid(f"Circular Dependency Found: condition {name} refers to itself.")
        return value

    def included(self, name: str) -> bool:
        """Whether the conditions keep this resource in."""
        condition = self.template.resources[name].condition
        return not condition or self.condition(condition)


def evaluate(node: Any, scope: Scope, where: str, conditional: bool = False) -> Any:
    """The value of `node`. `where` names its place for errors; `conditional` says that strings name conditions, as they
    do below Fn::And, Fn::Or, Fn::Not and in the Conditions section."""
    name = function_of(node)
    if name:
        return _call(name, node[name], scope, where, conditional)
    if isinstance(node, dict):
        if conditional and set(node) == {"Condition"}:
            return scope.condition(str(node["Condition"]))
        pairs = ((key, evaluate(item, scope, f"{where}.{key}")) for key, item in node.items())
        return {key: value for key, value in pairs if value is not NO_VALUE}
    if isinstance(node, list):
        values = (evaluate(item, scope, f"{where}.{i}", conditional) for i, item in enumerate(node))
        return [value for value in values if value is not NO_VALUE]
    if conditional and isinstance(node, str) and node in scope.template.conditions:
        return scope.condition(node)
    return node


def _call(name: str, argument: Any, scope: Scope, where: str, conditional: bool) -> Any:
    special = _SPECIAL.get(name)
    if special:
        return special(argument, scope, where)
    if name not in TABLE:
        raise invalid(f"{where}: {name} is not a function of ROS.")
    logical = name in ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Any")
    value = evaluate(argument, scope, f"{where}.{name}", conditional=logical or (conditional and name != "Fn::Equals"))
    try:
        return TABLE[name](value)
    except FunctionError as error:
        raise invalid(f"{where}: {name} {error}.") from None


def _ref(argument: Any, scope: Scope, where: str) -> Any:
    name = str(argument)
    if name in scope.parameters:
        return scope.parameters[name]
    if name == "ALIYUN::NoValue":
        return NO_VALUE
    if name in scope.pseudo:
        return scope.pseudo[name]
    try:
        return scope.ref(name)
    except KeyError:
        raise bad_reference(name, where) from None


def _get_att(argument: Any, scope: Scope, where: str) -> Any:
    argument = argument.split(".", 1) if isinstance(argument, str) else evaluate(argument, scope, where)
    if not isinstance(argument, list) or len(argument) < 2:
        raise invalid(f"{where}: Fn::GetAtt wants [resource, attribute].")
    try:
        value = scope.attribute(str(argument[0]), str(argument[1]))
    except KeyError:
        raise bad_reference(".".join(map(str, argument[:2])), where) from None
    for key in argument[2:]:
        value = TABLE["Fn::Select"]([key, value])
    return value


def _sub(argument: Any, scope: Scope, where: str) -> str:
    text, variables = argument, {}
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
        text = argument[0]
        variables = {key: evaluate(value, scope, f"{where}.Fn::Sub.{key}") for key, value in argument[1].items()}
    text = evaluate(text, scope, where)
    if not isinstance(text, str):
        raise invalid(f"{where}: Fn::Sub wants text, or [text, {{variable: value}}].")

    def replace(match: re.Match[str]) -> str:
        literal, name = match[1], match[2].strip()
        if literal:
            return "${" + match[2] + "}"
        if name in variables:
            return text_of(variables[name])
        value = _get_att(name, scope, where) if _is_attribute(name, scope) else _ref(name, scope, where)
        return "" if value is NO_VALUE else text_of(value)

    return VARIABLE.sub(replace, text)


def _is_attribute(name: str, scope: Scope) -> bool:
    return "." in name and name not in scope.parameters and name not in scope.pseudo


def _if(argument: Any, scope: Scope, where: str) -> Any:
    if not isinstance(argument, list) or len(argument) != 3:
        raise invalid(f"{where}: Fn::If wants [condition, value, value].")
    chosen = 1 if choose(argument[0], scope, where) else 2
    return evaluate(argument[chosen], scope, f"{where}.Fn::If.{chosen}")


def choose(condition: Any, scope: Scope, where: str) -> bool:
    """The condition of an Fn::If, by name or as an expression."""
    if isinstance(condition, str):
        return scope.condition(condition)
    try:
        return truth(evaluate(condition, scope, where, conditional=True))
    except FunctionError as error:
        raise invalid(f"{where}: Fn::If {error}.") from None


def _find_in_map(argument: Any, scope: Scope, where: str) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise invalid(f"{where}: Fn::FindInMap wants [mapping, key, key].")
    name, first, second = (text_of(evaluate(part, scope, where)) for part in argument[:3])
    try:
        return evaluate(scope.template.mappings[name][first][second], scope, where)
    except (KeyError, TypeError):
        if len(argument) == 4 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
            return evaluate(argument[3]["DefaultValue"], scope, where)
        raise invalid(f"{where}: Mappings has no {name}.{first}.{second}.") from None


def _get_azs(argument: Any, scope: Scope, where: str) -> list[str]:
    return zones(text_of(evaluate(argument, scope, where)) or str(scope.pseudo["ALIYUN::Region"]))


def _get_stack_output(argument: Any, scope: Scope, where: str) -> Any:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise invalid(f"{where}: Fn::GetStackOutput wants [stack, output, region].")
    stack, output, *region = (text_of(evaluate(part, scope, where)) for part in argument)
    if not stack or not output:
        return ""
    return scope.elsewhere(stack, output, *(region or [str(scope.pseudo["ALIYUN::Region"])]))


_SPECIAL: Mapping[str, Callable[[Any, Scope, str], Any]] = {
    "Ref": _ref,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::GetStackOutput": _get_stack_output,
    "Fn::If": _if,
    "Fn::Sub": _sub,
}


STACK_FUNCTIONS = frozenset(_SPECIAL)  # those that look at the stack, or at others


@dataclass(frozen=True)
class Reference:
    """One mention of a name: `attribute` is empty for Ref."""

    name: str
    attribute: str
    where: str


def references(node: Any, where: str, decide: Callable[[Any], bool] | None = None) -> Iterator[Reference]:
    """Every mention below `node`. With `decide`, only the chosen branch of each Fn::If is looked at."""
    name = function_of(node)
    if name == "Ref":
        yield Reference(str(node["Ref"]), "", where)
    elif name == "Fn::GetAtt":
        argument = node[name]
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if isinstance(parts, list) and len(parts) > 1:
            yield Reference(str(parts[0]), parts[1] if isinstance(parts[1], str) else "*", where)
            yield from references(parts[1:], where, decide)
    elif name == "Fn::If" and decide and isinstance(node[name], list) and len(node[name]) == 3:
        condition, yes, no = node[name]
        yield from references(yes if decide(condition) else no, f"{where}.Fn::If", decide)
    elif name == "Fn::Sub":
        yield from _sub_references(node[name], where, decide)
    elif isinstance(node, dict):
        for key, item in node.items():
            yield from references(item, f"{where}.{key}", decide)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from references(item, f"{where}.{index}", decide)


def _sub_references(argument: Any, where: str, decide: Callable[[Any], bool] | None) -> Iterator[Reference]:
    text, variables = (
        (argument[0], argument[1]) if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    )
    for literal, raw in VARIABLE.findall(text) if isinstance(text, str) else ():
        name = raw.strip()
        if not literal and not (isinstance(variables, dict) and name in variables):
            resource, _, attribute = name.partition(".")
            yield Reference(resource, attribute, where)
    yield from references(variables, where, decide)


def outputs(scope: Scope, hide: Callable[[str], str]) -> list[dict[str, Any]]:
    """The stack's outputs in the service's form; `hide` masks secrets in text. An output that cannot be worked out has
    a null value and says why."""
    from .template import localized

    result = []
    for key, body in scope.template.outputs.items():
        if body.get("Condition") and not scope.condition(str(body["Condition"])):
            continue
        entry: dict[str, Any] = {
            "OutputKey": key,
            "Description": localized(body.get("Description", "No description given")),
        }
        if body.get("Label"):
            entry["Label"] = localized(body["Label"])
        try:
            value = evaluate(body["Value"], scope, f"Outputs.{key}.Value")
            entry["OutputValue"] = None if value is NO_VALUE else hidden(value, hide)
        except ApiError as error:
            entry["OutputValue"], entry["OutputError"] = None, hide(error.message)
        if truth_or(body.get("NoEcho"), False):
            entry["OutputValue"] = "****"
        result.append(entry)
    return result


def truth_or(value: Any, default: bool) -> bool:
    try:
        return truth(value)
    except FunctionError:
        return default


def hidden(value: Any, hide: Callable[[str], str]) -> Any:
    """The value with `hide` applied to every text in it."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: hidden(item, hide) for key, item in value.items()}
    return [hidden(item, hide) for item in value] if isinstance(value, list) else value
