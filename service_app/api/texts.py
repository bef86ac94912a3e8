"""The door for text: every route of the app and of the page depends on `texts_only`.

Forms are read piece by piece and look at each field themselves (upload.py); a user name is looked at where every kind
of login comes by (auth).
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from starlette.requests import Request

from ..characters import require_text

# How JSON says what is no text: by an escape, or with zeros where it is not UTF-8. Else it need not be looked through.
_SUSPICIOUS: Final = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|\0")


async def texts_only(request: Request) -> None:
    """Raises `BadRequest` (`bad_characters`) for a path, a query or a JSON body with a character that no text has."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        require_text(str(value), name)
    # Only where the framework has read and kept the body: elsewhere it is a recording.
    if getattr(request.scope.get("route"), "body_field", None) is None:
        return
    if _SUSPICIOUS.search(await request.body()):
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            return  # a form or a recording, say: what is no JSON the framework refuses itself
        await asyncio.to_thread(_require_texts, body)


def _require_texts(body: Any) -> None:
    waiting: list[tuple[str, Any]] = [("body", body)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str):
            require_text(value, name)
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, dict):
            for key, each in value.items():
                require_text(key, key)
                waiting.append((key, each))
