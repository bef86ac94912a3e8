"""The template functions whose result follows from their arguments alone: a table of name → function.

Each takes the evaluated argument (the value under its `Fn::` key) and raises `FunctionError` with what it wants. The
functions that look at the stack (Ref, GetAtt, Sub, If, FindInMap, GetAZs) are in `evaluation`. Meanings and examples:
"Functions" in the ROS template reference; what comes of null, of text where a list is wanted and the like: the contract
of each function in Alibaba Cloud's iac-code 0.16 (`ros_validation`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .arithmetic import add, avg, calculate, extreme
from .jq import jq
from .values import FunctionError, from_json, items, listed, number, plain, scalar, text_of, truth

MAX_MEMBERS = 10_000


def _base64_encode(value: Any) -> str | None:
    return None if value is None else base64.b64encode(plain(value, "text").encode()).decode()


def _base64_decode(value: Any) -> str | None:
    if value is None:
        return None
    text = plain(value, "Base64 of UTF-8 text")
    try:
        if not text:
            raise ValueError
        return base64.b64decode(text.removesuffix("\n"), validate=True).decode()
    except ValueError:
        raise FunctionError("wants Base64 of UTF-8 text") from None


def _join(value: Any) -> str:
    form = "[delimiter, [values]]"
    delimiter, parts = items(value, 2, form=form)
    return plain(delimiter, form).join(scalar(part, form) for part in listed(parts, form))


def _split(value: Any) -> list[str]:
    form = "[delimiter, text]"
    delimiter, text = items(value, 2, form=form)
    if text is None:
        return []
    if not plain(delimiter, form):
        raise FunctionError("wants a delimiter that is not empty")
    return plain(text, form).split(delimiter)


def _indent(value: Any) -> str | None:
    if value is None:
        return None
    form = "[text, level from 0 to 20, size from 0 to 4, whether the first line counts]"
    text, level, *more = items(value, 2, 3, 4, form=form)
    depth, size = number(level), number(more[0]) if more else 2
    first = truth(more[1]) if len(more) > 1 else True
    if depth not in range(21) or size not in range(5):
        raise FunctionError(f"wants {form}")
    pad, lines = " " * int(depth * size), plain(text, form).split("\n")
    return "\n".join(pad + line if line and (first or index) else line for index, line in enumerate(lines))


def _replace(value: Any) -> str | None:
    form = "[{old: new}, text]"
    changes, text = items(value, 2, form=form)
    if not isinstance(changes, Mapping):
        raise FunctionError(f"wants {form}")
    if text is None:
        return None
    text = plain(text, form)
    for old, new in changes.items():
        text = text.replace(plain(old, form), scalar(new, form))
    return text


def _select(value: Any) -> Any:
    form = "[index, list] or [key, map], with an optional default and an optional complaint"
    index, source, *more = items(value, 2, 3, 4, form=form)
    default, complaint = [*more, "", None][: len(more)] + ["", None][len(more) :]
    if source == "" or index is None:
        return default
    source = from_json(source, form)
    if source is None:
        return default
    try:
        return _chosen(index, source, form)
    except (KeyError, IndexError):
        if complaint is not None:
            raise FunctionError(f"finds nothing: {text_of(complaint)}") from None
        return default


def _chosen(index: Any, source: Any, form: str) -> Any:
    if isinstance(source, Mapping):
        return source[plain(index, form)]
    values, key = items(source, form=form), text_of(index).strip()
    if ":" in key:
        try:
            return values[slice(*(int(part) if part else None for part in key.split(":")))]
        except (ValueError, TypeError):
            raise FunctionError(f"cannot read the slice {key!r}") from None
    if not re.fullmatch(r"-?\d{1,9}(\.0*)?", key):
        raise FunctionError(f"wants a whole number as the index, not {key!r}")
    return values[int(key.partition(".")[0])]


def _index(value: Any) -> int | None:
    item, values = items(value, 2, form="[item, list]")
    values = listed(values, "[item, list]")
    return values.index(item) if item in values else None


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)) and value is not None:
        raise FunctionError("wants text, a list or a map")
    return len(value or "")


def _list_merge(value: Any) -> list[Any]:
    form = "a list of lists"
    return [item for part in items(value, form=form) for item in listed(part, form)]


def _json_value(value: Any) -> str | None:
    """As text, whatever it is: what is no text becomes JSON."""
    key, source = items(value, 2, form="[key, JSON text]")
    if source is None or source == "":
        return None
    source = from_json(source, "JSON text as its second argument")
    if not isinstance(source, Mapping):
        raise FunctionError("wants the JSON of a map as its second argument")
    found = source.get(plain(key, "text as its first argument"))
    return None if found is None else text_of(found)


def _member_list_to_map(value: Any) -> dict[str, str]:
    form = "[name of the keys, name of the values, [members such as k=v]]"
    _, _, members = items(value, 3, form=form)
    pairs = [plain(member, form).split("=", 1) for member in items(members, form=form)]
    if any(len(pair) != 2 for pair in pairs):
        raise FunctionError(f"wants {form}")
    return dict(pairs)


def _merge_map(value: Any) -> dict[str, Any]:
    first, second = items(value, 2, form="[map, map]")
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        raise FunctionError("wants [map, map]")
    return _merged(first, second)


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(first)
    for key, value in second.items():
        deeper = isinstance(result.get(key), Mapping) and isinstance(value, Mapping)
        result[key] = _merged(result[key], value) if deeper else value
    return result


def _merge_map_to_list(value: Any) -> list[dict[str, Any]] | None:
    """A column that is shorter goes on with its last value."""
    form = "a list of maps with one list each"
    columns: dict[str, list[Any]] = {}
    for each in items(value, form=form):
        if not isinstance(each, Mapping):
            raise FunctionError(f"wants {form}")
        filled = {key: [""] if column is None else items(column, form=form) for key, column in each.items()}
        filled = {key: column for key, column in filled.items() if column}
        if len(filled) > 1:
            raise FunctionError(f"wants {form}")
        columns |= filled
    rows = max(map(len, columns.values()), default=0)
    made = [{key: column[min(row, len(column) - 1)] for key, column in columns.items()} for row in range(rows)]
    return made or None


def _select_map_list(value: Any) -> list[Any] | None:
    form = "[key, list of maps]"
    key, maps = items(value, 2, form=form)
    if key is None or maps is None:
        return None
    if not all(isinstance(each, Mapping) or each is None for each in items(maps, form=form)):
        raise FunctionError(f"wants {form}")
    return [each[text_of(key)] for each in maps if each and text_of(key) in each]


def _format_time(value: Any) -> str:
    form = "[format, time zone]"
    layout, *zone = [value] if isinstance(value, str) else items(value, 1, 2, form=form)
    try:
        return datetime.now(ZoneInfo(plain(zone[0], form)) if zone else UTC).strftime(plain(layout, form))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FunctionError(f"does not know the time zone {zone[0]!r}") from None


def _contains(value: Any) -> bool:
    source, item = items(value, 2, form="[list, item]")
    return item in items(source, form="[list, item]")


def _each_member_in(value: Any) -> bool:
    form = "[list, list] of at most 10,000 each"
    members, source = (items(v, form=form) for v in items(value, 2, form=form))
    if max(len(members), len(source)) > MAX_MEMBERS:
        raise FunctionError(f"wants {form}")
    return all(member in source for member in members)


def _match_pattern(value: Any) -> bool:
    pattern, text = (plain(part, "[pattern, text]") for part in items(value, 2, form="[pattern, text]"))
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as error:
        raise FunctionError(f"cannot read the pattern: {error}") from None


def _marketplace_image(value: Any) -> str:
    """An id that stays the same for each product, and that no market knows."""
    code = plain(value, "the code of a product")
    if not code:
        raise FunctionError("wants the code of a product")
    return f"m-{hashlib.sha256(code.encode()).hexdigest()[:20]}"


def _equals(value: Any) -> bool:
    left, right = items(value, 2, form="[value, value]")
    return left == right or text_of(left) == text_of(right)


def _cidr(value: Any) -> list[str]:
    form = "[block, count from 1 to 256, host bits from 1 to 32]"
    block, *numbers = items(value, 3, form=form)
    count, bits = (number(each) for each in numbers)
    if count not in range(1, 257) or bits not in range(1, 33):
        raise FunctionError(f"wants {form}")
    try:
        subnets = IPv4Network(plain(block, form), strict=False).subnets(new_prefix=32 - int(bits))
        found = list(islice((str(subnet) for subnet in subnets), int(count)))
    except ValueError as error:
        raise FunctionError(f"cannot divide {block}: {error}") from None
    if len(found) < count:
        raise FunctionError(f"cannot divide {block}: it has room for {len(found)} only")
    return found


def _booleans(value: Any) -> list[bool]:
    return [truth(v) for v in items(value, form="a list of conditions")]


def _any(value: Any) -> bool | None:
    return None if value is None else any(_booleans(value))


def _logic(decide: Callable[[list[bool]], bool]) -> Callable[[Any], bool]:
    def apply(value: Any) -> bool:
        conditions = _booleans(value)
        if len(conditions) < 2:
            raise FunctionError("wants at least two conditions")
        return decide(conditions)

    return apply


def _only_in_modules(value: Any) -> Any:
    raise FunctionError("works in modules only, which the local target does not know")


TABLE: Mapping[str, Callable[[Any], Any]] = {
    "Fn::Add": add,
    "Fn::And": _logic(all),
    "Fn::Any": _any,
    "Fn::Avg": avg,
    "Fn::Base64": _base64_encode,
    "Fn::Base64Decode": _base64_decode,
    "Fn::Base64Encode": _base64_encode,
    "Fn::Calculate": calculate,
    "Fn::Cidr": _cidr,
    "Fn::Contains": _contains,
    "Fn::EachMemberIn": _each_member_in,
    "Fn::Equals": _equals,
    "Fn::FormatTime": _format_time,
    "Fn::GetJsonValue": _json_value,
    "Fn::Indent": _indent,
    "Fn::Index": _index,
    "Fn::Join": _join,
    "Fn::Jq": jq,
    "Fn::Length": _length,
    "Fn::ListMerge": _list_merge,
    "Fn::MarketplaceImage": _marketplace_image,
    "Fn::MatchPattern": _match_pattern,
    "Fn::Max": extreme(max),
    "Fn::MemberListToMap": _member_list_to_map,
    "Fn::MergeMap": _merge_map,
    "Fn::MergeMapToList": _merge_map_to_list,
    "Fn::Min": extreme(min),
    "Fn::Not": lambda value: not truth(value[0] if isinstance(value, list) and len(value) == 1 else value),
    "Fn::Or": _logic(any),
    "Fn::Replace": _replace,
    "Fn::ResourceFacade": _only_in_modules,
    "Fn::Select": _select,
    "Fn::SelectMapList": _select_map_list,
    "Fn::Split": _split,
    "Fn::Str": text_of,
    "Fn::TransformNamespace": _only_in_modules,
}
