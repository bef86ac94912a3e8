"""The board of open windows: what is to be decoded, by whoever has a free device.

    post      the job's node puts up what has no text yet
    claim     a node takes some windows of one job; only a registered node can
    save      text in, window off the board: one transaction that does nothing unless the claim still stands
    give_back an orderly stop, a device that is not there: nobody's fault

A window leaves its node's hands when the node is buried (nodes.py), and the board when its job ends (runs.py).

How many windows of a job are free stands in the job's row, so that a look costs by the jobs and not by their windows.
Whoever changes that locks the row first, and only then touches windows: the number is right, and no two wait for each
other in a circle.

The windows of a chain (a job that conditions on the text before) are free one at a time: the first, and the next one
when that is saved.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..characters import kept
from ..database import sql
from ..types import Lane, Plan, Window, WindowResult
from . import codec
from .rows import Rows, note, taken_up

Place = tuple[str, int]  # job, position of the window


@dataclass(frozen=True, slots=True)
class Open:
    """A job with windows that nobody has claimed yet."""

    job_id: str
    owner: str
    lane: Lane
    mine: bool  # whether it runs at the node that asks


class Board(Rows):
    def post(self, job_id: str, executor: str, windows: Sequence[Window], now: float, *, chain: bool = False) -> int:
        """Those without a text; what is on the board already stays with whoever has it. How many there are then, which
        the job's log says, too; -1 when the job has ended or is not this node's: nothing is posted."""
        rows = [{"id": job_id, "position": w.index, "seconds": w.end - w.start} for w in windows]
        with self._engine.begin() as connection:
            if not taken_up(connection, job_id, executor, now):
                return -1
            if rows:
                connection.execute(
                    sql(
                        "INSERT INTO open_windows (job_id, position, seconds) SELECT id, :position, :seconds FROM jobs "
                        "WHERE id = :id AND NOT EXISTS "
                        "(SELECT 1 FROM windows WHERE job_id = :id AND position = :position) ON CONFLICT DO NOTHING"
                    ),
                    rows,
                )
            if chain:
                self._free_next(connection, job_id)
            else:
                connection.execute(
                    sql(
                        "UPDATE jobs SET free = (SELECT count(*) FROM open_windows WHERE job_id = :id "
                        "AND claimed_by IS NULL) WHERE id = :id"
                    ),
                    {"id": job_id},
                )
            left = int(
                connection.execute(
                    sql("SELECT count(*) FROM open_windows WHERE job_id = :id"), {"id": job_id}
                ).scalar_one()
            )
            note(connection, job_id, now, "decoding", f"{len(rows) - left} of {len(rows)} windows were done")
        return left

    def go_on(self, job_id: str) -> bool:
        """Frees the next window of a chain where nobody did: a node of a release that knows of no chains has saved the
        one before. False when there was nothing to do."""
        with self._engine.begin() as connection:
            return self._free(connection, job_id) == 0 and self._free_next(connection, job_id)

    def _free_next(self, connection: sa.Connection, job_id: str) -> bool:
        """The next window of a chain, unless somebody has one; False when there is none. The job's row is locked."""
        freed = connection.execute(
            sql(
                "UPDATE jobs SET free = (SELECT CASE WHEN count(*) > 0 AND count(claimed_by) = 0 "
                "THEN 1 ELSE 0 END FROM open_windows WHERE job_id = :id) "
                "WHERE id = :id AND state = 'running' RETURNING free"
            ),
            {"id": job_id},
        )
        return bool(freed.scalar())

    def left(self, job_id: str) -> int:
        return int(self._read("SELECT count(*) AS n FROM open_windows WHERE job_id = :id", id=job_id)[0].n)

    def open(self, executor: str) -> list[Open]:
        """Oldest first."""
        rows = self._read(
            "SELECT id, owner, lane, executor FROM jobs WHERE state = 'running' AND free > 0 ORDER BY created, id"
        )
        return [Open(row.id, row.owner, Lane(row.lane), row.executor == executor) for row in rows]

    def claim(self, job_id: str, executor: str, most: int, nodes: int = 1) -> list[int]:
        """Positions, the first ones first: `most`, and no more than this node's share of what is free where so many
        nodes take of it (guided self-scheduling, Polychronopoulos and Kuck, 1987), so that all end together."""
        with self._engine.begin() as connection:
            # Who buries this node waits, or is waited for: nothing is claimed for it meanwhile.
            alive = "SELECT 1 FROM nodes WHERE executor = :executor AND beat >= 0"
            alive += " FOR KEY SHARE" if self._shared else ""
            if connection.execute(sql(alive), {"executor": executor}).first() is None:
                return []
            share = min(most, math.ceil(self._free(connection, job_id) / nodes))
            rows = connection.execute(
                sql(
                    "UPDATE open_windows SET claimed_by = :executor WHERE job_id = :id AND claimed_by IS NULL "
                    "AND position IN (SELECT position FROM open_windows WHERE job_id = :id AND claimed_by IS NULL "
                    "ORDER BY position LIMIT :share) RETURNING position"
                ),
                {"id": job_id, "executor": executor, "share": share},
            ).all()
            self._add(connection, job_id, -len(rows))
        return sorted(row.position for row in rows)

    def held(self, executor: str) -> dict[Place, Lane]:
        """What this node still has of what it claimed, and the lane in which it is wanted by now."""
        rows = self._read(
            "SELECT w.job_id, w.position, j.lane FROM open_windows w JOIN jobs j ON j.id = w.job_id "
            "WHERE w.claimed_by = :executor",
            executor=executor,
        )
        return {(row.job_id, row.position): Lane(row.lane) for row in rows}

    def give_back(self, executor: str, places: Collection[Place]) -> None:
        for place in places:
            with self._engine.begin() as connection:
                self._free(connection, place[0])
                self._put_back(connection, executor, place)

    def failed(self, executor: str, place: Place, most: int) -> bool:
        """Puts a window back after a try that failed; False when it was the last of `most`."""
        with self._engine.begin() as connection:
            self._free(connection, place[0])
            tries = connection.execute(
                sql(
                    "UPDATE open_windows SET tries = tries + 1 "
                    "WHERE job_id = :id AND position = :position AND claimed_by = :executor RETURNING tries"
                ),
                {"id": place[0], "position": place[1], "executor": executor},
            ).scalar()
            if tries is not None and tries < most:
                self._put_back(connection, executor, place)
        return tries is None or tries < most

    def _put_back(self, connection: sa.Connection, executor: str, place: Place) -> None:
        given = connection.execute(
            sql(
                "UPDATE open_windows SET claimed_by = NULL "
                "WHERE job_id = :id AND position = :position AND claimed_by = :executor"
            ),
            {"id": place[0], "position": place[1], "executor": executor},
        )
        self._add(connection, place[0], given.rowcount)

    def _free(self, connection: sa.Connection, job_id: str) -> int:
        """How many windows are; from now on nobody else changes it. (SQLite has one writer anyway.)"""
        locked = " FOR UPDATE" if self._shared else ""
        asked = sql(f"SELECT free FROM jobs WHERE id = :id AND state = 'running'{locked}")  # noqa: S608
        return int(connection.execute(asked, {"id": job_id}).scalar() or 0)

    def _add(self, connection: sa.Connection, job_id: str, number: int) -> None:
        if number:
            connection.execute(
                sql("UPDATE jobs SET free = free + :number WHERE id = :id"), {"id": job_id, "number": number}
            )

    def save(self, job_id: str, executor: str, plan: Plan, result: WindowResult, *, chain: bool = False) -> bool:
        """Text and progress in one transaction; False when the window is no longer ours: then nothing is written."""
        key = {"id": job_id, "position": result.window.index}
        total = sum(window.end - window.start for window in plan.windows) or 1.0
        with self._engine.begin() as connection:
            # The job's row first: it keeps saves of one job, its cancellation and its removal apart.
            running = connection.execute(
                sql("UPDATE jobs SET attempts = 0 WHERE id = :id AND state = 'running'"), {"id": job_id}
            )
            ours = running.rowcount and connection.execute(
                sql("DELETE FROM open_windows WHERE job_id = :id AND position = :position AND claimed_by = :executor"),
                {**key, "executor": executor},
            )
            if not ours or not ours.rowcount:
                connection.rollback()
                return False
            connection.execute(
                sql(
                    "INSERT INTO windows (job_id, position, segments, text) VALUES (:id, :position, :segments, :text) "
                    "ON CONFLICT (job_id, position) DO UPDATE SET segments = excluded.segments, text = excluded.text"
                ),
                {
                    **key,
                    "segments": codec.dump_segments(result.segments),
                    "text": kept("".join(segment.text for segment in result.segments)),
                },
            )
            connection.execute(
                sql(
                    "UPDATE jobs SET progress = 1.0 - (SELECT COALESCE(sum(seconds), 0.0) FROM open_windows "
                    "WHERE job_id = :id) / CAST(:total AS DOUBLE PRECISION) WHERE id = :id"
                ),
                {"id": job_id, "total": total},
            )
            if chain:
                self._free_next(connection, job_id)
        return True
