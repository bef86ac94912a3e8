"""Tells that a job changed: watchers on the event loop, and the threads that wait for a job's windows."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

END: Final = "."  # before the id of a job that has ended or is gone


class Changes:
    """`tell` passes the news on, to other nodes too; it comes back through `heard`."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._wakers: dict[str, set[tuple[bool, Callable[[], object]]]] = {}

    @contextlib.contextmanager
    def watcher(self, job_id: str, *, end: bool = False) -> Iterator[asyncio.Event]:
        """An event that is set at every change, or (`end`) at the last one alone; the watcher clears it before it
        looks."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._woken(job_id, end, lambda: loop.call_soon_threadsafe(event.set)):
            yield event

    @contextlib.contextmanager
    def waiter(self, job_id: str) -> Iterator[threading.Event]:
        """The same for a thread."""
        event = threading.Event()
        with self._woken(job_id, False, event.set):
            yield event

    @contextlib.contextmanager
    def _woken(self, job_id: str, end: bool, wake: Callable[[], object]) -> Iterator[None]:
        entry = (end, wake)
        with self._lock:
            self._wakers.setdefault(job_id, set()).add(entry)
        try:
            yield
        finally:
            with self._lock:
                wakers = self._wakers[job_id]
                wakers.discard(entry)
                if not wakers:
                    del self._wakers[job_id]

    def notify(self, job_id: str, *, ended: bool = False) -> None:
        """Here at once, elsewhere in a moment."""
        self._tell(f"{END}{job_id}" if ended else job_id)

    def heard(self, job_id: str, *, ended: bool) -> None:
        with self._lock:
            wakers = [wake for end, wake in self._wakers.get(job_id, ()) if ended or not end]
        for wake in wakers:
            # A loop that closes while the server stops needs no news.
            with contextlib.suppress(RuntimeError):
                wake()
