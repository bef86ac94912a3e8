"""What is known of jobs: one, the history, the text as it comes, the place in the queue."""

from __future__ import annotations

import asyncio
import builtins
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeVar

from ..database import ask
from ..errors import NotFound, Unavailable
from ..types import Job, JobState, Segment
from .figures import Waiting
from .life import LOOK_AGAIN_SECONDS, Life
from .pace import Place, place
from .store import WindowSegments

_T = TypeVar("_T")
_WAITING_SECONDS = 1.0  # how old the list of waiting jobs may be
_ALONE_SECONDS = 5.0  # the same as LOOK_AGAIN_SECONDS where no other node has jobs: then all news come


class Asking(Life):
    async def get(self, job_id: str, *, owner: str) -> Job:
        """Raises `NotFound` also for a job that is somebody else's."""
        return _own(await ask(self._store.get, job_id), owner)

    async def list(self, *, owner: str, limit: int = 50, search: str = "", before: float | None = None) -> list[Job]:
        """Newest first; `before` is the `created` of the last one of the page before."""
        limit = max(1, min(limit, 500))
        return await ask(self._store.history, owner, limit, search.strip(), before)

    def look(self, job_id: str) -> Job | None:
        """Whoever's job it is. Blocking."""
        return self._runs.get(job_id)

    async def counts(self) -> dict[str, int]:
        """Jobs by state, of all owners."""
        return await ask(self.figures.counts)

    async def segments(self, job_id: str, *, owner: str, words: bool = True) -> builtins.list[Segment]:
        """Those saved so far, in time order; corrected ones where somebody corrected the text. Without `words` they are
        left out: it is quicker."""

        def found() -> builtins.list[Segment]:
            _own(self._runs.get(job_id), owner)
            return self._store.segments(job_id, words=words)

        return await ask(found)

    async def segments_json(self, job_id: str, *, owner: str) -> tuple[Job, str]:
        """The job without its text, and all fields of its segments as a JSON list."""

        def found() -> tuple[Job, str]:
            return _own(self._runs.get(job_id), owner), self._store.segments_json(job_id)

        return await ask(found)

    async def log(self, job_id: str, *, owner: str) -> builtins.list[tuple[float, str, str]]:
        """What happened to it: (Unix time, event, detail)."""
        await self.get(job_id, owner=owner)
        return await ask(self._store.log, job_id)

    async def media(self, job_id: str, *, owner: str) -> Path:
        """The recording as it was uploaded. Raises `Unavailable` while the store is away."""
        await self.get(job_id, owner=owner)
        self.recordings.require()
        return self.recordings.media(job_id)

    async def windows(self, job_id: str, known: Collection[int], *, owner: str) -> builtins.list[WindowSegments]:
        """Finished windows beside the known ones; awaited while the database is away, as `watch` is."""

        def found() -> builtins.list[WindowSegments]:
            _own(self._runs.get(job_id), owner)
            return self._store.new_windows(job_id, known)

        return await self._patiently(lambda: ask(found))

    async def watch(self, job_id: str, *, owner: str, end: bool = False) -> AsyncIterator[Job]:
        """The job now, then at every change, or (`end`) hardly before its end, which has the text. Raises `NotFound`
        when it is deleted meanwhile. Who has seen the job once waits while the database is away."""

        async def look() -> Job:
            return _own(await ask(self._runs.get, job_id), owner)

        with self._changes.watcher(job_id, end=end) as changed:
            last = None
            while True:
                changed.clear()
                job = await (look() if last is None else self._patiently(look))
                if job != last:
                    yield job
                if job.state.final:
                    return
                last = job
                try:
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS if self.presence.shared else _ALONE_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    pass

    async def _patiently(self, question: Callable[[], Awaitable[_T]]) -> _T:
        while True:
            try:
                return await question()
            except Unavailable:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def translation(self, job: Job) -> Job | None:
        """The newest translation that was begun from this job and did not fail."""
        made = await ask(self._store.made_from, job.id)
        fit = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
        return next((each for each in made if each.options.task == "translate" and each.state in fit), None)

    async def alike(self, fingerprint: str, *, owner: str) -> Job | None:
        """The newest job of this owner with this fingerprint."""
        job = await ask(self._store.alike, fingerprint)
        return job if job is not None and job.owner == owner else None

    # -- what waits, and who

    async def place(self, job: Job) -> Place | None:
        """Where an unfinished job stands; None for an ended one, also where it ended since `job` was read."""
        if job.state.final:
            return None
        found = place(job.id, await ask(self._all_waiting), self.speed)
        if found is None:  # accepted since the list was read, or ended since the job was
            found = place(job.id, await ask(self._all_waiting, fresh=True), self.speed)
        return found

    @property
    def speed(self) -> float | None:
        """Seconds of recording that all nodes together decode in a second of work; None: not measured yet."""
        measured = [self.pace.speed, *(node.speed for node in self.presence.others)]
        return sum(speed for speed in measured if speed) or None

    def _all_waiting(self, *, fresh: bool = False) -> builtins.list[Waiting]:
        at, known = self._waiting
        if fresh or time.monotonic() - at > _WAITING_SECONDS:
            known = self.figures.waiting()
            self._waiting = (time.monotonic(), known)
        return known

    async def call(self, subject: str, waits: bool) -> None:
        """Tells the other nodes who waits here, or does no longer."""
        if self.presence.shared:
            await ask(self.nodes.calls, subject, self._queue.executor, waits)

    async def called_elsewhere(self, subject: str) -> bool:
        return self.presence.shared and await ask(self.nodes.called_elsewhere, subject, self._queue.executor)


def _own(job: Job | None, owner: str) -> Job:
    if job is None or job.owner != owner:
        raise NotFound("job_not_found", zh="没有这个任务。", en="There is no such job.")
    return job
