"""What the lint says: a code of the table in codes.py, a place, and the words that the sentence needs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..visible import visible
from .codes import CODES, Severity

Language = Literal["en", "zh"]


class Place(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `line` and `column` count from 1 and point at the word that is wrong."""

    code: str
    file: str
    line: int
    column: int
    words: tuple[tuple[str, str], ...] = ()

    @property
    def severity(self) -> Severity:
        return CODES[self.code].severity

    def message(self, language: Language) -> str:
        code = CODES[self.code]
        text = code.zh if language == "zh" else code.en
        words = {name: _one_line(value) for name, value in self.words}
        hint = words.pop("hint", "")
        asked = (f"；是否想写 {hint}？" if language == "zh" else f"; did you mean {hint}?") if hint else ""
        return text.format(**words) + asked

    def render(self, language: Language) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.severity} {self.code} {self.message(language)}"

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": str(self.severity),
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": {"en": self.message("en"), "zh": self.message("zh")},
        }


def nearest(name: str, known: Iterable[str], cutoff: float = 0.75) -> str:
    """The known name that was probably meant; empty when none is near. `cutoff` is how alike they must be, up to 1."""
    names = list(known)
    for candidate in names:
        if candidate.lower() == name.lower():
            return candidate
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=cutoff)), "")


def _one_line(value: str) -> str:
    flat = visible(" ".join(value.split()))
    return flat if len(flat) <= 80 else flat[:79] + "…"
