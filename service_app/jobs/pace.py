"""How fast the devices work, measured, and what that means for whoever waits."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import Busy
from .figures import Waiting

_LANES: Final = ("interactive", "api", "bulk")
_REMEMBERED_SECONDS = 600.0  # of work; older measurements fade
_ENOUGH_SECONDS = 1.0  # of work, before a measurement says anything


class Pace:
    """Seconds of recording decoded in a second during which there was work. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs = 0
        self._since = 0.0
        self._busy = 0.0
        self._decoded = 0.0

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Around the decoding of one job; several may overlap."""
        with self._lock:
            self._settle()
            self._jobs += 1
        try:
            yield
        finally:
            with self._lock:
                self._settle()
                self._jobs -= 1

    def decoded(self, seconds: float) -> None:
        with self._lock:
            self._settle()
            self._decoded += seconds
            if self._busy > _REMEMBERED_SECONDS:
                self._busy, self._decoded = self._busy / 2, self._decoded / 2

    @property
    def speed(self) -> float | None:
        """None until there is a measurement."""
        with self._lock:
            return self._decoded / self._busy if self._busy >= _ENOUGH_SECONDS and self._decoded else None

    def _settle(self) -> None:
        now = self._clock()
        if self._jobs:
            self._busy += now - self._since
        self._since = now


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the queue: how many are before it, and seconds until it should be done (None: not known)."""

    position: int
    seconds: float | None


def place(job_id: str, waiting: Sequence[Waiting], speed: float | None) -> Place | None:
    """None for a job that does not wait. Lanes before its own go first, within a lane the older ones."""
    own = next((entry for entry in waiting if entry.id == job_id), None)
    if own is None:
        return None
    before = [entry for entry in waiting if _order(entry) < _order(own)]
    left = own.seconds + sum(entry.seconds for entry in before)
    return Place(len(before), None if speed is None else round(left / speed, 1))


def _order(entry: Waiting) -> tuple[int, float, str]:
    return _LANES.index(entry.lane), entry.created, entry.id


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait; 0 is no limit."""

    jobs: int = 0
    minutes: int = 0  # of waiting, as estimated
    jobs_of_user: int = 0


def require_room(owner: str, waiting: Sequence[Waiting], speed: float | None, limits: Limits) -> None:
    """Raises `Busy` with the time after which there should be room."""
    whole = sum(entry.seconds for entry in waiting) / speed if speed else 0.0
    mine = [entry for entry in waiting if entry.owner == owner]
    if limits.jobs_of_user and len(mine) >= limits.jobs_of_user:
        first = min(entry.seconds for entry in mine)
        seconds = _wait(first, speed)
        raise Busy(
            "too_many_jobs",
            zh=f"您有 {len(mine)} 个任务尚未完成，已达上限；预计 {seconds} 秒后可再提交。",
            en=f"You have {len(mine)} unfinished jobs, which is the limit; there should be room in {seconds} s.",
            retry_after=seconds,
        )
    full = limits.jobs and len(waiting) >= limits.jobs
    late = limits.minutes and whole > limits.minutes * 60
    if full or late:
        over = min(entry.seconds for entry in waiting) if full else 0.0
        seconds = max(_wait(over, speed), round(whole - limits.minutes * 60) if late else 0)
        raise Busy(
            "queue_full",
            zh=f"排队已满（{len(waiting)} 个任务，约需 {max(1, round(whole / 60))} 分钟），"
            f"预计 {seconds} 秒后可再提交。",
            en=f"The queue is full ({len(waiting)} jobs, about {max(1, round(whole / 60))} minutes); "
            f"there should be room in {seconds} s.",
            retry_after=seconds,
        )


def _wait(recording_seconds: float, speed: float | None) -> int:
    """Whole seconds, at least 1; half a minute where nothing was measured yet."""
    return max(1, round(recording_seconds / speed)) if speed else 30
