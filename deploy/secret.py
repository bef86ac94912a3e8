"""A string that must not be seen: it shows as **** wherever a value is printed by accident."""

from __future__ import annotations

from typing import Any, NoReturn

MASK = "****"


class Secret:
    """Wraps a password or hash. `reveal()` is the only way to the text; `json`, `pickle` and formatting get the mask or
    an error."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not stored")


def masked(value: Any) -> Any:
    """The value as it may be shown: every Secret in it, however deep, becomes the mask."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
