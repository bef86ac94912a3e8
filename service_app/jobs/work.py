"""What is done for one job at the node that has it: plan, put its windows on the board, finish.

    plan    the engine cuts the recording into windows        saved in the job's row
    decode  every window without a text goes on the board     nodes with a free device decode and save it (hands.py)
    finish  the text is joined

Every stage can be run again. A stage returns True to go on; False when the job has ended (failed, cancelled, deleted).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from ..database import away
from ..engine.coverage import coverage
from ..errors import UserError
from ..telemetry import Telemetry
from ..types import EngineStatus, Failure, Job, JobState, Lane, ModelInfo, Options, Plan, Window, WindowResult
from .board import Board, Place
from .changes import Changes
from .news import OPEN
from .quarantine import Quarantine
from .recordings import Recordings
from .rows import AGAIN_SECONDS
from .runs import RunStore

MOST_TRIES = 3  # times a job may take the process down without finishing a window in between
_CALM_SECONDS = 3.0  # that a server lives before a job has its last try
_ROOM_SECONDS = 1.0  # between two looks at a full disk
_LOOK_SECONDS = 0.2  # how soon a stop is noticed
_NEWS_SECONDS = 1.0  # how soon a change is noticed of which no news came
_log = logging.getLogger(__name__)


class Engine(Protocol):
    """What jobs need of the speech engine; docs/architecture.md has the contract."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def status(self) -> EngineStatus: ...
    def models(self) -> tuple[ModelInfo, ...]: ...
    def plan(self, path: Path, options: Options, *, cancelled: Callable[[], bool]) -> Plan: ...
    def decode(
        self,
        path: Path,
        window: Window,
        plan: Plan,
        options: Options,
        *,
        lane: Lane,
        owner: str,
        previous: tuple[int, ...] = (),
        cancelled: Callable[[], bool],
    ) -> Future[WindowResult]: ...
    def move(self, path: Path, lane: Lane) -> None: ...


class Stopped(Exception):
    """The job was cancelled or taken away, or the server stops; nothing is recorded here."""


