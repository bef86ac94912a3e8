"""The only door to DBOS: a durable queue of job ids that survives kill -9 and goes on at the stage it had reached.

DBOS is one per process, so is this queue. What to do with a job comes from `Work`; here is when, how often and where.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import Final

from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    WorkflowSerializationFormat,
    error,
)

from ..database import connect, sqlite_url
from ..settings import SettingsError
from ..types import Failure, Lane
from .work import Stopped, Work

STAGES: Final = ("plan", "decode", "finish")
_QUEUE: Final = "jobs"
# Changed only when a new release cannot go on with stored jobs; DBOS's default hashes the code, and every upgrade
# would abandon what waits.
_VERSION: Final = "jobs-1"
_PRIORITY: Final = {Lane.INTERACTIVE: 1, Lane.API: 10, Lane.BULK: 100}
_POLL_SECONDS: Final = 1.0  # for what found no place when it came; every look costs a hundredth of a core
_log = logging.getLogger(__name__)


class DurableQueue:
    """Blocking: from the event loop call it in a thread. `slots` jobs run at once; the engine shares the devices."""

    def __init__(self, folder: Path, database_url: str = "", slots: int = 32) -> None:
        self._folder = folder
        self._url = database_url or sqlite_url(folder / "queue.sqlite")
        self._slots = slots
        self._lock = _only_process(folder / "server.lock")
        # The same after a restart, so that a node goes on with its own jobs; another one for every node.
        self.executor: Final = _node_name(folder / "node") if database_url else "node"
        self._running: dict[str, threading.Event] = {}
        self._stopping = False
        self.work: Work | None = None

    def start(self, work: Work) -> None:
        """Goes on with what a former process left."""
        global _queue  # noqa: PLW0603
        self.work = work
        _queue = self
        url = self._url
        config: DBOSConfig = {
            "name": "whisper",
            "application_version": _VERSION,
            "executor_id": self.executor,
            "system_database_url": url,
            "system_database_engine": connect(url),
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
        }
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(
            _QUEUE, worker_concurrency=self._slots, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
        )

    def stop(self, within: float = 5.0) -> None:
        """Jobs stop where they are and stay in the queue."""
        self._stopping = True
        for stop in list(self._running.values()):
            stop.set()
        end = time.monotonic() + within
        while self._running and time.monotonic() < end:
            time.sleep(0.02)
        DBOS.destroy(workflow_completion_timeout_sec=0)
        self._lock.close()

    def submit(self, job_id: str, lane: Lane) -> None:
        """Stored when it returns. Harmless to repeat."""
        with SetWorkflowID(job_id):
            if len(self._running) < self._slots and not self._stopping:
                DBOS.start_workflow(_job, job_id)  # at once: the queue would first have to be polled
            else:
                with SetEnqueueOptions(priority=_PRIORITY[lane]):
                    DBOS.enqueue_workflow(_QUEUE, _job, job_id)

    def cancel(self, job_id: str) -> None:
        stop = self._running.get(job_id)
        if stop is not None:
            stop.set()
        DBOS.cancel_workflow(job_id)

    def forget(self, job_id: str) -> None:
        """Removes every trace of an ended or cancelled job."""
        DBOS.delete_workflow(job_id)

    def known(self, job_ids: list[str]) -> dict[str, bool]:
        """Of these, the stored ones: True where it waits or runs, False where it ended."""
        if not job_ids:
            return {}
        rows = DBOS.list_workflows(workflow_ids=job_ids, load_input=False, load_output=False)
        return {row.workflow_id: row.status in ("ENQUEUED", "DELAYED", "PENDING") for row in rows}

    def run(self, job_id: str) -> None:
        assert self.work is not None
        stop = self._running[job_id] = threading.Event()
        if self._stopping:
            stop.set()
        try:
            self.work.await_room(job_id, stop)
            if self.work.begin(job_id, stop):
                for stage in STAGES:
                    if not _stage(stage, job_id):
                        break
        except error.DBOSWorkflowCancelledError:
            self.work.release(job_id)
            raise
        except Stopped:  # while it waited; a try that never began does not count
            raise error.DBOSWorkflowCancelledError(job_id) from None
        except Exception:
            _log.exception("job failed", extra={"job": job_id})
            self.work.fail(
                job_id,
                Failure(
                    "internal_error",
                    zh="服务内部错误，未能完成转写。请重试；若仍失败，请联系管理员查看日志。",
                    en="The service failed inside and could not finish. Try again; "
                    "if it fails again, ask the administrator to look at the log.",
                ),
            )
        finally:
            self.work.left(job_id)
            self._running.pop(job_id, None)

    def run_stage(self, stage: str, job_id: str) -> bool:
        assert self.work is not None
        try:
            return self.work.stage(stage, job_id, self._running[job_id])
        except Stopped:
            # DBOS records no outcome for this one exception: the stage runs again where the job goes on.
            raise error.DBOSWorkflowCancelledError(job_id) from None


_queue: DurableQueue | None = None


@DBOS.step(name="stage", retries_allowed=True, max_attempts=3, interval_seconds=0.5)
def _stage(stage: str, job_id: str) -> bool:
    assert _queue is not None
    return _queue.run_stage(stage, job_id)


# Tries are counted in the job's row, where finished windows reset them; DBOS's own count would give up a long job
# that had only lived through a few restarts.
@DBOS.workflow(name="job", max_recovery_attempts=None, serialization_type=WorkflowSerializationFormat.PORTABLE)
def _job(job_id: str) -> None:
    assert _queue is not None
    _queue.run(job_id)


def _node_name(path: Path) -> str:
    if not path.exists():
        path.write_text(f"node-{uuid.uuid4().hex[:12]}")
    return path.read_text().strip()


class _only_process:  # noqa: N801
    """Holds a lock file for this process's life: two servers in one data folder would both run the same jobs."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise SettingsError(
                f"WHISPER_DATA_DIR: {path.parent} is in use by another server; stop it or choose another folder"
            ) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
