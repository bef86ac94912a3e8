"""Durable transcription jobs.

    accept   the file is moved into the job's folder and synced, the row is written, the id is queued; then it returns
    run      plan -> windows -> finish in the queue's threads (work.py); every finished window is saved at once
    restart  unfinished jobs go on; saved windows are not decoded again

A job belongs to its owner; for everybody else it does not exist.
"""

from __future__ import annotations

import asyncio
import builtins
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from ..database import connect, sqlite_url
from ..errors import BadRequest, Conflict, NotFound
from ..types import Job, JobState, Lane, Options, Segment
from .changes import Changes
from .queue import DurableQueue
from .store import JobStore
from .work import Engine, Work

__all__ = ["Engine", "Jobs"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOOK_AGAIN_SECONDS = 1.0  # a watcher looks even without news: another node may have the job


class Jobs:
    """`start` and `stop` block; everything else is for the event loop. One per process."""

    def __init__(self, data_dir: Path, engine: Engine) -> None:
        self._media_dir = data_dir / "media"
        self._media_dir.mkdir(parents=True, exist_ok=True)
        self._queue = DurableQueue(data_dir)
        self._store = JobStore(connect(sqlite_url(data_dir / "whisper.sqlite")))
        self._changes = Changes()
        self._work = Work(self._store, engine, self._changes, self._media_path, self._queue.executor)

    def start(self) -> None:
        self._queue.start(self._work)
        jobs = self._store.unfinished()
        known = self._queue.known([job.id for job in jobs])
        for job in jobs:
            # A crash between the row and the queue: accepted is accepted.
            if job.id not in known:
                self._queue.submit(job.id, job.lane)
            elif not known[job.id]:
                self._store.end(job.id, JobState.CANCELLED, time.time())

    def stop(self) -> None:
        self._queue.stop()

    async def accept(
        self, media: Path, *, name: str, owner: str, options: Options, lane: Lane, job_id: str | None = None
    ) -> Job:
        """Takes the file over: it is moved, so it must lie on the data folder's file system. Stored before it returns.

        The same `job_id` again gives the job that exists. Raises `Conflict` when that is somebody else's.
        """
        now = time.time()
        job = Job(job_id or uuid.uuid4().hex, owner, name, JobState.QUEUED, options, lane, created=now)
        return await asyncio.to_thread(self._accept, media, job)

    def _accept(self, media: Path, job: Job) -> Job:
        if not _ID.fullmatch(job.id):
            raise BadRequest(
                "bad_job_id",
                zh="任务编号只能包含字母、数字、下划线和连字符，最长 64 个字符。",
                en="A job id has letters, digits, underscores and hyphens, 64 at most.",
            )
        existing = self._store.get(job.id)
        if existing is not None:
            media.unlink(missing_ok=True)
            if existing.owner != job.owner:
                raise Conflict("job_exists", zh="此任务编号已被使用。", en="This job id is taken.")
            return existing
        folder = self._media_dir / job.id
        folder.mkdir(mode=0o700, exist_ok=True)
        media.replace(folder / "media")
        for path in (folder / "media", folder, self._media_dir):
            _sync(path)
        self._store.add(job)
        self._queue.submit(job.id, job.lane)
        return job

    async def get(self, job_id: str, *, owner: str) -> Job:
        """Raises `NotFound` also for a job that is somebody else's."""
        job = await asyncio.to_thread(self._store.get, job_id)
        if job is None or job.owner != owner:
            raise NotFound("job_not_found", zh="没有这个任务。", en="There is no such job.")
        return job

    async def list(self, *, owner: str, limit: int = 50, search: str = "") -> list[Job]:
        """Newest first."""
        return await asyncio.to_thread(self._store.history, owner, max(1, min(limit, 500)), search.strip())

    async def segments(self, job_id: str, *, owner: str) -> builtins.list[Segment]:
        """Those saved so far, in time order."""
        await self.get(job_id, owner=owner)
        return await asyncio.to_thread(self._store.segments, job_id)

    async def watch(self, job_id: str, *, owner: str) -> AsyncIterator[Job]:
        """The job now, then at every change, to its end. Raises `NotFound` when it is deleted meanwhile."""
        with self._changes.watcher(job_id) as changed:
            last = None
            while True:
                changed.clear()
                job = await self.get(job_id, owner=owner)
                if job != last:
                    yield job
                if job.state.final:
                    return
                last = job
                try:
                    async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    pass

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """The text so far stays. A job that has ended stays as it is."""
        job = await self.get(job_id, owner=owner)
        if not job.state.final:
            await asyncio.to_thread(self._cancel, job_id)
        return await self.get(job_id, owner=owner)

    def _cancel(self, job_id: str) -> None:
        if self._store.end(job_id, JobState.CANCELLED, time.time()):
            self._queue.cancel(job_id)
            self._changes.notify(job_id)

    async def delete(self, job_id: str, *, owner: str) -> None:
        """Removes the job, its text and its media; stops it first."""
        await self.get(job_id, owner=owner)
        await asyncio.to_thread(self._delete, job_id)

    def _delete(self, job_id: str) -> None:
        self._cancel(job_id)
        self._store.delete(job_id)
        self._queue.forget(job_id)
        shutil.rmtree(self._media_dir / job_id, ignore_errors=True)
        self._changes.notify(job_id)

    async def media(self, job_id: str, *, owner: str) -> Path:
        """The recording as it was uploaded."""
        await self.get(job_id, owner=owner)
        return self._media_path(job_id)

    async def counts(self) -> dict[str, int]:
        """Jobs by state, of all owners."""
        return await asyncio.to_thread(self._store.counts)

    def _media_path(self, job_id: str) -> Path:
        return self._media_dir / job_id / "media"


def _sync(path: Path) -> None:
    """On disk for good, file or folder (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
