"""A node's parts, put together: how they start, drain and stop, and what the node does when it hears of others."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from ..database import away, connect, shared
from ..telemetry import Telemetry
from ..types import Job, JobState
from .board import Board
from .changes import END, Changes
from .figures import Figures, Waiting
from .hands import Hands
from .news import NODES, OPEN, News
from .nodes import NodeStore
from .pace import Limits, Pace
from .presence import Presence
from .queue import DurableQueue
from .recordings import Recordings, make_mark
from .runs import RunStore
from .store import JobStore
from .work import Engine, Work

if TYPE_CHECKING:
    from ..settings import Settings

_log = logging.getLogger(__name__)
_ORPHAN_SECONDS = (5.0, 600.0)  # older ones were found when a node started
LOOK_AGAIN_SECONDS = 1.0  # a watcher looks even without news: another node may have the job


class Life:
    """What all subjects of `Jobs` stand on."""

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
            idle=lambda: self.recordings.problem,
            owners=self._queue.owners,
            recover=self._recover,
            lost=self._lost,
            tell=lambda: self._news.tell(NODES),
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
                self._changes.notify(job.id, ended=True)

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
            job_id = what.removeprefix(END)
            self._changes.heard(job_id, ended=job_id != what)
            self._look_now.set()
            if self.hands.has(job_id):
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
        while not self._stopped.wait(LOOK_AGAIN_SECONDS / 10):  # however much news there is
            self._look_now.wait(LOOK_AGAIN_SECONDS)
            self._look_now.clear()
            running = self._queue.running
            if not running:
                continue
            try:
                held = self._runs.held(running, self._queue.executor)
            except SQLAlchemyError as error:
                if not away(error):
                    _log.exception("watching jobs failed")
                self._stopped.wait(LOOK_AGAIN_SECONDS)
                continue
            self._queue.drop(set(running) - held)

    def _ended(self, job_id: str) -> None:
        self._waiting = (0.0, [])
        for tell in self.when_ended:
            try:
                tell(job_id)
            except Exception:  # who listens must not change how a job ends
                _log.exception("telling of a job's end failed")
