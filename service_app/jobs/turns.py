"""Whose windows a node takes next: pure bookkeeping, time is passed in.

As in the engine's scheduler, which orders what the node has taken: the lane's patience counts as time not yet waited
(a person at the page goes before a program, that before bulk work, and bulk gets its turn now and then), within a
lane the owner whose turn has waited longest, of that owner the recording that has. When all of that is equal, a
recording that runs at this very node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..engine.scheduler import HEAD_START, PATIENCE
from ..types import Lane
from .board import Open

_EQUAL_SECONDS: Final = 0.5  # turns that differ by less are equal
_REMEMBERED: Final = 1000


class Turns:
    def __init__(self) -> None:
        self._owners: dict[tuple[Lane, str], float] = {}
        self._jobs: dict[str, float] = {}

    def following(self, waiting: Sequence[Open], now: float) -> Open:
        """The one of these (at least one) whose turn it is; `took` tells that it was served."""
        # Who has nothing that waits does not wait.
        self._owners = {
            (entry.lane, entry.owner): self._owners.get((entry.lane, entry.owner), now) for entry in waiting
        }
        for entry in waiting:
            self._jobs.setdefault(entry.job_id, now - HEAD_START)
        first = min(self._turn(entry) for entry in waiting)
        equal = [entry for entry in waiting if self._turn(entry) <= first + _EQUAL_SECONDS]
        # The order of `waiting` (oldest first) decides what is left.
        return min(equal, key=lambda entry: (not entry.mine, self._turn(entry), self._jobs[entry.job_id]))

    def took(self, entry: Open, now: float) -> None:
        self._owners[(entry.lane, entry.owner)] = now
        self._jobs[entry.job_id] = now
        if len(self._jobs) > _REMEMBERED:
            self._jobs = {job: at for job, at in self._jobs.items() if now - at < HEAD_START}

    def _turn(self, entry: Open) -> float:
        return self._owners[(entry.lane, entry.owner)] + PATIENCE[entry.lane]
