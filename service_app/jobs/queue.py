"""The only door to DBOS: a durable queue of job ids that survives kill -9 and goes on at the stage it had reached.

DBOS is one per process, so is this queue. What to do with a job comes from `Work`; here is when, how often and where.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    WorkflowSerializationFormat,
    _workflow_commands,
    error,
)

from ..database import connect, one_at_a_time, shared, sqlite_url
from ..settings import SettingsError
from ..types import Lane
from .hands import internal_error
from .rows import AGAIN_SECONDS
from .work import Stopped, Work

STAGES: Final = ("plan", "decode", "finish")
_QUEUE: Final = "jobs"
# Changed only when a new release cannot go on with stored jobs; DBOS's default hashes the code, and every upgrade
# would abandon what waits.
_VERSION: Final = "jobs-1"
_PRIORITY: Final = {Lane.INTERACTIVE: 1, Lane.API: 10, Lane.BULK: 100}
_POLL_SECONDS: Final = 1.0  # for what found no place when it came; every look costs a hundredth of a core
_SWEEP_SECONDS: Final = 3.0  # after 5 s PostgreSQL takes the lock that is held meanwhile from its holder
_SCHEDULES_SECONDS: Final = 600.0  # nothing here is done by the clock
_STAGE_AGAIN_SECONDS: Final = (0.5, 1.0)  # after a failure that nobody expected, such as the engine's
_PATIENCE_SECONDS: Final = 3600.0  # behind those who wait for the database
_CANCELLED: Final = (error.DBOSAwaitedWorkflowCancelledError, error.DBOSWorkflowCancelledError)
_log = logging.getLogger(__name__)


class DurableQueue:
    """Blocking: from the event loop call it in a thread. `slots` jobs run at once; the engine shares the devices."""

    def __init__(self, folder: Path, database_url: str = "", node: str = "node", slots: int = 32) -> None:
        self._folder = folder
        self._url = database_url or sqlite_url(folder / "queue.sqlite")
        self._slots = slots
        self._lock = _only_process(folder / "server.lock")
        # The data folder's own mark: two machines may have one name, but not one folder.
        self.home: Final = _mark(folder / "node")
        # With SQLite the same after a restart, so that the node goes on with its own jobs. With several nodes another
        # one for every process: what a former process had is taken over like any dead node's.
        self.executor: Final = f"{node}#{uuid.uuid4().hex[:12]}" if database_url else "node"
        self._running: dict[str, threading.Event] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._asking = 0  # questions to DBOS that are being answered
        self._closed = threading.Event()
        self._closed.set()
        self.work: Work | None = None

    def start(self, work: Work) -> None:
        """Goes on with what a former process left."""
        global _queue  # noqa: PLW0603
        self.work = work
        _queue = self
        url = self._url
        engine = connect(url, patience=_PATIENCE_SECONDS)
        if shared(engine):
            sa.event.listen(engine, "do_connect", self._patiently)
        config: DBOSConfig = {
            "name": "whisper",
            "application_version": _VERSION,
            "executor_id": self.executor,
            "system_database_url": url,
            "system_database_engine": engine,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": _SCHEDULES_SECONDS,
        }
        logging.getLogger("dbos").addFilter(_not_of_a_cancelled_job)
        with one_at_a_time(engine, "dbos"):
            self._dbos = DBOS(config=config)
            # Else every second, for delays and time limits, which no job has.
            _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = _SWEEP_SECONDS
            DBOS.launch()
            DBOS.register_queue(
                _QUEUE, worker_concurrency=self._slots, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
            )
        self._closed.clear()

    def _patiently(self, dialect: sa.Dialect, _: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A connection for DBOS, awaited while the database is away. DBOS would wait, too, but twice as long after each
        failure, up to a minute and a half; one that never sees a failure goes on as soon as there is a database."""
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if self._closed.wait(AGAIN_SECONDS):
                    raise

    @property
    def _open(self) -> bool:
        return not self._closed.is_set()

    def hand_over(self, within: float = 5.0) -> None:
        """Jobs stop where they are and stay in the queue; from now on nothing is taken out of it here."""
        self._stopping = True
        self.drop(self._running)
        end = time.monotonic() + within
        with self._changed:
            while (self._running or self._asking) and time.monotonic() < end:
                self._changed.wait(0.1)
            was_open = self._open
            self._closed.set()
        if was_open:
            DBOS.destroy(workflow_completion_timeout_sec=0)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[bool]:
        """Whether DBOS is there; if so it stays until the question is answered, though the node hands over."""
        with self._changed:
            answers = self._open
            self._asking += answers
        try:
            yield answers
        finally:
            with self._changed:
                self._asking -= answers
                self._changed.notify_all()

    def stop(self) -> None:
        self.hand_over()
        self._lock.close()

    @property
    def running(self) -> list[str]:
        return list(self._running)

    def drop(self, job_ids: Iterable[str]) -> None:
        """Stops these where they are: they were cancelled, or belong to somebody else."""
        for job_id in list(job_ids):
            stop = self._running.get(job_id)
            if stop is not None:
                stop.set()

    def owners(self) -> set[str]:
        """The processes that have started jobs, by the queue's own book."""
        with self._asked() as answers:
            rows = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False) if answers else []
        return {row.executor_id for row in rows if row.executor_id}

    def recover(self, executor: str) -> None:
        """Queues the jobs again that a dead process had started."""
        with self._asked() as answers:
            if answers:
                # Not public, here and below: DBOS sells it as a service. The public `resume_workflows` starts a job
                # from nothing. The version is pinned, and tests/cluster kill, freeze and cut off nodes.
                self._dbos._recover_pending_workflows([executor])

    def _again(self, job_id: str) -> None:
        """Queues a job again that stopped here though this node works on: it was begun while the others took the node
        for dead, or before they did. Nothing happens where they have queued it already, and to one that has ended."""
        with self._asked() as answers:
            if answers and not self._stopping:
                self._dbos._sys_db.reenqueue_for_recovery(job_id, [self.executor], _QUEUE)

    def submit(self, job_id: str, lane: Lane) -> None:
        """Stored when it returns. Harmless to repeat. A node that hands over leaves it to the others, who look for
        what nobody has taken."""
        with self._asked() as answers, SetWorkflowID(job_id):
            if not answers:
                return
            if len(self._running) < self._slots and not self._stopping:
                DBOS.start_workflow(_job, job_id)  # at once: the queue would first have to be polled
            else:
                with SetEnqueueOptions(priority=_PRIORITY[lane]):
                    DBOS.enqueue_workflow(_QUEUE, _job, job_id)

    def cancel(self, job_id: str) -> None:
        self.drop((job_id,))
        with self._asked() as answers:
            if answers:
                DBOS.cancel_workflow(job_id)

    def forget(self, job_id: str) -> None:
        """Removes every trace of an ended or cancelled job."""
        with self._asked() as answers:
            if answers:
                DBOS.delete_workflow(job_id)

    def known(self, job_ids: list[str]) -> dict[str, bool]:
        """Of these, the stored ones: True where it waits or runs, False where it ended."""
        if not job_ids:
            return {}
        with self._asked() as answers:
            rows = DBOS.list_workflows(workflow_ids=job_ids, load_input=False, load_output=False) if answers else []
        return {row.workflow_id: row.status in ("ENQUEUED", "DELAYED", "PENDING") for row in rows}

    def run(self, job_id: str) -> None:
        assert self.work is not None
        with self._changed:
            # A node that was taken for dead may get its own job back before it has let go of it.
            while job_id in self._running:
                self._changed.wait(0.1)
            stop = self._running[job_id] = threading.Event()
        if self._stopping:
            stop.set()
        begun = False
        try:
            self.work.await_room(job_id, stop)
            begun = self.work.begin(job_id, stop)
            if begun:
                for stage in STAGES:
                    if not self._run_stage(stage, job_id, stop):
                        break
        except Stopped:
            if begun:  # while it waited it was nobody's; a try that never began does not count
                self.work.release(job_id)
            self._again(job_id)
            # DBOS records no outcome for this one exception: the job runs again, here or elsewhere.
            raise error.DBOSWorkflowCancelledError(job_id) from None
        except Exception:
            _log.exception("job failed", extra={"job": job_id})
            try:
                self.work.fail_for_good(job_id, internal_error(), stop)
            except Stopped:
                self._again(job_id)
                raise error.DBOSWorkflowCancelledError(job_id) from None
        finally:
            self.work.left(job_id)
            with self._changed:
                self._running.pop(job_id, None)
                self._changed.notify_all()

    def _run_stage(self, stage: str, job_id: str, stop: threading.Event) -> bool:
        """No step of DBOS: what a stage has done stands in the job's own rows, and a second record of it, with its
        questions before and after, would cost as much as the stage."""
        assert self.work is not None
        for wait in _STAGE_AGAIN_SECONDS:
            try:
                return self.work.stage(stage, job_id, stop)
            except Stopped:
                raise
            except Exception:
                _log.warning("a stage failed and is tried again", exc_info=True, extra={"job": job_id})
                stop.wait(wait)
        return self.work.stage(stage, job_id, stop)


_queue: DurableQueue | None = None


# Tries are counted in the job's row, where finished windows reset them; DBOS's own count would give up a long job
# that had only lived through a few restarts.
@DBOS.workflow(name="job", max_recovery_attempts=None, serialization_type=WorkflowSerializationFormat.PORTABLE)
def _job(job_id: str) -> None:
    assert _queue is not None
    _queue.run(job_id)


def _mark(path: Path) -> str:
    if not path.exists():
        path.write_text(f"node-{uuid.uuid4().hex[:12]}")
    return path.read_text().strip()


class _only_process:  # noqa: N801
    """Holds a lock file for this process's life: two servers in one data folder would both run the same jobs."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(0)
            self._file.write(str(os.getpid()))  # for `drain`
            self._file.flush()
        except OSError:
            self._file.close()
            raise SettingsError(
                f"WHISPER_DATA_DIR: {path.parent} is in use by another server; stop it or choose another folder"
            ) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _not_of_a_cancelled_job(record: logging.LogRecord) -> bool:
    """Somebody cancelled it, which is no error; DBOS logs one, with its traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], _CANCELLED))
