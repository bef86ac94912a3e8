"""Fn::Jq, as far as templates use it to take values out of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .values import FunctionError, items, text_of

_JQ_STEP = re.compile(r"""\.(?P<key>[A-Za-z_]\w*)|\.?\["(?P<quoted>[^"]*)"\]|\.?\[(?P<index>-?\d*)\]""")


def jq(value: Any) -> Any:
    """The part of jq that templates use to take values out: `.a.b`, `[0]`, `[]`, `."a"`, and `|` between them."""
    mode, script, source = items(value, 3, form="[First or All, script, JSON]")
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
        return list(value.values()) if isinstance(value, Mapping) else list(items(value, form="a list before []"))
    values = items(value, form="a list before [index]")
    return [values[int(index)] if -len(values) <= int(index) < len(values) else None]