class Work:
    """Blocking; runs in the durable queue's threads."""

    def __init__(
        self,
        store: RunStore,
        board: Board,
        engine: Engine,
        changes: Changes,
        recordings: Recordings,
        *,
        executor: str,
        tell: Callable[[str], None],
        ended: Callable[[str], None],
        telemetry: Telemetry,
    ) -> None:
        """`tell` gives news to all nodes; `ended` hears of every job that ends here; it must be quick."""
        self._quarantine = Quarantine()
        self._telemetry = telemetry
        self._store = store
        self._board = board
        self._engine = engine
        self._changes = changes
        self._recordings = recordings
        self._executor = executor
        self._tell = tell
        self._plans: dict[str, Plan] = {}  # of the jobs that run here
        self._ended = ended

    def begin(self, job_id: str, stop: threading.Event) -> bool:
        """Takes the job over as soon as its recording is there, alone where it is suspected of a crash. Raises
        `Stopped`."""
        while self._recordings.problem:
            if stop.wait(AGAIN_SECONDS):
                raise Stopped
        return self._awaiting_stores(stop, lambda: self._begin(job_id, stop))

    def _begin(self, job_id: str, stop: threading.Event) -> bool:
        tries = self._store.tries(job_id)
        if tries is None:
            return False
        if tries >= MOST_TRIES:
            if self._store.end(job_id, JobState.FAILED, time.time(), gave_up()):
                self._failed(job_id, "gave_up")
            return False
        if tries == MOST_TRIES - 1:
            # Whatever kills a server again and again in its first seconds is not this job, which does not run yet.
            stop.wait(_CALM_SECONDS)
        if tries:
            self._quarantine.enter(job_id, stop.is_set)
        else:
            self._quarantine.wait(stop.is_set)
        if stop.is_set():
            raise Stopped
        # Taken up with the same commit where nothing is awaited.
        now = time.time() if self._engine_lives() else None
        return self._store.claim(job_id, self._executor, now) or self._not_ours(job_id)

    def left(self, job_id: str) -> None:
        """The job does not run here any more, for whatever reason."""
        self._quarantine.leave(job_id)
        self._plans.pop(job_id, None)

    def release(self, job_id: str) -> None:
        """An orderly stop. Where the database cannot be told, whoever buries this node finds the job."""
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            self._store.release(job_id, self._executor)

    def fail(self, job_id: str, failure: Failure) -> None:
        """Of a job that this node has."""
        self._fail(job_id, failure, None)

    def fail_for_good(self, job_id: str, failure: Failure, stop: threading.Event) -> None:
        """The same, also when the database is away just now. Raises `Stopped`."""

        def fail() -> bool:
            self.fail(job_id, failure)
            return True

        self._awaiting_stores(stop, fail)

    def fail_window(self, place: Place, failure: Failure) -> None:
        """Ends the job of a window that this node has."""
        self._fail(place[0], failure, place[1])

    def _fail(self, job_id: str, failure: Failure, position: int | None) -> None:
        if self._store.end(job_id, JobState.FAILED, time.time(), failure, executor=self._executor, position=position):
            self._failed(job_id, failure.code)

    def _failed(self, job_id: str, code: str) -> None:
        _log.info("job failed", extra={"job": job_id, "code": code})
        self._store.note(job_id, time.time(), "failed", code)
        self._note_coverage(job_id)
        self._ended(job_id)
        self._changes.notify(job_id, ended=True)

    def stage(self, name: str, job_id: str, stop: threading.Event) -> bool:
        """Runs one stage. Raises `Stopped`, and whatever may go better at another try."""

        def run() -> bool:
            self.await_room(job_id, stop)  # the try before may have failed for want of it
            going_on = self._stage(name, job_id, stop)
            self.await_room(job_id, stop)  # who calls has to write that the stage is done
            return going_on

        return self._awaiting_stores(stop, run)

    def _awaiting_stores(self, stop: threading.Event, action: Callable[[], bool]) -> bool:
        """While the database or the recordings are away, or the disk is full, that is awaited, and the action begun
        anew."""
        while True:
            if stop.is_set():
                raise Stopped
            try:
                return action()
            except Stopped:
                raise
            except Exception as error:
                # An engine that is being stopped may fail in any way; that says nothing about the job.
                if stop.is_set():
                    raise Stopped from None
                if not (away(error) or self._recordings.at_fault()):
                    raise
            stop.wait(AGAIN_SECONDS)

    def await_room(self, job_id: str, stop: threading.Event) -> None:
        """Returns when the disk takes what a stage writes. Raises `Stopped`."""
        if not self._recordings.full:
            return
        _log.warning("the disk is full; the job waits until there is room", extra={"job": job_id})
        while self._recordings.full:
            if stop.wait(_ROOM_SECONDS):
                raise Stopped

    def _stage(self, name: str, job_id: str, stop: threading.Event) -> bool:
        job = self._store.get(job_id)
        if job is None or job.state.final:
            return False
        try:
            match name:
                case "plan":
                    return self._plan(job, stop)
                case "decode":
                    return self._decode(job, stop)
                case "finish":
                    return self._finish(job)
                case _:
                    raise ValueError(name)
        except UserError as error:
            if stop.is_set() or self._recordings.at_fault():
                raise
            self.fail(job_id, error.failure)
            return False

    def _plan(self, job: Job, stop: threading.Event) -> bool:
        if job.duration is not None:  # it has a plan
            return True
        self._wait_for_engine(stop)
        if job.state is not JobState.RUNNING and not self._store.running(job.id, self._executor, time.time()):
            return self._not_ours(job.id)
        self._changes.notify(job.id)
        with self._telemetry.stage(job, "plan"):
            plan = self._engine.plan(self._recordings.media(job.id), job.options, cancelled=stop.is_set)
        if stop.is_set():
            raise Stopped
        if not self._store.save_plan(job.id, self._executor, plan, time.time()):
            return self._not_ours(job.id)
        self._plans[job.id] = plan
        self._changes.notify(job.id)
        return True

    def _not_ours(self, job_id: str) -> bool:
        """False for a job that has ended. Raises `Stopped` when another node has it: a stage's outcome is recorded,
        and the other node would believe it."""
        job = self._store.get(job_id)
        if job is not None and not job.state.final:
            raise Stopped
        return False

    def _wait_for_engine(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._engine_lives():
                return
            stop.wait(_LOOK_SECONDS / 2)
        raise Stopped

    def _engine_lives(self) -> bool:
        if self._recordings.problem:
            return False
        status = self._engine.status()
        # One dead device of four is a reason not to be called ready, not to leave work lying.
        return status.ready or any(device.alive for device in status.devices)

    def _planned(self, job_id: str) -> Plan | None:
        return self._plans.get(job_id) or self._store.plan(job_id)

    def _decode(self, job: Job, stop: threading.Event) -> bool:
        plan = self._planned(job.id)
        if plan is None:
            return self._not_ours(job.id)
        with self._changes.waiter(job.id) as changed:
            chain = job.options.condition_on_previous_text
            left = self._board.post(job.id, self._executor, plan.windows, time.time(), chain=chain)
            if left < 0:
                return self._not_ours(job.id)
            self._tell(OPEN)
            looked = time.monotonic()
            first = left
            while left:
                # A suspect that finished a window is none any more.
                if left < first:
                    self._quarantine.leave(job.id)
                if not changed.wait(_LOOK_SECONDS) and time.monotonic() - looked < _NEWS_SECONDS:
                    if stop.is_set():
                        raise Stopped
                    continue
                changed.clear()
                looked = time.monotonic()
                if stop.is_set():
                    raise Stopped
                standing = self._store.standing(job.id, self._executor)
                if standing is None:
                    return self._not_ours(job.id)
                tries, left = standing
                if chain and self._board.go_on(job.id):
                    self._tell(OPEN)
                if tries > MOST_TRIES:
                    # Nodes died, one after the other, with windows of this job in hand and none of them finished.
                    self.fail(job.id, gave_up())
                    return self._not_ours(job.id)
        return True

    def _finish(self, job: Job) -> bool:
        plan = self._planned(job.id)
        if plan is None or not self._store.finish(
            job.id, self._executor, time.time(), plan, lambda results: _report(plan, results)
        ):
            return self._not_ours(job.id)
        _log.info("job done", extra={"job": job.id, "lane": job.lane.value, "seconds": job.duration})
        self._ended(job.id)
        self._changes.notify(job.id, ended=True)
        return True

    def _note_coverage(self, job_id: str) -> None:
        plan = self._store.plan(job_id)
        if plan is not None:
            report = _report(plan, self._store.results(job_id, plan))
            self._store.note(job_id, time.time(), "coverage", report, executor=self._executor)


def _report(plan: Plan, results: Sequence[WindowResult]) -> str:
    """What became of every second, for those who miss a sentence."""
    found = coverage(plan, results)
    wordless = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in found.unspoken)
    return (
        f"of {found.duration:.1f} s with {found.speech:.1f} s of speech: decoded {found.decoded:.1f} s, "
        f"left out as silent {found.silent:.1f} s, missing {found.missing:.1f} s"
        f"{f'; decoded without a word: {wordless}' if wordless else ''}"
        f"{'' if found.complete else '; file damaged, what could not be read is not counted'}"
    )


def gave_up() -> Failure:
    return Failure(
        "gave_up",
        zh="处理此文件时服务多次意外中止，已放弃。请检查文件，或联系管理员查看日志。",
        en="The service died several times over this file and gave it up. "
        "Check the file, or ask the administrator to look at the log.",
    )
