"""A template's parameters: their declaration, and whether a given value keeps to it, in the service's wording."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, invalid

TYPES = ("String", "Number", "CommaDelimitedList", "Json", "Boolean")
MASK = "****"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    declaration: Mapping[str, Any] = field(repr=False)

    @property
    def no_echo(self) -> bool:
        return _flag(self.declaration.get("NoEcho"))

    @property
    def has_default(self) -> bool:
        return "Default" in self.declaration

    @property
    def default(self) -> Any:
        """A null Default means an empty value, which no constraint is held against."""
        raw = self.declaration["Default"]
        return _EMPTY[self.type] if raw is None else self.convert(raw)

    def convert(self, raw: Any) -> Any:
        """The value as functions see it; raises ApiError where it breaks a constraint."""
        value = self._typed(raw)
        problem = self._problem(value)
        if problem:
            text = self.declaration.get("ConstraintDescription")
            if isinstance(text, Mapping):
                text = text.get("en") or text.get("zh-cn") or next(iter(text.values()), "")
            raise invalid(f"Parameter '{self.name}' is invalid: {text or problem}")
        return value

    def shown(self, value: Any) -> str:
        """The value as answers show it: a secret as asterisks."""
        if self.no_echo:
            return MASK
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list) and self.type == "CommaDelimitedList":
            return ",".join(map(str, value))
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def _typed(self, raw: Any) -> Any:
        try:
            return _CONVERT[self.type](raw)
        except ValueError:
            shown = MASK if self.no_echo else str(raw)
            raise invalid(f"Parameter '{self.name}' is invalid: could not convert '{shown}' to {self.type}.") from None

    def _problem(self, value: Any) -> str:
        rules, shown = self.declaration, self.shown(value)
        allowed = rules.get("AllowedValues")
        values = value if isinstance(value, list) and self.type == "CommaDelimitedList" else [value]
        if isinstance(allowed, list):
            accepted = allowed if self.type in ("CommaDelimitedList", "Json") else [self._typed(a) for a in allowed]
            wrong = [v for v in values if v not in accepted]
            if wrong:
                first, choice = MASK if self.no_echo else wrong[0], json.dumps(allowed, ensure_ascii=False)
                return f"'{first}' is not in the list of AllowedValues {choice}."
        if isinstance(value, str) and "AllowedPattern" in rules and not _matches(str(rules["AllowedPattern"]), value):
            return f"'{shown}' does not match the AllowedPattern '{rules['AllowedPattern']}'."
        return self._size_problem(value, shown)

    def _size_problem(self, value: Any, shown: str) -> str:
        rules = self.declaration
        if isinstance(value, bool) or value is None:
            return ""
        if isinstance(value, (int, float)):
            size, low, high, what = float(value), "MinValue", "MaxValue", shown
        else:
            size, low, high, what = float(len(value)), "MinLength", "MaxLength", f"its length {len(value)}"
        if low in rules and size < float(rules[low]):
            return f"{what} is less than the {low} {rules[low]}."
        if high in rules and size > float(rules[high]):
            return f"{what} is greater than the {high} {rules[high]}."
        return ""


def read_parameters(section: Mapping[str, Any]) -> dict[str, Parameter]:
    """Raises ApiError where a declaration cannot be read."""
    if len(section) > 200:
        raise invalid("The template has more than 200 parameters.")
    result = {}
    for name, body in section.items():
        if not isinstance(body, dict) or body.get("Type") not in TYPES:
            raise invalid(f"Parameters.{name}: Type should be one of {', '.join(TYPES)} on the local target.")
        pattern = body.get("AllowedPattern")
        try:
            re.compile(str(pattern or ""))
        except re.error as error:
            raise invalid(f"Parameters.{name}.AllowedPattern: {error}.") from None
        result[name] = Parameter(name, body["Type"], body)
    return result


def resolve(declared: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, Any]:
    """The value of every parameter: what was given, else the default. Raises ApiError in the service's order:
    unknown names first, then missing ones, then broken constraints."""
    for name in given:
        if name not in declared:
            raise ApiError("UnknownUserParameter", f"The Parameter ({name}) was not defined in template.")
    for name, parameter in declared.items():
        if name not in given and not parameter.has_default and _flag(parameter.declaration.get("Required", True)):
            raise ApiError("UserParameterMissing", f"The Parameter ({name}) was not provided.")
    values = {}
    for name, parameter in declared.items():
        if name in given:
            values[name] = parameter.convert(given[name])
        elif parameter.has_default:
            values[name] = parameter.default
        else:
            values[name] = _EMPTY[parameter.type]
    return values


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


def _to_string(raw: Any) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, (list, dict)):
        raise ValueError
    return str(raw)


def _to_number(raw: Any) -> int | float:
    if isinstance(raw, bool):
        raise ValueError
    text = str(raw).strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text) if "." in text else int(text)


def _to_boolean(raw: Any) -> bool:
    if str(raw).lower() not in ("true", "false"):
        raise ValueError
    return str(raw).lower() == "true"


def _to_list(raw: Any) -> list[Any]:
    if isinstance(raw, list):
        return raw
    if not isinstance(raw, str):
        raise ValueError
    return [part.strip() for part in raw.split(",")] if raw else []


def _to_json(raw: Any) -> Any:
    if isinstance(raw, str):
        raw = json.loads(raw)
    if not isinstance(raw, (list, dict)):
        raise ValueError
    return raw


_CONVERT = {
    "String": _to_string,
    "Number": _to_number,
    "Boolean": _to_boolean,
    "CommaDelimitedList": _to_list,
    "Json": _to_json,
}
_EMPTY: Mapping[str, Any] = {"String": "", "Number": None, "Boolean": False, "CommaDelimitedList": [], "Json": {}}
