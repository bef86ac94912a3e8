"""The template functions whose result follows from their arguments alone: a table of name → function.

Each takes the evaluated argument (the value under its `Fn::` key) and raises `FunctionError` with what it wants. The
functions that look at the stack (Ref, GetAtt, Sub, If, FindInMap, GetAZs) are in `evaluation`. Meanings and examples:
"Functions" in the ROS template reference.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Number = int | float


class FunctionError(Exception):
    """The argument does not fit; the text says what the function wants."""


def text_of(value: Any) -> str:
    """A value as the service puts it into text: booleans lower case, lists and maps as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise FunctionError(f"wants true or false, not {text_of(value)!r}")


def number(value: Any) -> Number:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FunctionError(f"wants a number, not {text_of(value)!r}")
    if isinstance(value, str):
        try:
            return int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value) else float(value)
        except ValueError:
            raise FunctionError(f"wants a number, not {value!r}") from None
    return value


def _items(value: Any, *lengths: int, form: str) -> list[Any]:
    if not isinstance(value, list) or (lengths and len(value) not in lengths):
        raise FunctionError(f"wants {form}")
    return value


def _list(value: Any, form: str) -> list[Any]:
    """A list; text is taken apart at commas, as a CommaDelimitedList is."""
    if isinstance(value, str):
        return value.split(",") if value else []
    return _items(value, form=form)


