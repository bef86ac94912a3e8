"""Plain lines and tables for a terminal or a pipe."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Sequence
from typing import TextIO


def say(text: str = "", *, file: TextIO | None = None) -> None:
    (file or sys.stdout).write(text + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; a Chinese character takes two places."""
    every = [head, *rows]
    widths = [max(_width(row[column]) for row in every) for column in range(len(head))]
    for row in every:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def when(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
