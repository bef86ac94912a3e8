"""The board of open windows: what is to be decoded, by whoever has a free device.

    post      the job's node puts up what has no text yet
    claim     a node takes some windows of one job; only a registered node can
    save      text in, window off the board: one transaction that does nothing unless the claim still stands
    give_back an orderly stop, a device that is not there: nobody's fault

A window leaves its node's hands when the node is buried (nodes.py), and the board when its job ends (runs.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ..characters import kept
from ..types import Lane, Plan, Window, WindowResult
from . import codec
from .rows import Rows

Place = tuple[str, int]  # job, position of the window


@dataclass(frozen=True, slots=True)
class Open:
    """A job with windows that nobody has claimed yet."""

    job_id: str
    owner: str
    lane: Lane
    free: int
    mine: bool  # whether it runs at the node that asks


class Board(Rows):
    def post(self, job_id: str, windows: Iterable[Window]) -> None:
        """Those without a text; what is on the board already stays with whoever has it."""
        rows = [{"id": job_id, "position": w.index, "seconds": w.end - w.start} for w in windows]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text(
                        "INSERT INTO open_windows (job_id, position, seconds) SELECT id, :position, :seconds FROM jobs "
                        "WHERE id = :id AND state = 'running' AND NOT EXISTS "
                        "(SELECT 1 FROM windows WHERE job_id = :id AND position = :position) ON CONFLICT DO NOTHING"
                    ),
                    rows,
                )

    def left(self, job_id: str) -> int:
        return int(self._read("SELECT count(*) AS n FROM open_windows WHERE job_id = :id", id=job_id)[0].n)

    def open(self, executor: str) -> list[Open]:
        rows = self._read(
            "SELECT j.id, j.owner, j.lane, j.executor, count(*) AS free FROM open_windows w JOIN jobs j "
            "ON j.id = w.job_id WHERE w.claimed_by IS NULL AND j.state = 'running' "
            "GROUP BY j.id, j.owner, j.lane, j.executor, j.created ORDER BY j.created, j.id"
        )
        return [Open(row.id, row.owner, Lane(row.lane), row.free, row.executor == executor) for row in rows]

    def claim(self, job_id: str, executor: str, most: int) -> list[int]:
        """Positions, the first ones first."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                sa.text(
                    # Materialized: else PostgreSQL may ask again for every row, and take them all.
                    "WITH free AS MATERIALIZED (SELECT position FROM open_windows "  # noqa: S608
                    f"WHERE job_id = :id AND claimed_by IS NULL ORDER BY position LIMIT :most{self._unlocked}) "
                    "UPDATE open_windows SET claimed_by = :executor "
                    "WHERE job_id = :id AND position IN (SELECT position FROM free) "
                    "AND EXISTS (SELECT 1 FROM nodes WHERE executor = :executor AND beat >= 0) RETURNING position"
                ),
                {"id": job_id, "executor": executor, "most": most},
            ).all()
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
        for job_id, position in places:
            self._write(
                "UPDATE open_windows SET claimed_by = NULL "
                "WHERE job_id = :id AND position = :position AND claimed_by = :executor",
                id=job_id,
                position=position,
                executor=executor,
            )

    def failed(self, executor: str, place: Place, most: int) -> bool:
        """Puts a window back after a try that failed; False when it was the last of `most`."""
        key = {"id": place[0], "position": place[1], "executor": executor}
        with self._engine.begin() as connection:
            tries = connection.execute(
                sa.text(
                    "UPDATE open_windows SET tries = tries + 1 "
                    "WHERE job_id = :id AND position = :position AND claimed_by = :executor RETURNING tries"
                ),
                key,
            ).scalar()
            if tries is not None and tries < most:
                connection.execute(
                    sa.text(
                        "UPDATE open_windows SET claimed_by = NULL "
                        "WHERE job_id = :id AND position = :position AND claimed_by = :executor"
                    ),
                    key,
                )
        return tries is None or tries < most

    def save(self, job_id: str, executor: str, plan: Plan, result: WindowResult) -> bool:
        """Text and progress in one transaction; False when the window is no longer ours: then nothing is written."""
        key = {"id": job_id, "position": result.window.index}
        total = sum(window.end - window.start for window in plan.windows) or 1.0
        with self._engine.begin() as connection:
            # The job's row first: it keeps saves of one job, its cancellation and its removal apart.
            running = connection.execute(
                sa.text("UPDATE jobs SET attempts = 0 WHERE id = :id AND state = 'running'"), {"id": job_id}
            )
            ours = running.rowcount and connection.execute(
                sa.text(
                    "DELETE FROM open_windows WHERE job_id = :id AND position = :position AND claimed_by = :executor"
                ),
                {**key, "executor": executor},
            )
            if not ours or not ours.rowcount:
                connection.rollback()
                return False
            connection.execute(
                sa.text(
                    "INSERT INTO windows (job_id, position, segments, text) VALUES (:id, :position, :segments, :text) "
                    "ON CONFLICT (job_id, position) DO UPDATE SET segments = excluded.segments, text = excluded.text"
                ),
                {
                    **key,
                    "segments": codec.dump_segments(result.segments),
                    "text": kept("".join(segment.text for segment in result.segments)),
                },
            )
            left = connection.execute(
                sa.text("SELECT COALESCE(sum(seconds), 0) FROM open_windows WHERE job_id = :id"), {"id": job_id}
            ).scalar_one()
            connection.execute(
                sa.text("UPDATE jobs SET progress = :progress WHERE id = :id"),
                {"id": job_id, "progress": min(1.0, max(0.0, 1.0 - left / total))},
            )
        return True
