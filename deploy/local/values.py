"""What functions take and give: text, numbers, truth values and lists, and how one becomes another."""

from __future__ import annotations

import json
import re
from typing import Any

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


def scalar(value: Any, form: str) -> str:
    """The text of what is no list and no map; nothing for null."""
    if isinstance(value, (list, dict)):
        raise FunctionError(f"wants {form}")
    return text_of(value)


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise FunctionError(f"wants true or false, not {text_of(value)!r}")


def number(value: Any) -> Number:
    """Also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FunctionError(f"wants a number, not {text_of(value)!r}")
    if isinstance(value, str):
        try:
            return int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value) else float(value)
        except ValueError:
            raise FunctionError(f"wants a number, not {value!r}") from None
    return value


def items(value: Any, *lengths: int, form: str) -> list[Any]:
    if not isinstance(value, list) or (lengths and len(value) not in lengths):
        raise FunctionError(f"wants {form}")
    return value


def listed(value: Any, form: str) -> list[Any]:
    """A list; null is an empty one."""
    return [] if value is None else items(value, form=form)


def plain(value: Any, form: str) -> str:
    """Text and nothing that would have to become it."""
    if not isinstance(value, str):
        raise FunctionError(f"wants {form}")
    return value


def from_json(value: Any, form: str) -> Any:
    """What JSON text says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise FunctionError(f"wants {form}") from None
