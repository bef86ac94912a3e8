"""The tables by which nodes know each other, and what becomes of the work of one that is gone.

A node is a process: its row is there before it may own work, and every claim of work asks for the row in the same
statement. Whoever takes a dead node's work over deletes the row, and from that moment nothing of it can be written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from .rows import UNFINISHED, Rows

GONE: Final = -1  # the beat of a node that left of itself, or whose home another process has taken since


@dataclass(frozen=True, slots=True)
class Node:
    """`beat` grows while it lives; `speed` is seconds of recording decoded in a second, None: not measured."""

    executor: str
    name: str
    beat: int
    devices: int
    speed: float | None
    draining: bool


class NodeStore(Rows):
    def register(self, executor: str, name: str, home: str) -> None:
        """Makes this process known; it has nothing yet. `home` is its data folder's own mark: who holds that folder's
        lock knows that every former process there is dead."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE nodes SET beat = :gone WHERE home = :home AND executor <> :executor"),
                {"gone": GONE, "home": home, "executor": executor},
            )
            _disown(connection, executor)
            connection.execute(
                sa.text(
                    "INSERT INTO nodes (executor, name, home, beat) VALUES (:executor, :name, :home, :beat) "
                    "ON CONFLICT (executor) DO UPDATE SET beat = excluded.beat, draining = 0"
                ),
                # Never one at which the others may have seen it stand still.
                {"executor": executor, "name": name, "home": home, "beat": time.time_ns() // 1_000_000},
            )

    def beat(self, executor: str, devices: int, speed: float | None, draining: bool) -> bool:
        """A sign of life; False when others have taken this node for dead."""
        return bool(
            self._write(
                "UPDATE nodes SET beat = beat + 1, devices = :devices, speed = :speed, draining = :draining "
                "WHERE executor = :executor",
                executor=executor,
                devices=devices,
                speed=speed,
                draining=int(draining),
            )
        )

    def leave(self, executor: str) -> None:
        """Its work may be taken over at once."""
        self._write("UPDATE nodes SET beat = :gone WHERE executor = :executor", gone=GONE, executor=executor)

    def all(self) -> list[Node]:
        rows = self._read("SELECT executor, name, beat, devices, speed, draining FROM nodes")
        return [Node(row.executor, row.name, row.beat, row.devices, row.speed, bool(row.draining)) for row in rows]

    def bury(self, executor: str, beat: int) -> bool:
        """Takes everything from a node that is dead: False when it is not after all, or another does it just now."""
        with self._engine.begin() as connection:
            dead = connection.execute(
                sa.text(
                    "SELECT executor FROM nodes WHERE executor = :executor AND beat = :beat"  # noqa: S608
                    + self._unlocked
                ),
                {"executor": executor, "beat": beat},
            ).first()
            if dead is None:
                return False
            _disown(connection, executor)
            connection.execute(sa.text("DELETE FROM nodes WHERE executor = :executor"), {"executor": executor})
        return True

    def disown(self, executor: str) -> None:
        """Takes everything from a node that is not in the table."""
        with self._engine.begin() as connection:
            _disown(connection, executor)

    def strays(self) -> set[str]:
        """Who holds work but is not in the table: it died in the moment between."""
        rows = self._read(
            "SELECT claimed_by AS executor FROM open_windows WHERE claimed_by IS NOT NULL "  # noqa: S608
            "AND claimed_by NOT IN (SELECT executor FROM nodes) UNION "
            f"SELECT executor FROM jobs WHERE {UNFINISHED} AND executor IS NOT NULL "
            "AND executor NOT IN (SELECT executor FROM nodes)"
        )
        return {row.executor for row in rows}

    # What is done by one node at a time, and what all nodes have to agree on

    def lease(self, name: str, seconds: float) -> bool:
        """True for one node, for so many seconds; a node that is alone always has it."""
        now = time.time()
        return not self._shared or bool(
            self._write(
                "INSERT INTO leases (name, until) VALUES (:name, :until) "
                "ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE leases.until <= :now",
                name=name,
                until=now + seconds,
                now=now,
            )
        )

    def fact(self, name: str, make: Callable[[], str]) -> str:
        """What was said first under this name; what `make` gives when nothing was."""
        if not self._read("SELECT 1 FROM facts WHERE name = :name", name=name):
            self._write(
                "INSERT INTO facts (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING", name=name, value=make()
            )
        return str(self._read("SELECT value FROM facts WHERE name = :name", name=name)[0].value)

    # Who waits for a job at which node

    def calls(self, subject: str, executor: str, waits: bool) -> None:
        if waits:
            self._write(
                "INSERT INTO callers (subject, executor) SELECT :subject, executor FROM nodes "
                "WHERE executor = :executor ON CONFLICT DO NOTHING",
                subject=subject,
                executor=executor,
            )
        else:
            self._write(
                "DELETE FROM callers WHERE subject = :subject AND executor = :executor",
                subject=subject,
                executor=executor,
            )

    def called_elsewhere(self, subject: str, executor: str) -> bool:
        return bool(
            self._read(
                "SELECT 1 FROM callers WHERE subject = :subject AND executor <> :executor LIMIT 1",
                subject=subject,
                executor=executor,
            )
        )


def _disown(connection: sa.Connection, executor: str) -> None:
    mine = "id IN (SELECT job_id FROM open_windows WHERE claimed_by = :executor)"
    if connection.dialect.name == "postgresql":  # in one order, for whoever buries another node just now
        connection.execute(
            sa.text(f"SELECT 1 FROM jobs WHERE {mine} ORDER BY id FOR UPDATE"),  # noqa: S608
            {"executor": executor},
        )
    for change in (
        # A job of which a window was at a node that died is suspected of it, as its own node's death is counted by the
        # next one that takes it up (runs.py); any finished window clears it.
        f"UPDATE jobs SET attempts = attempts + 1 WHERE state = 'running' AND executor <> :executor AND {mine}",  # noqa: S608
        f"UPDATE jobs SET executor = NULL WHERE executor = :executor AND {UNFINISHED}",  # noqa: S608
        "UPDATE jobs SET free = free + (SELECT count(*) FROM open_windows WHERE job_id = jobs.id "  # noqa: S608
        f"AND claimed_by = :executor) WHERE {mine}",
        "UPDATE open_windows SET claimed_by = NULL WHERE claimed_by = :executor",
    ):
        connection.execute(sa.text(change), {"executor": executor})
