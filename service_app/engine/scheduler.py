"""Who is served next: pure bookkeeping, without threads; time is passed in.

Windows wait in recordings, recordings with their owner, owners in lanes. Served is

1. the owner whose turn has waited longest, where a lane's patience counts as time not yet waited: a person at the page
   goes before a program, a program before bulk work, and yet bulk gets a window now and then (aging);
2. of that owner, the recording that waited longest; one that was never served has a head start, and keeps its place for
   its first windows: what is short ends before the next begins, what is long takes turns (short work first);
3. of that recording, the first window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ..types import Lane

PATIENCE = {Lane.INTERACTIVE: 0.0, Lane.API: 3.0, Lane.BULK: 20.0}  # seconds
HEAD_START = 10.0  # seconds
SHORT = 4  # windows, about a minute
REMEMBERED = 1000  # recordings

T = TypeVar("T")


@dataclass(slots=True)
class _Served:
    """What a recording has had; it comes back, as its windows are added a few at a time."""

    waiting_since: float
    last: float
    windows: int = 0


@dataclass(slots=True)
class _Recording(Generic[T]):
    waiting_since: float
    items: deque[T] = field(default_factory=deque)


@dataclass(slots=True)
class _Owner(Generic[T]):
    waiting_since: float
    recordings: dict[Path, _Recording[T]] = field(default_factory=dict)


class Scheduler(Generic[T]):
    """Orders items; every item that was added is taken exactly once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owners: dict[tuple[Lane, str], _Owner[T]] = {}
        self._served: dict[Path, _Served] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def recordings(self) -> int:
        """How many wait."""
        return sum(len(owner.recordings) for owner in self._owners.values())

    def add(self, item: T, *, lane: Lane, owner: str, recording: Path) -> None:
        """Put an item behind the others of its recording."""
        self._place(lane, owner, recording).items.append(item)
        self._size += 1

    def put_back(self, item: T, *, lane: Lane, owner: str, recording: Path) -> None:
        """Put an item that was taken in vain before the others of its recording."""
        self._place(lane, owner, recording).items.appendleft(item)
        self._size += 1

    def _place(self, lane: Lane, owner: str, recording: Path) -> _Recording[T]:
        now = self._clock()
        mine = self._owners.setdefault((lane, owner), _Owner(now))
        served = self._served.get(recording)
        return mine.recordings.setdefault(recording, _Recording(served.waiting_since if served else now - HEAD_START))

    @property
    def next_is_long(self) -> bool:
        """Whether the next item is of a recording that takes turns by now, and none of its first windows."""
        following = self._next()
        return following is not None and self._long(following[1])

    def short_waits(self, ahead_of: Lane) -> bool:
        """Whether one of a recording's first windows waits, in this lane or in one that is served before it."""
        return self._next(ahead_of) is not None

    def _long(self, recording: Path) -> bool:
        served = self._served.get(recording)
        return served is not None and served.windows >= SHORT

    def _next(self, ahead_of: Lane | None = None) -> tuple[tuple[Lane, str], Path] | None:
        """Whose turn it is; `ahead_of`: among those that `short_waits` tells of."""
        may: dict[tuple[Lane, str], list[Path]] = {}
        for (lane, name), owner in self._owners.items():
            if ahead_of is None:
                may[lane, name] = list(owner.recordings)
            elif PATIENCE[lane] <= PATIENCE[ahead_of] and (short := [p for p in owner.recordings if not self._long(p)]):
                may[lane, name] = short
        if not may:
            return None
        key = min(may, key=lambda k: self._owners[k].waiting_since + PATIENCE[k[0]])
        recordings = self._owners[key].recordings
        return key, min(may[key], key=lambda p: recordings[p].waiting_since)

    def take(self, ahead_of: Lane | None = None) -> T | None:
        """The next item, or None when nothing waits; `ahead_of`: the next of those that `short_waits` tells of."""
        following = self._next(ahead_of)
        if following is None:
            return None
        now = self._clock()
        key, path = following
        owner = self._owners[key]
        recording = owner.recordings[path]
        item = recording.items.popleft()
        self._size -= 1
        owner.waiting_since = now
        self._count(path, recording, now)
        # Move behind equals: min() takes the first of them, and the clock may not have moved between two calls.
        self._owners[key] = self._owners.pop(key)
        if recording.waiting_since == now or not recording.items:
            del owner.recordings[path]
        if recording.items:
            owner.recordings[path] = recording
        if not owner.recordings:
            del self._owners[key]
        return item

    def _count(self, path: Path, recording: _Recording[T], now: float) -> None:
        served = self._served.setdefault(path, _Served(recording.waiting_since, now))
        served.last = now
        served.windows += 1
        if served.windows >= SHORT:
            served.waiting_since = recording.waiting_since = now
        if len(self._served) > REMEMBERED:
            self._served = {p: s for p, s in self._served.items() if now - s.last < HEAD_START}

    def move(self, recording: Path, lane: Lane) -> list[T]:
        """Bring what waits of a recording to another lane, in its order and with the time it has waited. Gives the
        items that moved."""
        now = self._clock()
        moved: list[T] = []
        for key in [k for k, o in self._owners.items() if k[0] is not lane and recording in o.recordings]:
            left = self._owners[key].recordings.pop(recording)
            if not self._owners[key].recordings:
                del self._owners[key]
            there = self._owners.setdefault((lane, key[1]), _Owner(now)).recordings
            there.setdefault(recording, _Recording(left.waiting_since)).items.extend(left.items)
            moved += left.items
        return moved

    def drain(self) -> list[T]:
        """All items that wait, which are then forgotten."""
        items = [i for o in self._owners.values() for r in o.recordings.values() for i in r.items]
        self._owners.clear()
        self._size = 0
        return items
