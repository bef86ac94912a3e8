"""Values that calls carry in more than one form: flattened lists, JSON texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..errors import invalid_parameter
from ..wire import Arguments


def rows(arguments: Arguments, name: str) -> list[dict[str, Any]]:
    """`Name.1.Key`, `Name.1.List.1.Key` … as a list of mappings; lists inside are lists again."""
    tree: dict[str, Any] = {}
    for key, value in arguments.items():
        parts = key.split(".")
        if parts[0] != name or len(parts) < 3:
            continue
        place = tree
        for part in parts[1:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return [_listed(tree[number]) for number in sorted(tree, key=int)]


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(value[number]) for number in sorted(value, key=int)]
    return {key: _listed(item) for key, item in value.items()}


def json_value(arguments: Arguments, name: str) -> Any:
    """A parameter whose text is a JSON object; {} when it was not given. Raises ApiError."""
    text = arguments.text(name)
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        raise invalid_parameter(name, "it should be JSON") from None
    if not isinstance(value, dict):
        raise invalid_parameter(name, "it should be a JSON object")
    return value


def filters(arguments: Arguments, name: str = "Filter") -> dict[str, list[str]]:
    """`Filter.1.Name` with `Filter.1.Value.1` …; the actions for artifacts call it Values."""
    return {row.get("Name", ""): list(row.get("Value", row.get("Values", []))) for row in rows(arguments, name)}


def listing(key: str, found: list[Any], arguments: Arguments) -> dict[str, Any]:
    """One page of a list by token; the token is the position."""
    size, start = arguments.number("MaxResults", 20, 1, 100), arguments.number("NextToken", 0, 0, 1_000_000)
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {key: found[start : start + size], "TotalCount": len(found), "MaxResults": size, **more}


def moment(unix: float) -> str:
    """As Compute Nest writes times."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
