"""Characters that no text may have: NUL, which PostgreSQL does not store, and halves of a surrogate pair, which UTF-8
cannot say. What a caller sends is refused, on every database alike; from what came along with a file, a page or a
recognised text they are dropped."""

from __future__ import annotations

import re
from typing import Final

from .errors import BadRequest

_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")


def kept(text: str) -> str:
    """The text without them."""
    return _NOT_TEXT.sub("", text)


def require_text(text: str, param: str) -> None:
    """Raises `BadRequest` (`bad_characters`)."""
    if _NOT_TEXT.search(text):
        name = kept(param)[:40]
        raise BadRequest(
            "bad_characters",
            zh=f"{name} 含有空字符（NUL）或半个字符（单个代理码位），请删除后重试。",
            en=f"{name} has a NUL or half a character (a lone surrogate) in it; remove it and try again.",
            param=name,
        )
