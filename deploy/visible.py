"""Text from elsewhere, such as a template's names or a message of the cloud, made safe to show on a terminal."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, format characters, halves of characters, separators
_KEPT = frozenset("\n\t\u200d")  # lines, columns, and what joins an emoji of several


def visible(text: str) -> str:
    """The text with escapes for what would move the cursor, change colours or order, or cannot be seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def _escape(character: str) -> str:
    return character if character in _KEPT else character.encode("unicode_escape").decode("ascii")
