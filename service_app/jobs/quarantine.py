"""Who brought the process down? A job that was there when it died, and had finished nothing, runs alone until it has
finished its first window: what dies then is its own doing, and the others are not blamed for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

_LOOK_SECONDS: Final = 0.2


class Quarantine:
    """Thread-safe. `stopped` is asked while a job waits; then `enter` and `wait` return at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alone: str | None = None
        self._suspects = 0

    def enter(self, job_id: str, stopped: Callable[[], bool]) -> None:
        """Waits until this suspect may run alone; `leave` lets the next one in."""
        with self._changed:
            self._suspects += 1
            while self._alone is not None and not stopped():
                self._changed.wait(_LOOK_SECONDS)
            self._suspects -= 1
            if self._alone is None:
                self._alone = job_id

    def leave(self, job_id: str) -> None:
        """Harmless to repeat, and for a job that never was a suspect."""
        with self._changed:
            if self._alone == job_id:
                self._alone = None
                self._changed.notify_all()

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Waits until no suspect runs or waits."""
        with self._changed:
            while (self._alone is not None or self._suspects) and not stopped():
                self._changed.wait(_LOOK_SECONDS)
