"""What running a job needs: taking it over, saving its windows, ending it. Every write is safe to repeat."""

from __future__ import annotations

import sqlalchemy as sa

from ..types import Failure, Job, JobState, Plan, WindowResult
from . import codec
from .rows import COLUMNS, UNFINISHED, Rows, job_of

# Only who holds the job may write to it: one that was cancelled, deleted or taken over stays as it is.
_MINE = "id = :id AND state = 'running' AND executor = :executor"


class RunStore(Rows):
    def get(self, job_id: str) -> Job | None:
        """Without the text so far."""
        rows = self._read(f"SELECT {COLUMNS} FROM jobs WHERE id = :id", id=job_id)  # noqa: S608
        return job_of(rows[0]) if rows else None

    def unfinished(self) -> list[Job]:
        return [job_of(row) for row in self._read(f"SELECT {COLUMNS} FROM jobs WHERE {UNFINISHED}")]  # noqa: S608

    def tries(self, job_id: str) -> int | None:
        """How many times an unfinished job was taken without finishing a window; None: it has ended."""
        rows = self._read(f"SELECT attempts FROM jobs WHERE id = :id AND {UNFINISHED}", id=job_id)  # noqa: S608
        return int(rows[0].attempts) if rows else None

    def claim(self, job_id: str, executor: str) -> bool:
        """Takes an unfinished job over, and counts the try."""
        return bool(
            self._write(
                f"UPDATE jobs SET executor = :executor, attempts = attempts + 1 WHERE id = :id AND {UNFINISHED}",  # noqa: S608
                id=job_id,
                executor=executor,
            )
        )

    def release(self, job_id: str, executor: str) -> None:
        """An orderly stop is no failed try."""
        self._write(
            f"UPDATE jobs SET attempts = 0 WHERE id = :id AND executor = :executor AND {UNFINISHED}",  # noqa: S608
            id=job_id,
            executor=executor,
        )

    def running(self, job_id: str, executor: str, now: float) -> bool:
        """The engine takes it up; False when the job was cancelled or belongs to somebody else."""
        return bool(
            self._write(
                "UPDATE jobs SET state = 'running', started = COALESCE(started, :now) "  # noqa: S608
                f"WHERE id = :id AND executor = :executor AND {UNFINISHED}",
                id=job_id,
                executor=executor,
                now=now,
            )
        )

    def save_plan(self, job_id: str, executor: str, plan: Plan) -> bool:
        return bool(
            self._write(
                "UPDATE jobs SET plan = :plan, duration = :duration, language = :language, complete = :complete "  # noqa: S608
                f"WHERE {_MINE}",
                id=job_id,
                executor=executor,
                plan=codec.dump_plan(plan),
                duration=plan.duration,
                language=plan.language,
                complete=int(plan.complete),
            )
        )

    def plan(self, job_id: str) -> Plan | None:
        rows = self._read("SELECT plan FROM jobs WHERE id = :id AND plan IS NOT NULL", id=job_id)
        return codec.load_plan(rows[0].plan) if rows else None

    def saved_windows(self, job_id: str) -> set[int]:
        return {row.position for row in self._read("SELECT position FROM windows WHERE job_id = :id", id=job_id)}

    def results(self, job_id: str, plan: Plan) -> list[WindowResult]:
        """The windows saved so far."""
        rows = self._read("SELECT position, segments FROM windows WHERE job_id = :id", id=job_id)
        return [WindowResult(plan.windows[row.position], tuple(codec.load_segments(row.segments))) for row in rows]

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
                f"WHERE id = :id AND {UNFINISHED}",
                id=job_id,
                state=state.value,
                failure=codec.dump_failure(failure),
                text=self._joined(job_id),
                now=now,
            )
        )
