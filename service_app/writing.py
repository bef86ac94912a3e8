"""How recognised text is written: simplified or traditional Chinese, and its punctuation.

Fixed rules and OpenCC's dictionaries, so the same text always becomes the same. Words keep their times. What the model
did not write is not made up: no punctuation is added where there was none, and a character whose traditional form
depends on the meaning is chosen by dictionary alone.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .types import Options, Script, Segment, Word

if TYPE_CHECKING:
    from opencc import OpenCC

CHINESE: Final = ("zh", "yue")
# `hant` is written as in Taiwan (裡, 吃, 麵; not OpenCC's own 裏, 喫, 麪); the choice of words stays.
_DICTIONARIES: Final[dict[Script, str]] = {"hans": "t2s", "hant": "s2tw"}
_HAN = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_FULL: Final = dict(zip(",.?!:;()", "，。？！：；（）", strict=True))
_SHUT: Final = "”’）》」』】"  # a full-width stop may follow these, too
_STOPS = re.compile(r"[,.?!:;…，。？！：；、—]+")
_DOTS = re.compile(r"\.{3,}|。{2,}|…+")


def written(segments: Sequence[Segment], language: str, options: Options) -> tuple[Segment, ...]:
    """The segments as `options.script` and `options.punctuation` want them; `language` is the one that is spoken."""
    chinese = language in CHINESE and options.task == "transcribe"
    made = tuple(segments)
    if chinese and options.script:
        made = tuple(_respelled(segment, _converter(options.script)) for segment in made)
    if options.punctuation == "full" and chinese:
        made = tuple(_replaced(segment, _full_width(segment.text)) for segment in made)
    if options.punctuation == "none":
        made = tuple(_replaced(segment, _without_stops(segment.text)) for segment in made)
    return made


@functools.cache
def _converter(script: Script) -> OpenCC:
    from opencc import OpenCC

    return OpenCC(_DICTIONARIES[script])


def _respelled(segment: Segment, converter: OpenCC) -> Segment:
    text = str(converter.convert(segment.text))
    if len(text) != len(segment.text):  # as good as never; then the words cannot be found again in the whole
        text = "".join(str(converter.convert(letter))[:1] for letter in segment.text)
    return _replaced(segment, list(text))


def _replaced(segment: Segment, pieces: list[str]) -> Segment:
    """`pieces` has what each character of the segment's text becomes."""
    words: list[Word] = []
    at = 0
    for word in segment.words:
        shown = word.text if word.text in segment.text[at:] else word.text.strip()
        found = segment.text.find(shown, at)
        if found < 0:  # a word that is not in the text stays as it is
            words.append(word)
            continue
        at = found + len(shown)
        text = "".join(pieces[found:at])
        if text.strip():
            words.append(dataclasses.replace(word, text=text))
    return dataclasses.replace(segment, text="".join(pieces), words=tuple(words))


def _full_width(text: str) -> list[str]:
    """Stops, brackets and double quotes that belong to Chinese text; those of numbers, addresses and Latin sentences
    stay."""
    pieces = list(text)
    if not _HAN.search(text):
        return pieces
    paired = text.count('"') % 2 == 0
    opening = True
    for at, letter in enumerate(text):
        if letter == '"' and paired:
            pieces[at], opening = ("“" if opening else "”"), not opening
        elif letter in _FULL and ".." not in text[max(0, at - 1) : at + 2] and _chinese_stop(text, at):
            pieces[at] = _FULL[letter]
    for dots in _DOTS.finditer(text):
        if _HAN.match(text[max(0, dots.start() - 1) :]):
            pieces[dots.start() : dots.end()] = ["……", *[""] * (len(dots[0]) - 1)]
    # A full-width mark brings its own space.
    for at, letter in enumerate(text):
        beside = pieces[at - 1 : at] + pieces[at + 1 : at + 2]
        if letter == " " and 0 < at < len(text) - 1 and any(each in ("……", *_FULL.values()) for each in beside):
            pieces[at] = ""
    return pieces


def _chinese_stop(text: str, at: int) -> bool:
    before, after = text[:at].rstrip(), text[at + 1 :]
    if text[at] == "(":
        return bool(_HAN.match(after.lstrip()[:1]) or _HAN.match(before[-1:]))
    if _HAN.match(before[-1:]) or (before[-1:] in _SHUT and before):
        return True
    if text[at] == ".":  # not those of "3.5" and "U.S."
        return not after.strip() or (after[:1] == " " and bool(_HAN.match(after.lstrip()[:1])))
    return bool(_HAN.match(after.lstrip()[:1]))


def _without_stops(text: str) -> list[str]:
    """Stops become the space that a reader needs. Those inside numbers and words, quotes and brackets stay."""
    pieces = list(text)
    for stops in _STOPS.finditer(text):
        before, after = text[: stops.start()][-1:], text[stops.end() :][:1]
        if before.isalnum() and after.isalnum() and (before + after).isascii():
            continue
        if not after:  # the next Chinese sentence has no space of its own
            space = "" if before.isascii() else " "
        else:
            space = "" if not before or before.isspace() or after.isspace() else " "
        pieces[stops.start() : stops.end()] = [space, *[""] * (len(stops[0]) - 1)]
    return pieces
