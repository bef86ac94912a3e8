"""Durable transcription jobs.

    accept   the file is moved into the job's folder and synced, the row is written, the id is queued; then it returns
    run      plan -> windows -> finish in the queue's threads (work.py); every finished window is saved at once
    restart  unfinished jobs go on; saved windows are not decoded again

A job belongs to its owner; for everybody else it does not exist.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from ..database import connect, sqlite_url
from ..errors import BadRequest, Conflict, NotFound, disk_full
from ..telemetry import Telemetry
from ..types import Job, JobState, Lane, Options, Segment
from .changes import Changes
from .figures import Figures, Waiting
from .pace import Limits, Pace, Place, place, require_room
from .queue import DurableQueue
from .runs import RunStore
from .store import JobStore, WindowSegments
from .work import Engine, Work

__all__ = ["Engine", "Figures", "Jobs", "Limits", "WindowSegments"]

_log = logging.getLogger(__name__)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WAITING_SECONDS = 1.0  # how old the list of waiting jobs may be
_LOOK_AGAIN_SECONDS = 1.0  # a watcher looks even without news: another node may have the job


class Jobs:
    """`start` and `stop` block; everything else is for the event loop. One per process."""

    def __init__(
        self,
        data_dir: Path,
        engine: Engine,
        limits: Limits | None = None,
        *,
        database_url: str = "",
        telemetry: Telemetry | None = None,
    ) -> None:
        """`database_url`: PostgreSQL; empty: SQLite in the data folder."""
        self._media_dir = data_dir / "media"
        self._media_dir.mkdir(parents=True, exist_ok=True)
        self._queue = DurableQueue(data_dir, database_url)
        database = connect(database_url or sqlite_url(data_dir / "whisper.sqlite"))
        self._store, self._runs, self.figures = JobStore(database), RunStore(database), Figures(database)
        self._limits = limits or Limits()
        self._changes = Changes()
        self.pace = Pace()
        self._waiting: tuple[float, list[Waiting]] = (0.0, [])
        self.when_ended: list[Callable[[str], None]] = []  # called with the id, in any thread
        self._telemetry = telemetry or Telemetry()
        self._work = Work(
            self._runs,
            engine,
            self._changes,
            media=self._media_path,
            executor=self._queue.executor,
            pace=self.pace,
            ended=self._ended,
            telemetry=self._telemetry,
        )

    def start(self) -> None:
        self._queue.start(self._work)
        jobs = self._runs.unfinished()
        known = self._queue.known([job.id for job in jobs])
        for job in jobs:
            # A crash between the row and the queue: accepted is accepted.
            if job.id not in known:
                self._queue.submit(job.id, job.lane)
            elif not known[job.id]:
                self._runs.end(job.id, JobState.CANCELLED, time.time())

    def stop(self) -> None:
        self._queue.stop()

    async def accept(
        self,
        media: Path,
        *,
        name: str,
        owner: str,
        options: Options,
        lane: Lane,
        job_id: str | None = None,
        fingerprint: str | None = None,
        key_id: str | None = None,
        webhook: str | None = None,
        source: str | None = None,
    ) -> Job:
        """Takes the file over: it is moved, so it must lie on the data folder's file system. Stored before it returns.

        The same `job_id` again gives the job that exists. `fingerprint` names the bytes, the parameters and the
        caller, for `alike`; `key_id` the API key that pays; `webhook` the address to tell when it ends; `source` the
        job whose recording it is. Raises `Conflict` when the id is somebody else's, `Unavailable` when the disk is
        full.
        """
        now = time.time()
        size = (await asyncio.to_thread(media.stat)).st_size
        new_id = job_id or uuid.uuid4().hex
        job = Job(new_id, owner, name, JobState.QUEUED, options, lane, created=now, size=size, source=source)
        try:
            return await asyncio.to_thread(self._accept, media, job, fingerprint, key_id, webhook)
        except OSError as error:
            raise disk_full() from error

    def _accept(self, media: Path, job: Job, fingerprint: str | None, key_id: str | None, webhook: str | None) -> Job:
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
        self._store.add(job, fingerprint=fingerprint, key_id=key_id, webhook=webhook)
        self._waiting = (0.0, [])
        self._telemetry.accepted(job)
        self._queue.submit(job.id, job.lane)
        return job

    async def get(self, job_id: str, *, owner: str) -> Job:
        """Raises `NotFound` also for a job that is somebody else's."""
        job = await asyncio.to_thread(self._store.get, job_id)
        if job is None or job.owner != owner:
            raise NotFound("job_not_found", zh="没有这个任务。", en="There is no such job.")
        return job

    async def require_room(self, owner: str) -> None:
        """Ask before an upload is read. Raises `Busy`, with an estimate, while too much waits."""
        require_room(owner, await asyncio.to_thread(self._all_waiting), self.pace.speed, self._limits)

    async def alike(self, fingerprint: str, *, owner: str) -> Job | None:
        """The newest job of this owner with this fingerprint."""
        job = await asyncio.to_thread(self._store.alike, fingerprint)
        return job if job is not None and job.owner == owner else None

    async def place(self, job: Job) -> Place | None:
        """Where an unfinished job stands; None for an ended one, also where it ended since `job` was read."""
        if job.state.final:
            return None
        found = place(job.id, await asyncio.to_thread(self._all_waiting), self.pace.speed)
        if found is None:  # accepted since the list was read, or ended since the job was
            found = place(job.id, await asyncio.to_thread(self._all_waiting, fresh=True), self.pace.speed)
        return found

    def _all_waiting(self, *, fresh: bool = False) -> builtins.list[Waiting]:
        at, known = self._waiting
        if fresh or time.monotonic() - at > _WAITING_SECONDS:
            known = self.figures.waiting()
            self._waiting = (time.monotonic(), known)
        return known

    async def list(self, *, owner: str, limit: int = 50, search: str = "", before: float | None = None) -> list[Job]:
        """Newest first; `before` is the `created` of the last one of the page before."""
        limit = max(1, min(limit, 500))
        return await asyncio.to_thread(self._store.history, owner, limit, search.strip(), before)

    async def windows(self, job_id: str, known: Collection[int], *, owner: str) -> builtins.list[WindowSegments]:
        """Finished windows beside the known ones."""
        await self.get(job_id, owner=owner)
        return await asyncio.to_thread(self._store.new_windows, job_id, known)

    async def rename(self, job_id: str, name: str, *, owner: str) -> Job:
        await self.get(job_id, owner=owner)
        await asyncio.to_thread(self._store.rename, job_id, name)
        self._changes.notify(job_id)
        return await self.get(job_id, owner=owner)

    async def edit(self, job_id: str, base: int, segments: Sequence[Segment] | None, *, owner: str) -> Job:
        """Saves a corrected text over version `base`; None drops all corrections. Raises `Conflict` while the job
        runs, and when `base` is not the newest version."""
        job = await self.get(job_id, owner=owner)
        if not job.state.final:
            raise Conflict(
                "job_running",
                zh="任务还在进行，完成后才能修改文字。",
                en="The job still runs; its text can be edited when it has ended.",
            )
        if not await asyncio.to_thread(self._store.edit, job_id, base, segments):
            raise Conflict(
                "edit_conflict",
                zh="文字已在另一个窗口中修改，请重新加载后再保存。",
                en="The text was changed in another window; load it again, then save.",
                param="version",
            )
        return await self.get(job_id, owner=owner)

    async def rerun(self, job_id: str, options: Options, *, owner: str, lane: Lane, key_id: str | None = None) -> Job:
        """A new job on the same recording. Raises `NotFound` when the recording is gone."""
        job = await self.get(job_id, owner=owner)
        copy = self._media_dir / f"{uuid.uuid4().hex}.again"
        try:
            # The same bytes under a second name: no copy, and deleting one job leaves the other its recording.
            await asyncio.to_thread(os.link, self._media_path(job_id), copy)
        except FileNotFoundError:
            raise NotFound("media_gone", zh="录音文件已删除。", en="The recording was removed.") from None
        return await self.accept(
            copy, name=job.name, owner=owner, options=options, lane=lane, key_id=key_id, source=job_id
        )

    async def translation(self, job: Job) -> Job | None:
        """The newest translation that was begun from this job and did not fail."""
        made = await asyncio.to_thread(self._store.made_from, job.id)
        fit = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
        return next((each for each in made if each.options.task == "translate" and each.state in fit), None)

    async def log(self, job_id: str, *, owner: str) -> builtins.list[tuple[float, str, str]]:
        """What happened to it: (Unix time, event, detail)."""
        await self.get(job_id, owner=owner)
        return await asyncio.to_thread(self._store.log, job_id)

    async def segments(self, job_id: str, *, owner: str) -> builtins.list[Segment]:
        """Those saved so far, in time order; corrected ones where somebody corrected the text."""
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
        if self._runs.end(job_id, JobState.CANCELLED, time.time()):
            self._queue.cancel(job_id)
            self._store.note(job_id, time.time(), "cancelled")
            self._changes.notify(job_id)
            self._ended(job_id)

    def _ended(self, job_id: str) -> None:
        self._waiting = (0.0, [])
        for tell in self.when_ended:
            try:
                tell(job_id)
            except Exception:  # who listens must not change how a job ends
                _log.exception("telling of a job's end failed")

    async def delete(self, job_id: str, *, owner: str) -> None:
        """Removes the job, its text and its media; stops it first."""
        await self.get(job_id, owner=owner)
        await asyncio.to_thread(self.remove, job_id)

    def remove(self, job_id: str) -> None:
        """Blocking; whoever's job it is."""
        self._cancel(job_id)
        self._store.delete(job_id)
        self._queue.forget(job_id)
        shutil.rmtree(self._media_dir / job_id, ignore_errors=True)
        self._changes.notify(job_id)

    async def media(self, job_id: str, *, owner: str) -> Path:
        """The recording as it was uploaded."""
        await self.get(job_id, owner=owner)
        return self._media_path(job_id)

    def note(self, job_id: str, event: str, detail: str = "") -> None:
        """A line for the job's log. Blocking."""
        self._store.note(job_id, time.time(), event, detail)

    def look(self, job_id: str) -> Job | None:
        """Whoever's job it is. Blocking."""
        return self._runs.get(job_id)

    async def counts(self) -> dict[str, int]:
        """Jobs by state, of all owners."""
        return await asyncio.to_thread(self.figures.counts)

    def _media_path(self, job_id: str) -> Path:
        return self._media_dir / job_id / "media"


def _sync(path: Path) -> None:
    """On disk for good, file or folder (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
