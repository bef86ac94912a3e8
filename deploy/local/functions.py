"""The template functions whose result follows from their arguments alone: a table of name → function.

Each takes the evaluated argument (the value under its `Fn::` key) and raises `FunctionError` with what it wants. The
functions that look at the stack (Ref, GetAtt, Sub, If, FindInMap, GetAZs) are in `evaluation`. Meanings and examples:
"Functions" in the ROS template reference.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .arithmetic import add, avg, calculate, extreme
from .jq import jq
from .values import FunctionError, items, listed, number, text_of, truth


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
    delimiter, parts = items(value, 2, form="[delimiter, [values]]")
    return text_of(delimiter).join(text_of(part) for part in items(parts, form="[delimiter, [values]]"))


def _split(value: Any) -> list[str]:
    delimiter, text = items(value, 2, form="[delimiter, text]")
    if not delimiter or not isinstance(text, str):
        raise FunctionError("wants [delimiter, text]")
    return text.split(delimiter)


def _indent(value: Any) -> str:
    form = "[text, level from 0 to 20, size from 0 to 4, whether the first line counts]"
    text, level, *more = items(value, 2, 3, 4, form=form)
    depth, size = number(level), number(more[0]) if more else 2
    first = truth(more[1]) if len(more) > 1 else True
    if not isinstance(text, str) or depth not in range(21) or size not in range(5):
        raise FunctionError(f"wants {form}")
    pad, lines = " " * int(depth * size), text.split("\n")
    return "\n".join(pad + line if line and (first or index) else line for index, line in enumerate(lines))


def _replace(value: Any) -> str:
    changes, text = items(value, 2, form="[{old: new}, text]")
    if not isinstance(changes, Mapping) or not isinstance(text, str):
        raise FunctionError("wants [{old: new}, text]")
    for old, new in changes.items():
        text = text.replace(text_of(old), text_of(new))
    return text


def _select(value: Any) -> Any:
    form = "[index, list] or [key, map], with an optional default"
    index, source, *default = items(value, 2, 3, form=form)
    if isinstance(source, Mapping):
        if text_of(index) in source:
            return source[text_of(index)]
        return default[0] if default else ""
    values, key = listed(source, form), text_of(index).strip()
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
    item, values = items(value, 2, form="[item, list]")
    values = listed(values, "[item, list]")
    return values.index(item) if item in values else None


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise FunctionError("wants text, a list or a map")
    return len(value)


def _list_merge(value: Any) -> list[Any]:
    form = "a list of lists"
    return [item for part in items(value, form=form) for item in listed(part, form)]


def _json_path(value: Any) -> Any:
    path, source = items(value, 2, form="[key, JSON text]")
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
    maps = items(value, form="a list of maps whose values are lists")
    if not all(isinstance(m, Mapping) and all(isinstance(v, list) for v in m.values()) for m in maps):
        raise FunctionError("wants a list of maps whose values are lists")
    columns = {key: values for m in maps for key, values in m.items()}
    rows = max((len(values) for values in columns.values()), default=0)
    return [{key: values[row] for key, values in columns.items() if row < len(values)} for row in range(rows)]


def _select_map_list(value: Any) -> list[Any]:
    key, maps = items(value, 2, form="[key, list of maps]")
    return [m[key] for m in items(maps, form="[key, list of maps]") if isinstance(m, Mapping) and key in m]


def _format_time(value: Any) -> str:
    layout, *zone = [value] if isinstance(value, str) else items(value, 1, 2, form="[format, time zone]")
    try:
        return datetime.now(ZoneInfo(zone[0]) if zone else UTC).strftime(text_of(layout))
    except (ZoneInfoNotFoundError, ValueError):
        raise FunctionError(f"does not know the time zone {zone[0]!r}") from None


def _contains(value: Any) -> bool:
    source, item = items(value, 2, form="[list, item]")
    return item in listed(source, "[list, item]")


def _each_member_in(value: Any) -> bool:
    members, source = (listed(v, "[list, list]") for v in items(value, 2, form="[list, list]"))
    return all(member in source for member in members)


def _match_pattern(value: Any) -> bool:
    pattern, text = items(value, 2, form="[pattern, text]")
    try:
        return re.fullmatch(text_of(pattern), text_of(text)) is not None
    except re.error as error:
        raise FunctionError(f"cannot read the pattern: {error}") from None


def _equals(value: Any) -> bool:
    left, right = items(value, 2, form="[value, value]")
    return left == right or text_of(left) == text_of(right)


def _cidr(value: Any) -> list[str]:
    block, count, bits = items(value, 3, form="[block, count, host bits]")
    try:
        subnets = ip_network(text_of(block)).subnets(new_prefix=32 - int(number(bits)))
        return [str(subnet) for subnet, _ in zip(subnets, range(int(number(count))), strict=False)]
    except ValueError as error:
        raise FunctionError(f"cannot divide {text_of(block)}: {error}") from None


def _booleans(value: Any) -> list[bool]:
    return [truth(v) for v in items(value, form="a list of conditions")]


TABLE: Mapping[str, Callable[[Any], Any]] = {
    "Fn::Add": add,
    "Fn::And": lambda value: all(_booleans(value)),
    "Fn::Any": lambda value: any(_booleans(value)),
    "Fn::Avg": avg,
    "Fn::Base64": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "Fn::Base64Decode": _base64_decode,
    "Fn::Base64Encode": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "Fn::Calculate": calculate,
    "Fn::Cidr": _cidr,
    "Fn::Contains": _contains,
    "Fn::EachMemberIn": _each_member_in,
    "Fn::Equals": _equals,
    "Fn::FormatTime": _format_time,
    "Fn::GetJsonValue": _json_path,
    "Fn::Indent": _indent,
    "Fn::Index": _index,
    "Fn::Join": _join,
    "Fn::Jq": jq,
    "Fn::Length": _length,
    "Fn::ListMerge": _list_merge,
    "Fn::MatchPattern": _match_pattern,
    "Fn::Max": extreme(max),
    "Fn::MergeMapToList": _merge_map_to_list,
    "Fn::Min": extreme(min),
    "Fn::Not": lambda value: not truth(value[0] if isinstance(value, list) and len(value) == 1 else value),
    "Fn::Or": lambda value: any(_booleans(value)),
    "Fn::Replace": _replace,
    "Fn::Select": _select,
    "Fn::SelectMapList": _select_map_list,
    "Fn::Split": _split,
    "Fn::Str": _str,
}
