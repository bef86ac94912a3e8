"""Where speech is, and where the recording is cut: pure functions over the speech detector's probabilities.

A window is decoded in one go. The more of a text goes in at once, the better a word is told from those that sound
alike, and the less often the encoder runs; but of 30 s of dense speech Whisper drops sentences. And a sentence that is
cut in its middle is heard worse on both sides. So every way to share the pauses out is weighed, and the cheapest taken.
Speech that never pauses is cut where it is quietest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]

FRAME_SECONDS = 512 / 16_000  # the speech detector's step
BLOCK = 8192  # frames


@dataclass(frozen=True, slots=True)
class Cutting:
    """How speech is found and cut; times in seconds."""

    onset: float = 0.4  # speech begins at this probability…
    offset: float = 0.25  # …and ends below this one, for at least `pause`
    pause: float = 0.3
    blip: float = 0.06  # shorter is a click, not a word
    pad: float = 0.4  # kept on both sides of speech: soft consonants score low
    gap: float = 3.0  # a longer silence is never decoded
    window: float = 28.0  # the longest
    # What a cutting costs, in windows: one for each, and
    easy: float = 18.0  # a window that is longer than this
    crowded: float = 0.1  # so much for each second more
    breath: float = 0.8  # a cut in a pause that is shorter than this
    broken: float = 1.5  # at most so much, in proportion


DEFAULT = Cutting()
Span = tuple[int, int]  # frames, end exclusive


def speech(probabilities: Probabilities, cutting: Cutting = DEFAULT) -> list[Span]:
    """The stretches in which somebody speaks, without padding, in order and apart from each other."""
    pause = max(1, round(cutting.pause / FRAME_SECONDS))
    spans: list[Span] = []
    start: int | None = None
    last = 0  # the last frame that was not silence
    for frame, probability in enumerate(_numbers(probabilities)):
        if start is None:
            if probability >= cutting.onset:
                start = last = frame
        elif probability >= cutting.offset:
            last = frame
        elif frame - last >= pause:
            spans.append((start, last + 1))
            start = None
    if start is not None:
        spans.append((start, last + 1))
    blip = cutting.blip / FRAME_SECONDS
    return [(a, b) for a, b in spans if b - a >= blip]


def _numbers(probabilities: Probabilities) -> Iterator[float]:
    """As Python's, which are quicker one by one and take ten times the memory: a few at a time."""
    for start in range(0, len(probabilities), BLOCK):
        yield from probabilities[start : start + BLOCK].tolist()


def padded(spans: list[Span], frames: int, cutting: Cutting = DEFAULT) -> list[Span]:
    """`spans` widened by the pad; neighbours share a silence that is too short for both pads."""
    pad = round(cutting.pad / FRAME_SECONDS)
    wide: list[Span] = []
    for index, (a, b) in enumerate(spans):
        before = spans[index - 1][1] if index else 0
        after = spans[index + 1][0] if index + 1 < len(spans) else frames
        left = max(a - pad, (before + a) // 2 if index else 0)
        right = min(b + pad, (b + after) // 2 if index + 1 < len(spans) else frames)
        wide.append((left, right))
    return wide


def cut(probabilities: Probabilities, cutting: Cutting = DEFAULT) -> list[Span]:
    """The windows in frames: in order, disjoint, none longer than the limit, together covering all padded speech."""
    parts = _parts(probabilities, cutting)
    limit, gap = int(cutting.window / FRAME_SECONDS), cutting.gap / FRAME_SECONDS
    costs = [0.0]  # of the best windows for so many parts…
    firsts: list[int] = []  # …and the first part of the last of them
    for last, part in enumerate(parts):
        possible: list[tuple[float, int]] = []
        for first in range(last, -1, -1):
            start = parts[first].start
            if first < last and (part.end - start > limit or parts[first + 1].start - parts[first].end > gap):
                break
            cost = costs[first] + _cost((part.end - start) * FRAME_SECONDS, parts[first].pause, cutting)
            possible.append((cost, first))
        cheapest, choice = min(possible)
        costs.append(cheapest)
        firsts.append(choice)
    windows: list[Span] = []
    count = len(parts)
    while count:
        first = firsts[count - 1]
        windows.append((parts[first].start, parts[count - 1].end))
        count = first
    return windows[::-1]


@dataclass(frozen=True, slots=True)
class _Part:
    """What is never cut again, in frames, with the pause (seconds) before it."""

    start: int
    end: int
    pause: float


def _parts(probabilities: Probabilities, cutting: Cutting) -> list[_Part]:
    spans = speech(probabilities, cutting)
    most = int(cutting.easy / FRAME_SECONDS)
    parts: list[_Part] = []
    before = -math.inf  # the end of the speech before
    for (begin, end), (first, last) in zip(spans, padded(spans, len(probabilities), cutting), strict=True):
        start, pause = first, (begin - before) * FRAME_SECONDS
        while last - start > most:
            quietest = _quietest(probabilities, start + most // 2, start + most)
            parts.append(_Part(start, quietest, pause))
            start, pause = quietest, 0.0
        parts.append(_Part(start, last, pause))
        before = end
    return parts


def _cost(length: float, pause: float, cutting: Cutting) -> float:
    """Of one window that is `length` long and begins behind this pause (seconds)."""
    crowded = cutting.crowded * max(0.0, length - cutting.easy)
    return 1 + crowded + cutting.broken * max(0.0, 1 - pause / cutting.breath)


def _quietest(probabilities: Probabilities, low: int, high: int) -> int:
    """The frame in [low, high) with the least speech around it; of equals the last."""
    part = probabilities[low:high]
    smooth = np.convolve(part, np.ones(5) / 5, mode="same")
    smooth[:2] = smooth[-2:] = 2.0  # the convolution sees zeros beyond the edges
    return low + int(len(smooth) - 1 - np.argmin(smooth[::-1]))


def seconds(span: Span, duration: float) -> tuple[float, float]:
    """A span in seconds, which have three decimals; the last frame of a recording may be a part of one."""
    return round(span[0] * FRAME_SECONDS, 3), min(round(span[1] * FRAME_SECONDS, 3), duration)
