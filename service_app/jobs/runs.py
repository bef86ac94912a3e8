"""What running a job needs: taking it over, planning it, ending it. Every write is safe to repeat, and asks in the same
statement whether the writer still has the job. Its windows are on the board (board.py)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import sqlalchemy as sa

from ..database import sql
from ..engine.transcript import carried
from ..types import Failure, Job, JobState, Lane, Plan, WindowResult
from . import codec, minutes
from .rows import COLUMNS, UNFINISHED, Rows, job_of, note, recognised_text, taken_up

_CARRIED = 16  # windows before one, whose text it may go on from: models take 223 tokens, of a full window some 60
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

    def claim(self, job_id: str, executor: str, now: float | None = None) -> bool:
        """Takes an unfinished job over, and counts the try; `now`: the engine takes it up at once. False when it has
        ended, when another living node has it, and when this one is not registered (any more)."""
        with self._engine.begin() as connection:
            claimed = connection.execute(
                sql(
                    "UPDATE jobs SET executor = :executor, attempts = attempts + 1 "  # noqa: S608
                    f"WHERE id = :id AND {UNFINISHED} "
                    "AND EXISTS (SELECT 1 FROM nodes WHERE executor = :executor AND beat >= 0) "
                    "AND (executor IS NULL OR executor = :executor "
                    "OR executor NOT IN (SELECT executor FROM nodes WHERE beat >= 0))"
                ),
                {"id": job_id, "executor": executor},
            )
            if claimed.rowcount and now is not None:
                taken_up(connection, job_id, executor, now)
            return bool(claimed.rowcount)

    def release(self, job_id: str, executor: str) -> None:
        """An orderly stop is no failed try."""
        self._write(
            f"UPDATE jobs SET attempts = 0, executor = NULL WHERE id = :id AND executor = :executor AND {UNFINISHED}",  # noqa: S608
            id=job_id,
            executor=executor,
        )

    def move(self, job_id: str, lane: Lane) -> bool:
        """False for a job that has ended: it stays as it is."""
        return bool(
            self._write(
                f"UPDATE jobs SET lane = :lane WHERE id = :id AND {UNFINISHED}",  # noqa: S608
                id=job_id,
                lane=lane.value,
            )
        )

    def running(self, job_id: str, executor: str, now: float) -> bool:
        """The engine takes it up; False when the job was cancelled or belongs to somebody else."""
        with self._engine.begin() as connection:
            return taken_up(connection, job_id, executor, now)

    def save_plan(self, job_id: str, executor: str, plan: Plan, now: float) -> bool:
        """And a line in the job's log. Raises `Busy` when the key that pays has used up its day meanwhile: then
        nothing is saved."""
        with self._engine.begin() as connection:
            paid = connection.execute(
                sql(
                    "UPDATE jobs SET plan = :plan, duration = :duration, language = :language, "  # noqa: S608
                    f"complete = :complete WHERE {_MINE} RETURNING key_id, allowance, created"
                ),
                {
                    "id": job_id,
                    "executor": executor,
                    "plan": codec.dump_plan(plan),
                    "duration": plan.duration,
                    "language": plan.language,
                    "complete": int(plan.complete),
                },
            ).first()
            if paid is not None and paid.allowance:
                minutes.require(connection, paid.key_id, paid.allowance, paid.created, settled=True, but=job_id)
            if paid is not None:
                note(connection, job_id, now, "planned", _told(plan))
        return paid is not None

    def plan(self, job_id: str) -> Plan | None:
        rows = self._read("SELECT plan FROM jobs WHERE id = :id AND plan IS NOT NULL", id=job_id)
        return codec.load_plan(rows[0].plan) if rows else None

    def held(self, job_ids: Collection[str], executor: str) -> set[str]:
        """Of these, the unfinished ones that this node has, or nobody."""
        asked = sa.text(
            f"SELECT id FROM jobs WHERE id IN :ids AND {UNFINISHED} "  # noqa: S608
            "AND (executor IS NULL OR executor = :executor)"
        ).bindparams(sa.bindparam("ids", type_=sa.String(), expanding=True))
        with self._engine.connect() as connection:
            return set(connection.execute(asked, {"ids": list(job_ids), "executor": executor}).scalars())

    def standing(self, job_id: str, executor: str) -> tuple[int, int] | None:
        """How many times it was taken without finishing a window, and how many windows it still has on the board; None:
        it has ended, or another node has it."""
        rows = self._read(
            "SELECT attempts, (SELECT count(*) FROM open_windows WHERE job_id = :id) AS windows FROM jobs "  # noqa: S608
            f"WHERE id = :id AND {UNFINISHED} AND (executor IS NULL OR executor = :executor)",
            id=job_id,
            executor=executor,
        )
        return (int(rows[0].attempts), int(rows[0].windows)) if rows else None

    def results(self, job_id: str, plan: Plan) -> list[WindowResult]:
        """The windows saved so far; without words."""
        rows = self._read("SELECT position, segments FROM windows WHERE job_id = :id", id=job_id)
        return _results(rows, plan)

    def carried(self, job_id: str, position: int) -> tuple[int, ...]:
        """Tokens of the text before a window, as many as a model takes."""
        rows = self._read(
            "SELECT segments FROM windows WHERE job_id = :id AND position < :position "
            "ORDER BY position DESC LIMIT :most",
            id=job_id,
            position=position,
            most=_CARRIED,
        )
        return carried(s for row in reversed(rows) for s in codec.load_segments(row.segments, words=False))

    def orphans(self, since: float, before: float) -> list[Job]:
        """Accepted between these moments, and no node has taken them; the newest thousand."""
        rows = self._read(
            f"SELECT {COLUMNS} FROM jobs WHERE state = 'queued' AND executor IS NULL "  # noqa: S608
            "AND created > :since AND created < :before ORDER BY created DESC LIMIT 1000",
            since=since,
            before=before,
        )
        return [job_of(row) for row in rows]

    def finish(
        self, job_id: str, executor: str, now: float, plan: Plan, report: Callable[[Sequence[WindowResult]], str]
    ) -> bool:
        """The job is done, and its log says so, after what `report` says about its windows. False while windows are
        open, and when the job is no longer ours."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                sql("SELECT position, segments, text FROM windows WHERE job_id = :id ORDER BY position"), {"id": job_id}
            ).all()
            done = connection.execute(
                sql(
                    "UPDATE jobs SET state = 'done', progress = 1, text = :text, finished = :now "  # noqa: S608
                    f"WHERE {_MINE} AND NOT EXISTS (SELECT 1 FROM open_windows WHERE job_id = :id)"
                ),
                {"id": job_id, "executor": executor, "now": now, "text": "".join(row.text for row in rows).strip()},
            )
            if not done.rowcount:
                return False
            note(connection, job_id, now, "coverage", report(_results(rows, plan)))
            note(connection, job_id, now + 1e-6, "done")  # the log is read by its times
        return True

    def end(
        self,
        job_id: str,
        state: JobState,
        now: float,
        failure: Failure | None = None,
        *,
        executor: str | None = None,
        position: int | None = None,
    ) -> bool:
        """Fails or cancels an unfinished job; the text saved so far stays, no window is open any more.

        `executor`: only if this node has the job, or the job's window at `position`. False when not, or when the job
        had ended already."""
        whose = ""
        if position is not None:
            whose = (
                " AND EXISTS (SELECT 1 FROM open_windows "
                "WHERE job_id = :id AND position = :position AND claimed_by = :executor)"
            )
        elif executor is not None:
            whose = " AND executor = :executor"
        with self._engine.begin() as connection:
            ended = connection.execute(
                sql(
                    f"UPDATE jobs SET state = :state, failure = :failure, finished = :now, free = 0 "  # noqa: S608
                    f"WHERE id = :id AND {UNFINISHED}{whose}"
                ),
                {
                    "id": job_id,
                    "state": state.value,
                    "failure": codec.dump_failure(failure),
                    "now": now,
                    "executor": executor,
                    "position": position,
                },
            )
            if not ended.rowcount:
                return False
            connection.execute(sql("DELETE FROM open_windows WHERE job_id = :id"), {"id": job_id})
            text = recognised_text(connection, job_id)
            connection.execute(sql("UPDATE jobs SET text = :text WHERE id = :id"), {"id": job_id, "text": text})
        return True


def _results(rows: Sequence[sa.Row[Any]], plan: Plan) -> list[WindowResult]:
    return [
        WindowResult(plan.windows[row.position], tuple(codec.load_segments(row.segments, words=False))) for row in rows
    ]


def _told(plan: Plan) -> str:
    return (
        f"{plan.duration:.1f} s, {plan.speech_seconds:.1f} s of speech, {len(plan.windows)} windows, "
        f"language {plan.language} ({plan.language_probability:.2f})"
        f"{'' if plan.complete else ', file damaged: a part could not be read'}"
    )
