"""Long answers as JSON, written in a thread. Python's one call for a whole transcript would hold up every other thread,
the event loop too, for as long as it takes (two hours of speech: a second)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

_ONE = threading.Lock()  # side by side they would be done no sooner, and the event loop would wait for all of them


class Ready(str):
    """JSON already."""

    __slots__ = ()


async def written(body: Callable[[], dict[str, Any]]) -> Response:
    """What `body` makes, as an answer; lists at the top are written entry by entry."""
    return Response(await asyncio.to_thread(_made, body), media_type="application/json")


def _made(body: Callable[[], dict[str, Any]]) -> bytes:
    with _ONE:
        return _pieces(body())


def _pieces(body: dict[str, Any]) -> bytes:
    return ("{" + ",".join(f"{_text(name)}:{_value(value)}" for name, value in body.items()) + "}").encode()


def _value(value: Any) -> str:
    if isinstance(value, Ready):
        return value
    return "[" + ",".join(map(_text, value)) + "]" if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
