"""Where speech is, and where the recording is cut: pure functions over the speech detector's probabilities.

A window is decoded in one go. Whisper takes 30 s, but drops sentences when 30 s of dense speech go in at once; windows
of at most 15 s keep the words. Cuts fall into silences; speech that never pauses is cut where it is quietest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]

FRAME_SECONDS = 512 / 16_000  # the speech detector's step


@dataclass(frozen=True, slots=True)
class Cutting:
    """How speech is found and cut; times in seconds."""

    onset: float = 0.4  # speech begins at this probability…
    offset: float = 0.25  # …and ends below this one, for at least `pause`
    pause: float = 0.3
    blip: float = 0.06  # shorter is a click, not a word
    pad: float = 0.4  # kept on both sides of speech: soft consonants score low
    gap: float = 3.0  # a longer silence is never decoded
    window: float = 15.0


DEFAULT = Cutting()
Span = tuple[int, int]  # frames, end exclusive


def speech(probabilities: Probabilities, cutting: Cutting = DEFAULT) -> list[Span]:
    """The stretches in which somebody speaks, without padding, in order and apart from each other."""
    pause = max(1, round(cutting.pause / FRAME_SECONDS))
    spans: list[Span] = []
    start: int | None = None
    last = 0  # the last frame that was not silence
    for frame, probability in enumerate(probabilities.tolist()):
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
    limit = int(cutting.window / FRAME_SECONDS)
    gap = cutting.gap / FRAME_SECONDS
    windows: list[Span] = []
    for a, b in padded(speech(probabilities, cutting), len(probabilities), cutting):
        if windows and a - windows[-1][1] <= gap and b - windows[-1][0] <= limit:
            windows[-1] = (windows[-1][0], b)
            continue
        start = a
        while b - start > limit:
            quietest = _quietest(probabilities, start + limit // 2, start + limit)
            windows.append((start, quietest))
            start = quietest
        windows.append((start, b))
    return windows


def _quietest(probabilities: Probabilities, low: int, high: int) -> int:
    """The frame in [low, high) with the least speech around it; of equals the last."""
    part = probabilities[low:high]
    smooth = np.convolve(part, np.ones(5) / 5, mode="same")
    smooth[:2] = smooth[-2:] = 2.0  # the convolution sees zeros beyond the edges
    return low + int(len(smooth) - 1 - np.argmin(smooth[::-1]))


def seconds(span: Span, duration: float) -> tuple[float, float]:
    """A span in seconds, which have three decimals; the last frame of a recording may be a part of one."""
    return round(span[0] * FRAME_SECONDS, 3), min(round(span[1] * FRAME_SECONDS, 3), duration)
