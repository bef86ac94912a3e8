"""The rows of jobs and of their finished windows: what users see, and what a restart goes on from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..database import migrate
from ..types import Failure, Job, JobState, Lane, Plan, Segment, WindowResult
from . import codec

_MIGRATIONS = (
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
)
_COLUMNS = (
    "id, owner, name, state, options, lane, created, started, finished, progress, duration, language, failure, text"
)
_UNFINISHED = "state IN ('queued', 'running')"
# Only who holds the job may write to it: one that was cancelled, deleted or taken over stays as it is.
_MINE = "id = :id AND state = 'running' AND executor = :executor"


class JobStore:
    """Blocking, thread-safe. Every write is safe to repeat."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        migrate(engine, "jobs", _MIGRATIONS)

    def _write(self, sql: str, **values: Any) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(sa.text(sql), values).rowcount)

    def _read(self, sql: str, **values: Any) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(sql), values).all())

    # What users ask for

    def add(self, job: Job) -> None:
        self._write(
            "INSERT INTO jobs (id, owner, name, state, lane, options, created) "
            "VALUES (:id, :owner, :name, :state, :lane, :options, :created) ON CONFLICT DO NOTHING",
            id=job.id,
            owner=job.owner,
            name=job.name,
            state=job.state.value,
            lane=job.lane.value,
            options=codec.dump_options(job.options),
            created=job.created,
        )

    def get(self, job_id: str) -> Job | None:
        """With the text so far where the job still runs."""
        rows = self._read(f"SELECT {_COLUMNS} FROM jobs WHERE id = :id", id=job_id)  # noqa: S608
        if not rows:
            return None
        text = None
        if not JobState(rows[0].state).final:
            text = self._joined(job_id)
        return _job(rows[0], text)

    def history(self, owner: str, limit: int, search: str) -> list[Job]:
        """Newest first; `search` looks for a piece of the name or of the text."""
        pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = self._read(
            f"SELECT {_COLUMNS} FROM jobs WHERE owner = :owner AND (:search = '' "  # noqa: S608
            "OR lower(name) LIKE lower(:pattern) ESCAPE '\\' OR lower(text) LIKE lower(:pattern) ESCAPE '\\') "
            "ORDER BY created DESC, id LIMIT :limit",
            owner=owner,
            search=search,
            pattern=f"%{pattern}%",
            limit=limit,
        )
        return [_job(row) for row in rows]

    def segments(self, job_id: str) -> list[Segment]:
        rows = self._read("SELECT segments FROM windows WHERE job_id = :id ORDER BY position", id=job_id)
        return [segment for row in rows for segment in codec.load_segments(row.segments)]

    def delete(self, job_id: str) -> None:
        self._write("DELETE FROM jobs WHERE id = :id", id=job_id)

    def counts(self) -> dict[str, int]:
        return {row.state: row.n for row in self._read("SELECT state, count(*) AS n FROM jobs GROUP BY state")}

    # What running a job needs

    def unfinished(self) -> list[Job]:
        return [_job(row) for row in self._read(f"SELECT {_COLUMNS} FROM jobs WHERE {_UNFINISHED}")]  # noqa: S608

    def claim(self, job_id: str, executor: str) -> int:
        """Takes an unfinished job over; how many times it was taken without finishing a window. 0: nothing to do."""
        self._write(
            f"UPDATE jobs SET executor = :executor, attempts = attempts + 1 WHERE id = :id AND {_UNFINISHED}",  # noqa: S608
            id=job_id,
            executor=executor,
        )
        rows = self._read(f"SELECT attempts FROM jobs WHERE id = :id AND {_UNFINISHED}", id=job_id)  # noqa: S608
        return int(rows[0].attempts) if rows else 0

    def release(self, job_id: str, executor: str) -> None:
        """An orderly stop is no failed try."""
        self._write(
            f"UPDATE jobs SET attempts = 0 WHERE id = :id AND executor = :executor AND {_UNFINISHED}",  # noqa: S608
            id=job_id,
            executor=executor,
        )

    def running(self, job_id: str, executor: str, now: float) -> bool:
        """The engine takes it up; False when the job was cancelled or belongs to somebody else."""
        return bool(
            self._write(
                "UPDATE jobs SET state = 'running', started = COALESCE(started, :now) "  # noqa: S608
                f"WHERE id = :id AND executor = :executor AND {_UNFINISHED}",
                id=job_id,
                executor=executor,
                now=now,
            )
        )

    def save_plan(self, job_id: str, executor: str, plan: Plan) -> bool:
        return bool(
            self._write(
                f"UPDATE jobs SET plan = :plan, duration = :duration, language = :language WHERE {_MINE}",  # noqa: S608
                id=job_id,
                executor=executor,
                plan=codec.dump_plan(plan),
                duration=plan.duration,
                language=plan.language,
            )
        )

    def plan(self, job_id: str) -> Plan | None:
        rows = self._read("SELECT plan FROM jobs WHERE id = :id AND plan IS NOT NULL", id=job_id)
        return codec.load_plan(rows[0].plan) if rows else None

    def saved_windows(self, job_id: str) -> set[int]:
        return {row.position for row in self._read("SELECT position FROM windows WHERE job_id = :id", id=job_id)}

    def save_window(self, job_id: str, executor: str, result: WindowResult, progress: float) -> bool:
        """Text and progress in one transaction; False when the job is no longer ours."""
        with self._engine.begin() as connection:
            mine = connection.execute(
                sa.text(f"UPDATE jobs SET progress = :progress, attempts = 0 WHERE {_MINE}"),  # noqa: S608
                {"id": job_id, "executor": executor, "progress": progress},
            )
            if not mine.rowcount:
                return False
            connection.execute(
                sa.text(
                    "INSERT INTO windows (job_id, position, segments, text) VALUES (:id, :position, :segments, :text) "
                    "ON CONFLICT (job_id, position) DO UPDATE SET segments = excluded.segments, text = excluded.text"
                ),
                {
                    "id": job_id,
                    "position": result.window.index,
                    "segments": codec.dump_segments(result.segments),
                    "text": "".join(segment.text for segment in result.segments),
                },
            )
        return True

    def finish(self, job_id: str, executor: str, now: float) -> bool:
        return bool(
            self._write(
                f"UPDATE jobs SET state = 'done', progress = 1, text = :text, finished = :now WHERE {_MINE}",  # noqa: S608
                id=job_id,
                executor=executor,
                text=self._joined(job_id),
                now=now,
            )
        )

    def end(self, job_id: str, state: JobState, now: float, failure: Failure | None = None) -> bool:
        """Fails or cancels an unfinished job; the text saved so far stays. False when it had ended already."""
        return bool(
            self._write(
                f"UPDATE jobs SET state = :state, failure = :failure, text = :text, finished = :now "  # noqa: S608
                f"WHERE id = :id AND {_UNFINISHED}",
                id=job_id,
                state=state.value,
                failure=codec.dump_failure(failure),
                text=self._joined(job_id),
                now=now,
            )
        )

    def _joined(self, job_id: str) -> str:
        rows = self._read("SELECT text FROM windows WHERE job_id = :id ORDER BY position", id=job_id)
        return "".join(row.text for row in rows).strip()


def _job(row: sa.Row[Any], text: str | None = None) -> Job:
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
    )
