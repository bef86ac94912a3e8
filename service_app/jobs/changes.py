"""Tells watchers on the event loop that a job changed; the job's threads call `notify`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Changes:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @contextlib.contextmanager
    def watcher(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at every change; the watcher clears it before it looks."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._watchers.setdefault(job_id, set()).add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                watchers = self._watchers[job_id]
                watchers.discard(entry)
                if not watchers:
                    del self._watchers[job_id]

    def notify(self, job_id: str) -> None:
        with self._lock:
            watchers = list(self._watchers.get(job_id, ()))
        for loop, event in watchers:
            # A loop that closes while the server stops needs no news.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)
