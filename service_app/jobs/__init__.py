"""Durable transcription jobs.

    accept   the file is moved into the job's folder and synced, the row is written, the id is queued; then it returns
    run      plan -> windows on the board -> finish in the queue's threads (work.py)
    decode   a node's devices take open windows off the board (hands.py); every finished one is saved at once
    restart  unfinished jobs go on; saved windows are not decoded again
    nodes    several share one PostgreSQL and one store of recordings; each takes over what a dead one had (presence.py)

A job belongs to its owner; for everybody else it does not exist.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
import re
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from ..database import ask, away, connect, shared
from ..errors import BadRequest, Conflict, NotFound, Unavailable, draining, unwritten
from ..telemetry import Telemetry
from ..types import Job, JobState, Lane, Options, Segment
from .board import Board
from .changes import Changes
from .figures import Figures, Waiting
from .hands import Hands
from .news import NODES, OPEN, News
from .nodes import NodeStore
from .pace import Limits, Pace, Place, place, require_room
from .presence import Presence
from .queue import DurableQueue
from .recordings import Recordings, make_mark
from .runs import RunStore
from .store import JobStore, WindowSegments
from .work import Engine, Work

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["Engine", "Figures", "Jobs", "Limits", "WindowSegments"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WAITING_SECONDS = 1.0  # how old the list of waiting jobs may be
_ORPHAN_SECONDS = (5.0, 600.0)  # older ones were found when a node started
_LOOK_AGAIN_SECONDS = 1.0  # a watcher looks even without news: another node may have the job


class Jobs:
    """`start`, `drain` and `stop` block; everything else is for the event loop. One per process."""

    def __init__(self, settings: Settings, engine: Engine, telemetry: Telemetry | None = None) -> None:
        """Takes the data folder. Raises `SettingsError` when another server has it, and what the database raises while
        it is away; `stop` lets the folder go."""
        self._queue = DurableQueue(settings.data_dir, settings.database_url.reveal(), settings.node)
        try:
            database = connect(settings.database)
            self._store, self._runs, self.figures = JobStore(database), RunStore(database), Figures(database)
            board, self.nodes = Board(database), NodeStore(database)
            mark = self.nodes.fact("media", lambda: make_mark(settings.media)) if shared(database) else None
            self.recordings = Recordings(settings.media, settings.node, mark)
            self.recordings.open()
        except BaseException:
            self._queue.stop()
            raise
        executor = self._queue.executor
        self._limits = Limits(settings.queue_jobs, settings.queue_minutes, settings.user_jobs)
        self._news = News(database, self._heard)
        self._changes = Changes(self._news.tell)
        self.pace = Pace()
        self._waiting: tuple[float, list[Waiting]] = (0.0, [])
        self.when_ended: list[Callable[[str], None]] = []  # called with the id, in any thread
        self._telemetry = telemetry or Telemetry()
        self._work = Work(
            self._runs,
            board,
            engine,
            self._changes,
            self.recordings,
            executor=executor,
            tell=self._news.tell,
            ended=self._ended,
            telemetry=self._telemetry,
        )
        self.presence = Presence(
            self.nodes,
            executor=executor,
            name=settings.node,
            home=self._queue.home,
            seconds=settings.node_seconds,
            shared=shared(database),
            figures=lambda: (sum(device.alive for device in engine.status().devices), self.pace.speed),
            owners=self._queue.owners,
            recover=self._recover,
            lost=self._lost,
            tidy=self._tidy,
        )
        self.hands = Hands(
            board,
            self._runs,
            engine,
            presence=self.presence,
            recordings=self.recordings,
            changes=self._changes,
            pace=self.pace,
            telemetry=self._telemetry,
            fail=self._work.fail_window,
        )
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch_running, name="jobs-watch", daemon=True)
        self._look_now = threading.Event()

    def start(self) -> None:
        self.presence.register()
        self._queue.start(self._work)
        self.presence.start()
        self._news.start()
        self.hands.start()
        if self.presence.shared:
            self._watcher.start()
        self.reconcile(self._runs.unfinished())

    def reconcile(self, jobs: Sequence[Job]) -> None:
        """Brings the queue up to these unfinished jobs. Blocking."""
        known = self._queue.known([job.id for job in jobs])
        for job in jobs:
            # A crash between the row and the queue: accepted is accepted.
            if job.id not in known:
                self._queue.submit(job.id, job.lane)
            elif not known[job.id] and self._runs.end(job.id, JobState.CANCELLED, time.time()):
                self._changes.notify(job.id)

    def drain(self) -> None:
        """Takes no new work, finishes the windows in hand, hands the jobs over; ask `left` how far it is."""
        if self.presence.draining:
            return
        self.presence.draining = True
        self.presence.look()
        self.hands.rest()
        self._queue.hand_over()
        while len(self.hands) and not self._stopped.wait(0.05):
            pass
        self.presence.stop()
        self._leave()

    def left(self) -> dict[str, int]:
        """What is still being worked on here."""
        return {"jobs": len(self._queue.running), "windows": len(self.hands)}

    def stop(self) -> None:
        self._stopped.set()
        self._look_now.set()
        self.hands.stop()
        self._queue.stop()
        self.presence.stop()
        self._leave()
        self._news.stop()
        self.recordings.close()

    def _leave(self) -> None:
        # Where the database cannot be told, others find out by themselves.
        try:
            self.presence.leave()
            self._news.tell(NODES)
        except SQLAlchemyError as error:
            if not away(error):
                raise

    # -- news, and other nodes

    def _heard(self, what: str) -> None:
        if what == OPEN:
            self.hands.wake()
        elif what == NODES:
            self.presence.look()
        else:
            self._changes.heard(what)
            self._look_now.set()
            if self.hands.has(what):
                self.hands.wake()

    def _tidy(self) -> None:
        now = time.time()
        self.reconcile(self._runs.orphans(now - _ORPHAN_SECONDS[1], now - _ORPHAN_SECONDS[0]))

    def _recover(self, executor: str) -> None:
        self._queue.recover(executor)
        self.hands.wake()

    def _lost(self) -> None:
        self.hands.drop(give_back=False)
        self._queue.drop(self._queue.running)

    def _watch_running(self) -> None:
        """Stops jobs that were cancelled or deleted at another node, or taken from this one."""
        while not self._stopped.wait(_LOOK_AGAIN_SECONDS / 10):  # however much news there is
            self._look_now.wait(_LOOK_AGAIN_SECONDS)
            self._look_now.clear()
            running = self._queue.running
            if not running:
                continue
            try:
                held = self._runs.held(running, self._queue.executor)
            except SQLAlchemyError as error:
                if not away(error):
                    _log.exception("watching jobs failed")
                self._stopped.wait(_LOOK_AGAIN_SECONDS)
                continue
            self._queue.drop(set(running) - held)

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
        """Takes the file over: it is moved, so it must lie in the store of the recordings. Stored before it returns.

        The same `job_id` again gives the job that exists. `fingerprint` names the bytes, the parameters and the
        caller, for `alike`; `key_id` the API key that pays; `webhook` the address to tell when it ends; `source` the
        job whose recording it is. Raises `Conflict` when the id is somebody else's, `Unavailable` when the disk is
        full or the store away.
        """
        now = time.time()
        size = (await asyncio.to_thread(media.stat)).st_size
        new_id = job_id or uuid.uuid4().hex
        job = Job(new_id, owner, name, JobState.QUEUED, options, lane, created=now, size=size, source=source)
        try:
            return await ask(self._accept, media, job, fingerprint, key_id, webhook)
        except OSError as error:
            raise unwritten(error) from error

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
        self.recordings.take(media, job.id)
        self._store.add(job, fingerprint=fingerprint, key_id=key_id, webhook=webhook)
        self._waiting = (0.0, [])
        self._telemetry.accepted(job)
        self._queue.submit(job.id, job.lane)
        return job

    async def get(self, job_id: str, *, owner: str) -> Job:
        """Raises `NotFound` also for a job that is somebody else's."""
        job = await ask(self._store.get, job_id)
        if job is None or job.owner != owner:
            raise NotFound("job_not_found", zh="没有这个任务。", en="There is no such job.")
        return job

    async def require_room(self, owner: str) -> None:
        """Ask before an upload is read. Raises `Busy`, with an estimate, while too much waits, and `Unavailable` while
        the recordings' store is away or this node leaves the service."""
        if self.presence.draining and not self.presence.others:
            raise draining()
        self.recordings.require()
        require_room(owner, await ask(self._all_waiting), self.speed, self._limits)

    @property
    def speed(self) -> float | None:
        """Seconds of recording that all nodes together decode in a second of work; None: not measured yet."""
        measured = [self.pace.speed, *(node.speed for node in self.presence.others)]
        return sum(speed for speed in measured if speed) or None

    async def alike(self, fingerprint: str, *, owner: str) -> Job | None:
        """The newest job of this owner with this fingerprint."""
        job = await ask(self._store.alike, fingerprint)
        return job if job is not None and job.owner == owner else None

    async def call(self, subject: str, waits: bool) -> None:
        """Tells the other nodes who waits here, or does no longer."""
        if self.presence.shared:
            await ask(self.nodes.calls, subject, self._queue.executor, waits)

    async def called_elsewhere(self, subject: str) -> bool:
        return self.presence.shared and await ask(self.nodes.called_elsewhere, subject, self._queue.executor)

    async def place(self, job: Job) -> Place | None:
        """Where an unfinished job stands; None for an ended one, also where it ended since `job` was read."""
        if job.state.final:
            return None
        found = place(job.id, await ask(self._all_waiting), self.speed)
        if found is None:  # accepted since the list was read, or ended since the job was
            found = place(job.id, await ask(self._all_waiting, fresh=True), self.speed)
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
        return await ask(self._store.history, owner, limit, search.strip(), before)

    async def windows(self, job_id: str, known: Collection[int], *, owner: str) -> builtins.list[WindowSegments]:
        """Finished windows beside the known ones; awaited while the database is away, as `watch` is."""
        await self._patiently(lambda: self.get(job_id, owner=owner))
        return await self._patiently(lambda: ask(self._store.new_windows, job_id, known))

    async def rename(self, job_id: str, name: str, *, owner: str) -> Job:
        await self.get(job_id, owner=owner)
        await ask(self._store.rename, job_id, name)
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
        if not await ask(self._store.edit, job_id, base, segments):
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
        try:
            copy = await asyncio.to_thread(self.recordings.again, job_id)
        except FileNotFoundError:
            raise NotFound("media_gone", zh="录音文件已删除。", en="The recording was removed.") from None
        except OSError as error:
            raise unwritten(error) from error
        return await self.accept(
            copy, name=job.name, owner=owner, options=options, lane=lane, key_id=key_id, source=job_id
        )

    async def translation(self, job: Job) -> Job | None:
        """The newest translation that was begun from this job and did not fail."""
        made = await ask(self._store.made_from, job.id)
        fit = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
        return next((each for each in made if each.options.task == "translate" and each.state in fit), None)

    async def log(self, job_id: str, *, owner: str) -> builtins.list[tuple[float, str, str]]:
        """What happened to it: (Unix time, event, detail)."""
        await self.get(job_id, owner=owner)
        return await ask(self._store.log, job_id)

    async def segments(self, job_id: str, *, owner: str) -> builtins.list[Segment]:
        """Those saved so far, in time order; corrected ones where somebody corrected the text."""
        await self.get(job_id, owner=owner)
        return await ask(self._store.segments, job_id)

    async def watch(self, job_id: str, *, owner: str) -> AsyncIterator[Job]:
        """The job now, then at every change, to its end. Raises `NotFound` when it is deleted meanwhile. Who has seen
        the job once waits while the database is away."""
        await self.get(job_id, owner=owner)
        with self._changes.watcher(job_id) as changed:
            last = None
            while True:
                changed.clear()
                job = await self._patiently(lambda: self.get(job_id, owner=owner))
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

    async def _patiently(self, question: Callable[[], Awaitable[_T]]) -> _T:
        while True:
            try:
                return await question()
            except Unavailable:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """The text so far stays. A job that has ended stays as it is."""
        job = await self.get(job_id, owner=owner)
        if not job.state.final:
            await ask(self._cancel, job_id)
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
        await ask(self.remove, job_id)

    def remove(self, job_id: str) -> None:
        """Blocking; whoever's job it is."""
        self._cancel(job_id)
        self._store.delete(job_id)
        self._queue.forget(job_id)
        self.recordings.remove(job_id)
        self._changes.notify(job_id)

    def sweep(self, now: float) -> None:
        """Removes files that belong to no job. Blocking."""
        self.recordings.sweep(now, self._store.known)

    async def media(self, job_id: str, *, owner: str) -> Path:
        """The recording as it was uploaded. Raises `Unavailable` while the store is away."""
        await self.get(job_id, owner=owner)
        self.recordings.require()
        return self.recordings.media(job_id)

    def note(self, job_id: str, event: str, detail: str = "") -> None:
        """A line for the job's log. Blocking."""
        self._store.note(job_id, time.time(), event, detail)

    def look(self, job_id: str) -> Job | None:
        """Whoever's job it is. Blocking."""
        return self._runs.get(job_id)

    async def counts(self) -> dict[str, int]:
        """Jobs by state, of all owners."""
        return await ask(self.figures.counts)