def _base64_decode(value: Any) -> str:
    try:
        return base64.b64decode(text_of(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise FunctionError("wants Base64 of UTF-8 text") from None


def _str(value: Any) -> str:
    if isinstance(value, (bool, list, dict)):
        raise FunctionError("wants a number or text")
    return text_of(value)


def _join(value: Any) -> str:
    delimiter, parts = _items(value, 2, form="[delimiter, [values]]")
    return text_of(delimiter).join(text_of(part) for part in _items(parts, form="[delimiter, [values]]"))


def _split(value: Any) -> list[str]:
    delimiter, text = _items(value, 2, form="[delimiter, text]")
    if not delimiter or not isinstance(text, str):
        raise FunctionError("wants [delimiter, text]")
    return text.split(delimiter)


def _replace(value: Any) -> str:
    changes, text = _items(value, 2, form="[{old: new}, text]")
    if not isinstance(changes, Mapping) or not isinstance(text, str):
        raise FunctionError("wants [{old: new}, text]")
    for old, new in changes.items():
        text = text.replace(text_of(old), text_of(new))
    return text


def _select(value: Any) -> Any:
    form = "[index, list] or [key, map], with an optional default"
    index, source, *default = _items(value, 2, 3, form=form)
    if isinstance(source, Mapping):
        if text_of(index) in source:
            return source[text_of(index)]
        return default[0] if default else ""
    values, key = _list(source, form), text_of(index).strip()
    if ":" in key:
        try:
            return values[slice(*(int(part) if part else None for part in key.split(":")))]
        except (ValueError, TypeError):
            raise FunctionError(f"cannot read the slice {key!r}") from None
    if not re.fullmatch(r"-?\d+", key):
        raise FunctionError(f"wants a whole number as the index, not {key!r}")
    if -len(values) <= int(key) < len(values):
        return values[int(key)]
    return default[0] if default else ""


def _index(value: Any) -> int | None:
    item, values = _items(value, 2, form="[item, list]")
    values = _list(values, "[item, list]")
    return values.index(item) if item in values else None


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise FunctionError("wants text, a list or a map")
    return len(value)


def _list_merge(value: Any) -> list[Any]:
    form = "a list of lists"
    return [item for part in _items(value, form=form) for item in _list(part, form)]


def _json_path(value: Any) -> Any:
    path, source = _items(value, 2, form="[key, JSON text]")
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except ValueError:
            raise FunctionError("wants JSON text as its second argument") from None
    key = text_of(path)
    if isinstance(source, Mapping) and key in source:
        return source[key]
    for part in key.split("."):
        if isinstance(source, Mapping) and part in source:
            source = source[part]
        elif isinstance(source, list) and part.isdigit() and int(part) < len(source):
            source = source[int(part)]
        else:
            raise FunctionError(f"finds no key {part!r}")
    return source


def _merge_map_to_list(value: Any) -> list[dict[str, Any]]:
    maps = _items(value, form="a list of maps whose values are lists")
    if not all(isinstance(m, Mapping) and all(isinstance(v, list) for v in m.values()) for m in maps):
        raise FunctionError("wants a list of maps whose values are lists")
    columns = {key: values for m in maps for key, values in m.items()}
    rows = max((len(values) for values in columns.values()), default=0)
    return [{key: values[row] for key, values in columns.items() if row < len(values)} for row in range(rows)]


def _select_map_list(value: Any) -> list[Any]:
    key, maps = _items(value, 2, form="[key, list of maps]")
    return [m[key] for m in _items(maps, form="[key, list of maps]") if isinstance(m, Mapping) and key in m]


def _rounded(result: Decimal, places: Any) -> Number:
    digits = number(places)
    if not isinstance(digits, int) or not 0 <= digits <= 15:
        raise FunctionError("wants a whole number of decimal places")
    rounded = result.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return int(rounded) if digits == 0 else float(rounded)


def _avg(value: Any) -> Number:
    places, values = _items(value, 2, form="[decimal places, [numbers]]")
    numbers = [Decimal(str(number(v))) for v in _list(values, "[decimal places, [numbers]]")]
    if not numbers:
        raise FunctionError("wants at least one number")
    return _rounded(sum(numbers, Decimal()) / len(numbers), places)


def _add(value: Any) -> Any:
    values = _items(value, form="a list of numbers, of lists or of maps")
    if values and all(isinstance(v, list) for v in values):
        return [item for v in values for item in v]
    if values and all(isinstance(v, Mapping) for v in values):
        return {key: item for v in values for key, item in v.items()}
    return sum(number(v) for v in values)


_OPERATORS: dict[type[ast.AST], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip


def _arithmetic(node: ast.AST) -> Decimal:
    match node:
        case ast.Expression(body=body):
            return _arithmetic(body)
        case ast.Constant(value=value) if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Decimal(str(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_arithmetic(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_arithmetic(left), _arithmetic(right))
    raise FunctionError("wants numbers with + - * / % and brackets")


def _calculate(value: Any) -> Number:
    expression, places, *values = _items(value, 2, 3, form="[expression, decimal places, [values]]")
    numbers = [number(v) for v in _items(values[0], form="a list of values")] if values else []
    try:
        text = re.sub(r"\{(\d+)\}", lambda m: f"({numbers[int(m[1])]})", text_of(expression))
        return _rounded(_arithmetic(ast.parse(text, mode="eval")), places)
    except IndexError:
        raise FunctionError("has a {place} without a value") from None
    except (SyntaxError, ArithmeticError, RecursionError):
        raise FunctionError(f"cannot calculate {text_of(expression)!r}") from None


def _extreme(choose: Callable[[list[Number]], Number]) -> Callable[[Any], Number]:
    def apply(value: Any) -> Number:
        numbers = [number(v) for v in _list(value, "a list of numbers")]
        if not numbers:
            raise FunctionError("wants at least one number")
        return choose(numbers)

    return apply


def _format_time(value: Any) -> str:
    layout, *zone = [value] if isinstance(value, str) else _items(value, 1, 2, form="[format, time zone]")
    try:
        return datetime.now(ZoneInfo(zone[0]) if zone else UTC).strftime(text_of(layout))
    except (ZoneInfoNotFoundError, ValueError):
        raise FunctionError(f"does not know the time zone {zone[0]!r}") from None


def _contains(value: Any) -> bool:
    source, item = _items(value, 2, form="[list, item]")
    return item in _list(source, "[list, item]")


def _each_member_in(value: Any) -> bool:
    members, source = (_list(v, "[list, list]") for v in _items(value, 2, form="[list, list]"))
    return all(member in source for member in members)


def _match_pattern(value: Any) -> bool:
    pattern, text = _items(value, 2, form="[pattern, text]")
    try:
        return re.fullmatch(text_of(pattern), text_of(text)) is not None
    except re.error as error:
        raise FunctionError(f"cannot read the pattern: {error}") from None


def _equals(value: Any) -> bool:
    left, right = _items(value, 2, form="[value, value]")
    return left == right or text_of(left) == text_of(right)


def _cidr(value: Any) -> list[str]:
    block, count, bits = _items(value, 3, form="[block, count, host bits]")
    try:
        subnets = ip_network(text_of(block)).subnets(new_prefix=32 - int(number(bits)))
        return [str(subnet) for subnet, _ in zip(subnets, range(int(number(count))), strict=False)]
    except ValueError as error:
        raise FunctionError(f"cannot divide {text_of(block)}: {error}") from None


_JQ_STEP = re.compile(r"""\.(?P<key>[A-Za-z_]\w*)|\.?\["(?P<quoted>[^"]*)"\]|\.?\[(?P<index>-?\d*)\]""")


def _jq(value: Any) -> Any:
    """The part of jq that templates use to take values out: `.a.b`, `[0]`, `[]`, `."a"`, and `|` between them."""
    mode, script, source = _items(value, 3, form="[First or All, script, JSON]")
    if mode not in ("First", "All"):
        raise FunctionError("wants First or All as its first argument")
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except ValueError:
            raise FunctionError("wants JSON as its third argument") from None
    values = [source]
    for stage in text_of(script).split("|"):
        rest = stage.strip()
        while rest not in ("", "."):
            step = _JQ_STEP.match(rest)
            if not step:
                raise FunctionError(f"knows only paths such as .a[0].b[] on the local target, not {rest!r}")
            values = [found for v in values for found in _jq_step(v, step)]
            rest = rest[step.end() :]
    return values if mode == "All" else (values[0] if values else None)


def _jq_step(value: Any, step: re.Match[str]) -> list[Any]:
    key, index = step["key"] or step["quoted"], step["index"]
    if key is not None:
        if not isinstance(value, Mapping):
            raise FunctionError(f"finds no key {key!r}")
        return [value.get(key)]
    if index == "":
        return list(value.values()) if isinstance(value, Mapping) else list(_items(value, form="a list before []"))
    values = _items(value, form="a list before [index]")
    return [values[int(index)] if -len(values) <= int(index) < len(values) else None]


def _booleans(value: Any) -> list[bool]:
    return [truth(v) for v in _items(value, form="a list of conditions")]


TABLE: Mapping[str, Callable[[Any], Any]] = {
    "Fn::Add": _add,
    "Fn::And": lambda value: all(_booleans(value)),
    "Fn::Any": lambda value: any(_booleans(value)),
    "Fn::Avg": _avg,
    "Fn::Base64": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "Fn::Base64Decode": _base64_decode,
    "Fn::Base64Encode": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "Fn::Calculate": _calculate,
    "Fn::Cidr": _cidr,
    "Fn::Contains": _contains,
    "Fn::EachMemberIn": _each_member_in,
    "Fn::Equals": _equals,
    "Fn::FormatTime": _format_time,
    "Fn::GetJsonValue": _json_path,
    "Fn::Index": _index,
    "Fn::Join": _join,
    "Fn::Jq": _jq,
    "Fn::Length": _length,
    "Fn::ListMerge": _list_merge,
    "Fn::MatchPattern": _match_pattern,
    "Fn::Max": _extreme(max),
    "Fn::MergeMapToList": _merge_map_to_list,
    "Fn::Min": _extreme(min),
    "Fn::Not": lambda value: not truth(value[0] if isinstance(value, list) and len(value) == 1 else value),
    "Fn::Or": lambda value: any(_booleans(value)),
    "Fn::Replace": _replace,
    "Fn::Select": _select,
    "Fn::SelectMapList": _select_map_list,
    "Fn::Split": _split,
    "Fn::Str": _str,
}
