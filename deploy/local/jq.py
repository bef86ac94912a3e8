"""Fn::Jq: jq's own language, by its library."""

from __future__ import annotations

import re
from typing import Any

from .values import FunctionError, from_json, items, text_of

_ENVIRONMENT = re.compile(r"\$ENV\b|(?<![\w.\"$])env\b")


def jq(value: Any) -> Any:
    """The first result, or the list of all. Nothing comes of a script or a value that is null or empty."""
    mode, script, source = items(value, 3, form="[First or All, script, JSON]")
    if mode not in ("First", "All"):
        raise FunctionError("wants First or All as its first argument")
    if script is None or source is None or source == "":
        return None
    if not isinstance(script, str):
        raise FunctionError("wants text as its second argument")
    if _ENVIRONMENT.search(script):
        raise FunctionError("may not read the environment")
    import jq as library

    try:
        found = library.compile(script).input_value(from_json(source, "JSON as its third argument")).all()
    except ValueError as error:
        raise FunctionError(f"cannot run {text_of(script)!r}: {' '.join(str(error).split())}") from None
    return found if mode == "All" else (found[0] if found else None)
