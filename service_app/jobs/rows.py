"""The tables of jobs, and how a row becomes a `Job`. store.py, runs.py and figures.py ask the questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from ..database import away, migrate, shared, sql
from ..types import Job, JobState, Lane
from . import codec
from .length import BYTES_A_SECOND

MIGRATIONS: Final = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, lane TEXT NOT NULL,
        options TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, finished DOUBLE PRECISION,
        progress DOUBLE PRECISION NOT NULL DEFAULT 0, duration DOUBLE PRECISION, language TEXT, plan TEXT,
        failure TEXT, text TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0, executor TEXT
    );
    CREATE INDEX jobs_history ON jobs (owner, created);
    CREATE INDEX jobs_state ON jobs (state);
    CREATE TABLE windows (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
        segments TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (job_id, position)
    )
    """,
    """
    ALTER TABLE jobs ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN fingerprint TEXT;
    ALTER TABLE jobs ADD COLUMN key_id TEXT;
    ALTER TABLE jobs ADD COLUMN webhook TEXT;
    ALTER TABLE jobs ADD COLUMN webhook_tries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN webhook_next DOUBLE PRECISION;
    CREATE INDEX jobs_fingerprint ON jobs (fingerprint);
    CREATE INDEX jobs_finished ON jobs (finished);
    CREATE INDEX jobs_webhook ON jobs (webhook_next) WHERE webhook IS NOT NULL;
    CREATE TABLE edits (job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, segments TEXT NOT NULL);
    CREATE TABLE job_log (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, at DOUBLE PRECISION NOT NULL,
        event TEXT NOT NULL, detail TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX job_log_job ON job_log (job_id, at)
    """,
    """
    ALTER TABLE jobs ADD COLUMN complete INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE jobs ADD COLUMN source TEXT;
    CREATE INDEX jobs_source ON jobs (source)
    """,
    # What deleted jobs cost their keys: deleting gives no minutes back.
    """
    CREATE TABLE spent (key_id TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, seconds DOUBLE PRECISION NOT NULL);
    CREATE INDEX spent_key ON spent (key_id, created)
    """,
    """
    CREATE TABLE open_windows (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
        seconds DOUBLE PRECISION NOT NULL, tries INTEGER NOT NULL DEFAULT 0, claimed_by TEXT,
        PRIMARY KEY (job_id, position)
    );
    CREATE INDEX open_windows_free ON open_windows (job_id, position) WHERE claimed_by IS NULL;
    CREATE INDEX open_windows_claimed ON open_windows (claimed_by) WHERE claimed_by IS NOT NULL;
    CREATE INDEX jobs_executor ON jobs (executor) WHERE state IN ('queued', 'running');
    CREATE TABLE nodes (
        executor TEXT PRIMARY KEY, name TEXT NOT NULL, home TEXT NOT NULL, beat BIGINT NOT NULL DEFAULT 0,
        devices INTEGER NOT NULL DEFAULT 0, speed DOUBLE PRECISION, draining INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE callers (
        subject TEXT NOT NULL, executor TEXT NOT NULL REFERENCES nodes (executor) ON DELETE CASCADE,
        PRIMARY KEY (subject, executor)
    );
    CREATE TABLE leases (name TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)
    """,
    # Of a job's windows on the board, those that nobody has claimed (board.py).
    """
    ALTER TABLE jobs ADD COLUMN free INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET free = (SELECT count(*) FROM open_windows WHERE job_id = jobs.id AND claimed_by IS NULL)
    WHERE state = 'running'
    """,
    # Seconds of recording a day of the key that pays for the job; 0: no limit (minutes.py).
    "ALTER TABLE jobs ADD COLUMN allowance DOUBLE PRECISION NOT NULL DEFAULT 0",
    # How many seconds the recording seems to have (length.py), until its duration is known.
    "ALTER TABLE jobs ADD COLUMN likely DOUBLE PRECISION",
)
COLUMNS: Final = (
    "id, owner, name, state, options, lane, created, started, finished, progress, duration, language, failure, text, "
    "size, version, edited, complete, source"
)
UNFINISHED: Final = "state IN ('queued', 'running')"
EXPECTED: Final = f"COALESCE(duration, likely, size / {BYTES_A_SECOND}.0)"  # seconds of recording, as far as is known
AGAIN_SECONDS: Final = 0.5  # between two tries while the database is away
T = TypeVar("T")


