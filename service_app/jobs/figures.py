"""Figures over many jobs: how much waits, how much was done, what has expired."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from ..database import sql
from ..types import Job
from . import minutes
from .rows import COLUMNS, EXPECTED, UNFINISHED, Rows, job_of

NOBODY: Final = ":removed"  # no user's name has a colon


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unfinished job: `seconds` of recording are left to decode."""

    id: str
    owner: str
    lane: str
    created: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    """What one user's jobs of one day came to; `day` is the UTC date."""

    day: str
    jobs: int
    seconds: float


class Figures(Rows):
    def counts(self) -> dict[str, int]:
        return {row.state: row.n for row in self._read("SELECT state, count(*) AS n FROM jobs GROUP BY state")}

    def waiting(self) -> list[Waiting]:
        """All unfinished jobs, oldest first."""
        with self._engine.connect() as connection:
            return waiting(connection)

    def days(self, owner: str, since: float) -> list[Day]:
        """Jobs with text, by day, oldest first."""
        rows = self._read(
            "SELECT created, duration * progress AS seconds FROM jobs "
            "WHERE owner = :owner AND created >= :since AND duration IS NOT NULL ORDER BY created",
            owner=owner,
            since=since,
        )
        grouped = itertools.groupby(rows, lambda row: time.strftime("%Y-%m-%d", time.gmtime(row.created)))
        return [Day(day, len(of_day := list(found)), sum(row.seconds for row in of_day)) for day, found in grouped]

    def work_seconds(self, owner: str, since: float) -> float:
        """How long this user's finished jobs took, from their start to their end."""
        rows = self._read(
            "SELECT sum(finished - started) AS seconds FROM jobs "
            "WHERE owner = :owner AND created >= :since AND finished IS NOT NULL AND started IS NOT NULL",
            owner=owner,
            since=since,
        )
        return float(rows[0].seconds or 0.0)

    def require_minutes(self, key_id: str, allowance: float, now: float) -> None:
        """Ask before an upload is read: it saves sending one that `accept` would refuse (minutes.py)."""
        with self._engine.begin() as connection:
            minutes.require(connection, key_id, allowance, now)

    def stored_bytes(self) -> int:
        return int(self._read("SELECT sum(size) AS bytes FROM jobs")[0].bytes or 0)

    def expired(self, before: float, limit: int = 100) -> list[str]:
        """Ended jobs whose time is over, oldest first."""
        rows = self._read(
            "SELECT id FROM jobs WHERE finished < :before ORDER BY finished LIMIT :limit", before=before, limit=limit
        )
        return [row.id for row in rows]

    def forget_spent(self, before: float) -> None:
        self._write("DELETE FROM spent WHERE created < :before", before=before)

    def disown(self, owner: str) -> int:
        """A removed user's jobs: nobody's, so that a later user of that name does not see them. They wait for the
        janitor; how many there are."""
        return self.hand_over(owner, NOBODY)

    def hand_over(self, before: str, owner: str) -> int:
        """All jobs of one owner become another's; how many there are."""
        return self._write("UPDATE jobs SET owner = :owner WHERE owner = :before", owner=owner, before=before)

    def owned(self, owner: str) -> list[str]:
        return [row.id for row in self._read("SELECT id FROM jobs WHERE owner = :owner", owner=owner)]

    def webhooks_due(self, now: float) -> list[tuple[str, str, str]]:
        """Ended jobs whose webhook is to be told now: (id, owner, address), who has waited longest first."""
        rows = self._read(
            "SELECT id, owner, webhook FROM jobs WHERE webhook IS NOT NULL AND finished IS NOT NULL "
            "AND COALESCE(webhook_next, 0) <= :now ORDER BY COALESCE(webhook_next, finished)",
            now=now,
        )
        return [(row.id, row.owner, row.webhook) for row in rows]

    def webhook_taken(self, job_id: str, now: float, seconds: float) -> tuple[Job, str, int] | None:
        """(job, address, tries so far) for one node, for so many seconds; None for the others."""
        with self._engine.begin() as connection:
            row = connection.execute(
                sql(
                    "UPDATE jobs SET webhook_next = :until WHERE id = :id AND webhook IS NOT NULL "  # noqa: S608
                    f"AND COALESCE(webhook_next, 0) <= :now RETURNING {COLUMNS}, webhook, webhook_tries"
                ),
                {"id": job_id, "now": now, "until": now + seconds},
            ).first()
        return None if row is None else (job_of(row), row.webhook, row.webhook_tries)

    def webhook_tried(self, job_id: str, following: float | None) -> None:
        """`following` is when to try again; None: no more."""
        self._write(
            "UPDATE jobs SET webhook_tries = webhook_tries + 1, webhook_next = :following, "
            "webhook = CASE WHEN CAST(:following AS DOUBLE PRECISION) IS NULL THEN NULL ELSE webhook END "
            "WHERE id = :id",
            id=job_id,
            following=following,
        )


def waiting(connection: sa.Connection) -> list[Waiting]:
    """All unfinished jobs as of now, oldest first."""
    rows = connection.execute(
        sql(
            f"SELECT id, owner, lane, created, progress, {EXPECTED} AS seconds "  # noqa: S608
            f"FROM jobs WHERE {UNFINISHED} ORDER BY created, id"
        )
    ).all()
    return [
        Waiting(
            row.id,
            row.owner,
            row.lane,
            row.created,
            row.seconds * (1.0 - row.progress),
        )
        for row in rows
    ]
