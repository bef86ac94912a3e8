"""Subtitle cues of a readable size, cut from segments: so many characters a line, lines a cue, seconds a cue.

Words keep their own times where the recording was decoded with word times; else time is shared out by length. A cue
never spans two segments. Chinese, Japanese and Korean may break between any two characters, but a line never begins
with closing punctuation nor ends with opening punctuation; one such character counts as two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..types import Segment
from .bilingual import Pair, lines

_CLOSING: Final = "、，。．；：！？）」』】》〉…—,.;:!?)]}%\u201d\u2019"
_OPENING: Final = "（「『【《〈([{\u201c\u2018"
_SENTENCE_END: Final = tuple("。！？.!?…")
_UNIT = re.compile(r"\s*(?:[⺀-鿿가-힯豈-﫿＀-￯぀-ヿ]|[^\s⺀-鿿가-힯豈-﫿＀-￯぀-ヿ]+)")


@dataclass(frozen=True, slots=True)
class Style:
    """The largest cue. `characters` are half-width: 42 hold 21 Chinese ones."""

    characters: int = 42
    lines: int = 2
    seconds: float = 7.0


@dataclass(frozen=True, slots=True)
class Cue:
    start: float
    end: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never broken; `text` keeps its leading space."""

    start: float
    end: float
    text: str


def cut(segments: Sequence[Segment], style: Style) -> list[Cue]:
    """Cues in the order of the segments; no word is lost, changed or moved to another segment. A pair of two languages
    stays one cue, its lines broken: its halves have no times in common at which it could be cut."""
    return [
        cue
        for segment in segments
        for cue in ([_both(segment, style)] if isinstance(segment, Pair) else _cues(list(_units(segment)), style))
    ]


def _both(pair: Pair, style: Style) -> Cue:
    pieces = [_wrap(list(_units(Segment(pair.start, pair.end, line))), style.characters) for line in lines(pair)]
    return Cue(pair.start, pair.end, tuple(line for piece in pieces for line in piece))


def _cues(units: list[_Unit], style: Style) -> Iterator[Cue]:
    taken: list[_Unit] = []
    for unit in units:
        if taken:
            grown = [*taken, unit]
            too_large = len(_wrap(grown, style.characters)) > style.lines or unit.end - taken[0].start > style.seconds
            full_enough = _width(_joined(taken)) * 2 >= style.characters * style.lines
            if too_large or (full_enough and taken[-1].text.endswith(_SENTENCE_END)):
                yield _cue(taken, style)
                taken = []
        taken.append(unit)
    if taken:
        yield _cue(taken, style)


def _cue(units: list[_Unit], style: Style) -> Cue:
    return Cue(units[0].start, max(units[0].start, units[-1].end), tuple(_wrap(units, style.characters)))


def _wrap(units: list[_Unit], characters: int) -> list[str]:
    wrapped: list[str] = [""]
    for unit in units:
        grown = (wrapped[-1] + unit.text).strip()
        if wrapped[-1] and _width(grown) > characters:
            wrapped.append(unit.text.strip())
        else:
            wrapped[-1] = grown
    return wrapped


def _units(segment: Segment) -> Iterator[_Unit]:
    text = re.sub(r"\s+", " ", segment.text).strip()
    if not text:
        return
    pieces: list[_Unit]
    if segment.words and re.sub(r"\s+", "", "".join(word.text for word in segment.words)) == text.replace(" ", ""):
        pieces = [_Unit(word.start, word.end, re.sub(r"\s+", " ", word.text)) for word in segment.words]
    else:
        pieces = list(_shared_out(text, segment))
    yield from _glued(pieces)


def _shared_out(text: str, segment: Segment) -> Iterator[_Unit]:
    whole = _width(text) or 1
    length = max(0.0, segment.end - segment.start)
    done = 0
    for piece in _UNIT.findall(text):
        begin, done = done, done + _width(piece)
        yield _Unit(segment.start + length * begin / whole, segment.start + length * done / whole, piece)


def _glued(pieces: list[_Unit]) -> Iterator[_Unit]:
    """Closing punctuation stays with what it follows, opening punctuation with what follows it."""
    held: _Unit | None = None
    for piece in pieces:
        bare = piece.text.strip()
        if held is None:
            held = piece
        elif (bare and all(letter in _CLOSING for letter in bare)) or held.text.endswith(tuple(_OPENING)):
            held = _Unit(held.start, piece.end, held.text + piece.text)
        else:
            yield held
            held = piece
    if held is not None:
        yield held


def _joined(units: list[_Unit]) -> str:
    return "".join(unit.text for unit in units).strip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
