"""What became of every second of a recording: decoded, or left out and why. Pure, over a plan and its results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..types import Plan, WindowResult

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Seconds. `decoded` + `silent` + `missing` is the whole recording; `speech` is a part of what the windows hold."""

    duration: float
    speech: float  # in which the detector heard somebody
    decoded: float  # that went through the model
    silent: float  # left out: nobody speaks
    missing: float  # left out: not decoded (yet), or the job ended before
    unspoken: tuple[Span, ...]  # decoded, and the model heard no words: noise, music, a breath
    complete: bool  # False: the file is damaged, and what could not be read is in no figure


def coverage(plan: Plan, results: Iterable[WindowResult]) -> Coverage:
    """For the results so far, in any order."""
    done = {result.window.index: result for result in results}
    planned = sum(window.end - window.start for window in plan.windows)
    decoded = sum(result.window.end - result.window.start for result in done.values())
    unspoken = sorted((r.window.start, r.window.end) for r in done.values() if not r.segments)
    return Coverage(
        duration=plan.duration,
        speech=plan.speech_seconds,
        decoded=round(decoded, 3),
        silent=round(plan.duration - planned, 3),
        missing=round(planned - decoded, 3),
        unspoken=tuple(unspoken),
        complete=plan.complete,
    )
