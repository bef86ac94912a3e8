"""From the tokens of one piece of audio to segments: pure functions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..types import Segment, Word

TOKEN_SECONDS = 0.02  # between two time stamp tokens
TOO_HOT = 0.5  # text of a higher temperature is nothing to go on from (openai-whisper, transcribe.py)


@dataclass(frozen=True, slots=True)
class Cue:
    """Tokens between two time stamps; times in seconds from the start of the piece."""

    start: float
    end: float
    tokens: tuple[int, ...]  # text only


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes the text; repetition makes it large (openai-whisper, utils.py)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def cues(tokens: Sequence[int], timestamp_begin: int, seconds: float) -> tuple[list[Cue], float]:
    """Split tokens at their time stamps. Also: up to where (seconds) the piece was written down.

    Whisper writes `<start> text <end> <start> text <end>`. Where it stops in the middle of a sentence the last end is
    missing, and the piece is to be read again from the last complete cue.
    """
    found: list[Cue] = []
    text: list[int] = []
    start: float | None = None
    for token in tokens:
        if token < timestamp_begin:
            text.append(token)
            continue
        time = min((token - timestamp_begin) * TOKEN_SECONDS, seconds)
        if text:
            found.append(Cue(start or 0.0, max(time, start or 0.0), tuple(text)))
            text = []
        start = time
    if not text:
        return found, found[-1].end if found else seconds
    if found:  # an open sentence behind complete ones: heard better when it is read from its start
        return found, max(start or 0.0, found[-1].end)
    return [Cue(start or 0.0, seconds, tuple(text))], seconds


def carried(segments: Iterable[Segment], before: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The text after which the next piece of the recording is decoded: what was said since the last guess of a high
    temperature, which might be a loop or made up. `before`: what had been carried up to these segments."""
    tokens = before
    for segment in segments:
        tokens = () if segment.temperature > TOO_HOT else tokens + segment.tokens
    return tokens


def attach_words(segments: Sequence[Segment], words: Iterable[tuple[Word, int]]) -> tuple[Segment, ...]:
    """Give each segment its words; `words` are in the order of the segments' tokens, with the tokens each takes.

    Punctuation, which the aligner times as words, joins the word it stands at; words stay inside their segment.
    """
    queue = list(words)
    result: list[Segment] = []
    for segment in segments:
        left, mine = len(segment.tokens), []
        while queue and left > 0:
            word, taken = queue.pop(0)
            left -= taken
            mine.append(word)
        result.append(replace(segment, words=tuple(_inside(w, segment) for w in _joined(mine))))
    return tuple(result)


def _joined(words: Sequence[Word]) -> list[Word]:
    result: list[Word] = []
    opening: Word | None = None
    for word in words:
        if not word.text:
            continue
        merged = word if opening is None else replace(word, text=opening.text + word.text.lstrip())
        opening = None
        if word.text.strip() in OPENING and word.text.startswith(" "):
            opening = merged
        elif result and word.text.strip() in CLOSING:
            result[-1] = replace(result[-1], text=result[-1].text + merged.text)
        else:
            result.append(merged)
    if opening is not None:
        result.append(opening)
    return result


OPENING = frozenset("\"'“‘¿([{-《「『")
CLOSING = frozenset("\"'”’.。,，!！?？:：;；)]}、…》」』")


def _inside(word: Word, segment: Segment) -> Word:
    start = min(max(word.start, segment.start), segment.end)
    return replace(word, start=start, end=min(max(word.end, start), segment.end))