class Rows:
    """Blocking, thread-safe. Every write is safe to repeat."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        # Rows that another node holds are passed over; SQLite has one writer anyway.
        self._shared: Final = shared(engine)
        self._unlocked: Final = " FOR UPDATE SKIP LOCKED" if self._shared else ""
        migrate(engine, "jobs", MIGRATIONS)

    def _write(self, statement: str, **values: Any) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(sql(statement), values).rowcount)

    def _read(self, statement: str, **values: Any) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(sql(statement), values).all())

    def _joined(self, job_id: str) -> str:
        with self._engine.connect() as connection:
            return recognised_text(connection, job_id)

    def lasting(self, write: Callable[[], T], stopped: Callable[[], bool]) -> T | None:
        """The outcome of a write, awaited while the database is away; None when `stopped` comes first."""
        while True:
            try:
                return write()
            except sa.exc.SQLAlchemyError as error:
                if not away(error):
                    raise
            if stopped():
                return None
            time.sleep(AGAIN_SECONDS)

    def note(self, job_id: str, at: float, event: str, detail: str = "", *, executor: str | None = None) -> None:
        """A line of the job's own log; never text or names. Of a job that is gone nothing is noted, nor (`executor`)
        of one that this node no longer has."""
        with self._engine.begin() as connection:
            note(connection, job_id, at, event, detail, executor=executor)


def note(
    connection: sa.Connection, job_id: str, at: float, event: str, detail: str = "", *, executor: str | None = None
) -> None:
    """The same in a transaction that writes more: each commit waits for the disk."""
    connection.execute(
        sql(
            "INSERT INTO job_log (job_id, at, event, detail) "
            "SELECT id, CAST(:at AS DOUBLE PRECISION), CAST(:event AS TEXT), CAST(:detail AS TEXT) FROM jobs "
            "WHERE id = :id AND (CAST(:executor AS TEXT) IS NULL OR executor = :executor)"
        ),
        {"id": job_id, "executor": executor, "at": at, "event": event, "detail": detail},
    )


def taken_up(connection: sa.Connection, job_id: str, executor: str, now: float) -> bool:
    """The engine works on it from now on; False when it was cancelled or belongs to somebody else. Locks its row."""
    taken = connection.execute(
        sql(
            "UPDATE jobs SET state = 'running', started = COALESCE(started, :now) "  # noqa: S608
            f"WHERE id = :id AND executor = :executor AND {UNFINISHED}"
        ),
        {"id": job_id, "executor": executor, "now": now},
    )
    return bool(taken.rowcount)


def recognised_text(connection: sa.Connection, job_id: str) -> str:
    rows = connection.execute(
        sql("SELECT text FROM windows WHERE job_id = :id ORDER BY position"), {"id": job_id}
    ).all()
    return "".join(row.text for row in rows).strip()


def job_of(row: sa.Row[Any], text: str | None = None) -> Job:
    return Job(
        id=row.id,
        owner=row.owner,
        name=row.name,
        state=JobState(row.state),
        options=codec.load_options(row.options),
        lane=Lane(row.lane),
        created=row.created,
        started=row.started,
        finished=row.finished,
        progress=row.progress,
        duration=row.duration,
        language=row.language,
        failure=codec.load_failure(row.failure),
        text=row.text if text is None else text,
        size=row.size,
        version=row.version,
        edited=bool(row.edited),
        complete=bool(row.complete),
        source=row.source,
    )
