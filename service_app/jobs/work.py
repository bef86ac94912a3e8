"""What is done for one job: plan, then windows (several in flight), then finish.

    plan    the engine cuts the recording into windows        saved in the job's row
    decode  every window without a saved result is decoded    saved as it finishes, so a restart does not repeat it
    finish  the text is joined

Every stage can be run again. A stage returns True to go on; False when the job has ended (failed, cancelled, deleted).
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from pathlib import Path
from typing import Protocol

from ..engine.coverage import coverage
from ..errors import UserError
from ..telemetry import Telemetry
from ..types import EngineStatus, Failure, Job, JobState, Lane, ModelInfo, Options, Plan, Window, WindowResult
from ..writing import written
from .changes import Changes
from .pace import Pace
from .quarantine import Quarantine
from .runs import RunStore

MOST_TRIES = 3  # times a job may take the process down without finishing a window in between
_CALM_SECONDS = 3.0  # that a server lives before a job has its last try
_IN_FLIGHT = 32  # windows of one job handed to the engine at once: enough to fill batches on four GPUs
_ROOM = 8 << 20  # bytes that must be free for the text, the log and the databases of a stage
_ROOM_SECONDS = 1.0  # between two looks at a full disk
_LOOK_SECONDS = 0.2  # how soon a stop or a cancellation is noticed
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
        cancelled: Callable[[], bool],
    ) -> Future[WindowResult]: ...


class Stopped(Exception):
    """The job was cancelled or taken away, or the server stops; nothing is recorded here."""


class Work:
    """Blocking; runs in the durable queue's threads."""

    def __init__(
        self,
        store: RunStore,
        engine: Engine,
        changes: Changes,
        *,
        media: Callable[[str], Path],
        executor: str,
        pace: Pace,
        ended: Callable[[str], None],
        telemetry: Telemetry,
    ) -> None:
        """`ended` hears of every job that ends here; it must be quick."""
        self._quarantine = Quarantine()
        self._pace = pace
        self._ended = ended
        self._telemetry = telemetry
        self._store = store
        self._engine = engine
        self._changes = changes
        self._media = media
        self._executor = executor

    def begin(self, job_id: str, stop: threading.Event) -> bool:
        """Takes the job over, alone where it is suspected of a crash. Raises `Stopped`."""
        tries = self._store.tries(job_id)
        if tries is None:
            return False
        if tries >= MOST_TRIES:
            self.fail(
                job_id,
                Failure(
                    "gave_up",
                    zh="处理此文件时服务多次意外中止，已放弃。请检查文件，或联系管理员查看日志。",
                    en="The service died several times over this file and gave it up. "
                    "Check the file, or ask the administrator to look at the log.",
                ),
            )
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
        return self._store.claim(job_id, self._executor)

    def left(self, job_id: str) -> None:
        """The job does not run here any more, for whatever reason."""
        self._quarantine.leave(job_id)

    def release(self, job_id: str) -> None:
        self._store.release(job_id, self._executor)

    def fail(self, job_id: str, failure: Failure) -> None:
        if self._store.end(job_id, JobState.FAILED, time.time(), failure):
            _log.info("job failed", extra={"job": job_id, "code": failure.code})
            self._store.note(job_id, time.time(), "failed", failure.code)
            self._note_coverage(job_id)
            self._ended(job_id)
        self._changes.notify(job_id)

    def stage(self, name: str, job_id: str, stop: threading.Event) -> bool:
        """Runs one stage, again where it failed because the disk was full. Raises `Stopped`, and whatever may go better
        at another try."""
        while True:
            job = self._store.get(job_id)
            if job is None or job.state.final:
                return False
            try:
                going_on = self._stage(name, job, stop)
                self.await_room(job_id, stop)  # who calls has to write that the stage is done
                return going_on
            except Stopped:
                raise
            except Exception as error:
                # An engine that is being stopped may fail in any way; that says nothing about the job.
                if stop.is_set():
                    raise Stopped from None
                if self._room(job_id):
                    if isinstance(error, UserError):
                        self.fail(job_id, error.failure)
                        return False
                    raise
                self.await_room(job_id, stop)

    def await_room(self, job_id: str, stop: threading.Event) -> None:
        """Returns when the disk takes what a stage writes. Raises `Stopped`."""
        if self._room(job_id):
            return
        _log.warning("the disk is full; the job waits until there is room", extra={"job": job_id})
        while not self._room(job_id):
            if stop.wait(_ROOM_SECONDS):
                raise Stopped

    def _room(self, job_id: str) -> bool:
        return shutil.disk_usage(self._media(job_id).parents[1]).free >= _ROOM

    def _stage(self, name: str, job: Job, stop: threading.Event) -> bool:
        match name:
            case "plan":
                return self._plan(job, stop)
            case "decode":
                return self._decode(job, stop)
            case "finish":
                return self._finish(job)
            case _:
                raise ValueError(name)

    def _plan(self, job: Job, stop: threading.Event) -> bool:
        self._wait_for_engine(stop)
        if not self._store.running(job.id, self._executor, time.time()):
            return False
        self._changes.notify(job.id)
        if self._store.plan(job.id) is None:
            with self._telemetry.stage(job, "plan"):
                plan = self._engine.plan(self._media(job.id), job.options, cancelled=stop.is_set)
            if stop.is_set():
                raise Stopped
            if not self._store.save_plan(job.id, self._executor, plan):
                return False
            self._store.note(
                job.id,
                time.time(),
                "planned",
                f"{plan.duration:.1f} s, {plan.speech_seconds:.1f} s of speech, {len(plan.windows)} windows, "
                f"language {plan.language} ({plan.language_probability:.2f})"
                f"{'' if plan.complete else ', file damaged: a part could not be read'}",
            )
            self._changes.notify(job.id)
        return True

    def _wait_for_engine(self, stop: threading.Event) -> None:
        while not stop.is_set():
            status = self._engine.status()
            # One dead device of four is a reason not to be called ready, not to leave work lying.
            if status.ready or any(device.alive for device in status.devices):
                return
            stop.wait(_LOOK_SECONDS / 2)
        raise Stopped

    def _decode(self, job: Job, stop: threading.Event) -> bool:
        # After a restart the plan is known but the engine may still be loading.
        self._wait_for_engine(stop)
        plan = self._store.plan(job.id)
        if plan is None or not self._store.running(job.id, self._executor, time.time()):
            return False
        saved = self._store.saved_windows(job.id)
        total = sum(window.end - window.start for window in plan.windows) or 1.0
        done = sum(window.end - window.start for window in plan.windows if window.index in saved)
        self._store.note(job.id, time.time(), "decoding", f"{len(saved)} of {len(plan.windows)} windows were done")
        with self._pace.working():
            for decoded in self._results(job, plan, saved, stop):
                segments = written(decoded.segments, plan.language, job.options)
                result = dataclasses.replace(decoded, segments=segments)
                length = result.window.end - result.window.start
                done += length
                if not self._store.save_window(job.id, self._executor, result, min(1.0, done / total)):
                    return False
                self._quarantine.leave(job.id)
                self._pace.decoded(plan.duration * length / total)
                self._changes.notify(job.id)
        return True

    def _results(self, job: Job, plan: Plan, saved: set[int], stop: threading.Event) -> Iterator[WindowResult]:
        """Results in the order in which they become ready. What is in flight is withdrawn when the caller leaves."""
        left = threading.Event()
        media = self._media(job.id)
        missing = (window for window in plan.windows if window.index not in saved)
        flying: set[Future[WindowResult]] = set()
        began: dict[Future[WindowResult], int] = {}
        try:
            while True:
                while len(flying) < _IN_FLIGHT and (window := next(missing, None)) is not None:
                    asked = time.time_ns()
                    future = self._engine.decode(
                        media,
                        window,
                        plan,
                        job.options,
                        lane=job.lane,
                        owner=job.owner,
                        cancelled=lambda: stop.is_set() or left.is_set(),
                    )
                    flying.add(future)
                    began[future] = asked
                if not flying:
                    return
                ready, flying = wait(flying, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                if stop.is_set():
                    raise Stopped
                for future in ready:
                    try:
                        result = future.result()
                        self._telemetry.window(job, result.window.index, began.pop(future))
                        yield result
                    except CancelledError:
                        raise RuntimeError("the engine dropped a window") from None
        finally:
            left.set()
            for future in flying:
                future.cancel()

    def _finish(self, job: Job) -> bool:
        if self._store.finish(job.id, self._executor, time.time()):
            _log.info("job done", extra={"job": job.id, "lane": job.lane.value, "seconds": job.duration})
            self._note_coverage(job.id)
            self._store.note(job.id, time.time(), "done")
            self._ended(job.id)
        self._changes.notify(job.id)
        return True

    def _note_coverage(self, job_id: str) -> None:
        """What became of every second, for those who miss a sentence."""
        plan = self._store.plan(job_id)
        if plan is None:
            return
        found = coverage(plan, self._store.results(job_id, plan))
        wordless = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in found.unspoken)
        self._store.note(
            job_id,
            time.time(),
            "coverage",
            f"of {found.duration:.1f} s with {found.speech:.1f} s of speech: decoded {found.decoded:.1f} s, "
            f"left out as silent {found.silent:.1f} s, missing {found.missing:.1f} s"
            f"{f'; decoded without a word: {wordless}' if wordless else ''}"
            f"{'' if found.complete else '; file damaged, what could not be read is not counted'}",
        )
