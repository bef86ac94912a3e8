"""--help in the language of the person: the parsers are built in English, and what they say is then put into Chinese.

Lines break by the columns that characters take on a terminal, where a Chinese one takes two.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Callable, Iterable
from pathlib import Path
from unicodedata import east_asian_width

FILE = Path(__file__).with_name("help.zh.json")
# Words, and single Chinese characters with the punctuation that may not begin a line.
_PIECES = re.compile(r"[^\s\u2e80-\uffff]+[，。；：、）】！？”]*\s*|[\u2e80-\uffff][，。；：、）】！？”]*\s*|\s+")


class Formatter(RawDescriptionHelpFormatter):
    usage = "usage: "

    def add_usage(self, usage: str | None, actions: Iterable[object], groups: Iterable[object],
                  prefix: str | None = None) -> None:  # fmt: skip
        super().add_usage(usage, actions, groups, self.usage if prefix is None else prefix)  # type: ignore[arg-type]

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)


class ChineseFormatter(Formatter):
    usage = "用法："


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, as far as its words allow."""
    lines = [""]
    for piece in _PIECES.findall(" ".join(text.split())):
        if lines[-1] and columns((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def columns(text: str) -> int:
    """The columns of a terminal that a text takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def chinese() -> Callable[[str], str]:
    """What the help says, in Chinese. An enumeration ("plan: …; publish: …") is put together from its parts."""
    table: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))

    def say(text: str) -> str:
        known = table.get(text) or table.get(text[:1].lower() + text[1:].rstrip("."))
        if known:
            return known + ("。" if text.endswith(".") else "")
        parts = [part.partition(": ") for part in text.split("; ")]
        if len(parts) > 1 and all(colon for _, colon, _ in parts):
            return "；".join(f"{name}：{say(what)}" for name, _, what in parts)
        return text

    return say


def speak_chinese(parser: ArgumentParser, say: Callable[[str], str]) -> None:
    """Puts all that the parser and those below it say into other words."""
    parser.formatter_class = ChineseFormatter
    parser.description = say(parser.description) if parser.description else None
    parser.epilog = say(parser.epilog) if parser.epilog else None
    for group in parser._action_groups:
        group.title = say(group.title) if group.title else None
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for choice in action._choices_actions:
                choice.help = say(choice.help or "")
            for below in action.choices.values():
                speak_chinese(below, say)
        elif action.help:
            action.help = say(action.help)
