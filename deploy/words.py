"""The messages in Chinese, for people whose locale is Chinese or who say --lang zh.

The code says everything in English, once. words.zh.json holds the Chinese for each message, with {} where a value goes,
or {1} where it is one word, so that a short message is not taken for part of a service's; what has no entry stays
English. Programs read --json, which is English and has codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("words.zh.json")
PLACE = re.compile(r"\{1?\}")
_DEPTH = 3  # of messages within messages


def language(environ: Mapping[str, str]) -> str:
    """`zh` or `en`, as the locale says; its variables have the precedence that POSIX gives them."""
    chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def in_chinese(text: str, depth: int = _DEPTH) -> str:
    """The message in Chinese, its values put in their places; unchanged when it is not known."""
    exact, patterns = _table()
    if text in exact:
        return exact[text]
    if depth:
        for pattern, chinese in patterns:
            found = pattern.fullmatch(text)
            if found:
                return chinese.format(*(_value(value, depth - 1) for value in found.groups()))
    return text


def _value(text: str, depth: int) -> str:
    """A message within a message; a single word is a name, such as that of a stack, and stays."""
    return in_chinese(text, depth) if " " in text else text


@cache
def _table() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Messages without values, and those with, the most particular first."""
    table: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    exact = {english: chinese for english, chinese in table.items() if not PLACE.search(english)}
    rest = [item for item in table.items() if item[0] not in exact]
    rest.sort(key=lambda item: -len(PLACE.sub("", item[0])))
    return exact, [(_pattern(english), chinese) for english, chinese in rest]


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(f"({PLACE.pattern})", english)
    groups = {"{}": "(.+?)", "{1}": r"(\S+)"}
    return re.compile("".join(groups.get(part) or re.escape(part) for part in parts), re.DOTALL)
