"""What users ask of jobs: history, text, edits, the log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..database import sql
from ..types import Job, JobState, Segment
from . import codec, minutes
from .figures import Waiting, waiting
from .rows import COLUMNS, Rows, job_of, note, recognised_text

if TYPE_CHECKING:
    from ..auth.keys import ApiKey

_ASKED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class WindowSegments:
    """What one finished window said; `index` counts windows from 0."""

    index: int
    segments: tuple[Segment, ...]


class JobStore(Rows):
    def add(
        self,
        job: Job,
        *,
        fingerprint: str | None = None,
        key: ApiKey | None = None,
        webhook: str | None = None,
        likely: float | None = None,
        room: Callable[[list[Waiting]], None] | None = None,
    ) -> None:
        """`room` is asked about the other unfinished jobs, by one node at a time, and what it raises is raised, as is
        what the minutes of `key` say: then nothing is stored. Of a job that is stored already neither is asked.
        `likely` is how many seconds its recording seems to have."""
        with self._engine.begin() as connection:
            if room is not None and self._shared:  # SQLite has one writer: from the INSERT on it is this one
                connection.execute(sql("SELECT pg_advisory_xact_lock(hashtext('room'))"))
            stored = connection.execute(
                sql(
                    "INSERT INTO jobs (id, owner, name, state, lane, options, created, size, source, "
                    "fingerprint, key_id, allowance, webhook, likely) VALUES (:id, :owner, :name, :state, :lane, "
                    ":options, :created, :size, :source, :fingerprint, :key_id, :allowance, :webhook, :likely) "
                    "ON CONFLICT DO NOTHING"
                ),
                {
                    "id": job.id,
                    "owner": job.owner,
                    "name": job.name,
                    "state": job.state.value,
                    "lane": job.lane.value,
                    "options": codec.dump_options(job.options),
                    "created": job.created,
                    "size": job.size,
                    "source": job.source,
                    "fingerprint": fingerprint,
                    "key_id": key.id if key else None,
                    "allowance": key.daily_minutes * 60.0 if key else 0.0,
                    "webhook": webhook,
                    "likely": likely,
                },
            )
            if room is not None and stored.rowcount:
                room([entry for entry in waiting(connection) if entry.id != job.id])
            if key and key.daily_minutes and stored.rowcount:
                minutes.require(connection, key.id, key.daily_minutes * 60.0, job.created, but=job.id)
            if stored.rowcount:
                note(connection, job.id, job.created, "accepted")

    def get(self, job_id: str) -> Job | None:
        """With the text so far where the job still runs."""
        rows = self._read(f"SELECT {COLUMNS} FROM jobs WHERE id = :id", id=job_id)  # noqa: S608
        if not rows:
            return None
        text = None
        if not JobState(rows[0].state).final:
            text = self._joined(job_id)
        return job_of(rows[0], text)

    def history(self, owner: str, limit: int, search: str, before: float | None) -> list[Job]:
        """Newest first; `search` looks for a piece of the name or of the text."""
        pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = self._read(
            f"SELECT {COLUMNS} FROM jobs WHERE owner = :owner AND (:search = '' "  # noqa: S608
            "OR lower(name) LIKE lower(:pattern) ESCAPE '\\' OR lower(text) LIKE lower(:pattern) ESCAPE '\\') "
            "AND created < :before ORDER BY created DESC, id LIMIT :limit",
            owner=owner,
            before=before if before is not None else 1e15,
            search=search,
            pattern=f"%{pattern}%",
            limit=limit,
        )
        return [job_of(row) for row in rows]

    def segments(self, job_id: str, *, words: bool = True) -> list[Segment]:
        """The edited ones where there are any, else the recognised ones, in time order."""
        return [segment for text in self._texts(job_id) for segment in codec.load_segments(text, words=words)]

    def segments_json(self, job_id: str) -> str:
        """The same as JSON."""
        return codec.joined(self._texts(job_id))

    def _texts(self, job_id: str) -> list[str]:
        rows = self._read("SELECT segments FROM edits WHERE job_id = :id", id=job_id)
        if not rows:
            rows = self._read("SELECT segments FROM windows WHERE job_id = :id ORDER BY position", id=job_id)
        return [row.segments for row in rows]

    def new_windows(self, job_id: str, known: Collection[int]) -> list[WindowSegments]:
        """Recognised windows that are not among the known ones, in time order."""
        rows = self._read("SELECT position FROM windows WHERE job_id = :id ORDER BY position", id=job_id)
        found = []
        for position in (row.position for row in rows if row.position not in known):
            texts = self._read(
                "SELECT segments FROM windows WHERE job_id = :id AND position = :position", id=job_id, position=position
            )
            found += [WindowSegments(position, tuple(codec.load_segments(row.segments))) for row in texts]
        return found

    def rename(self, job_id: str, name: str) -> None:
        self._write("UPDATE jobs SET name = :name WHERE id = :id", id=job_id, name=name)

    def edit(self, job_id: str, base: int, segments: Sequence[Segment] | None) -> bool:
        """Saves an edited text over version `base`, None: goes back to the recognised one. False: `base` is old."""
        with self._engine.begin() as connection:
            mine = connection.execute(
                sql(
                    "UPDATE jobs SET version = version + 1, edited = :edited WHERE id = :id AND version = :base "
                    "AND state NOT IN ('queued', 'running')"
                ),
                {"id": job_id, "base": base, "edited": int(segments is not None)},
            )
            if not mine.rowcount:
                return False
            connection.execute(sql("DELETE FROM edits WHERE job_id = :id"), {"id": job_id})
            if segments is not None:
                connection.execute(
                    sql("INSERT INTO edits (job_id, segments) VALUES (:id, :segments)"),
                    {"id": job_id, "segments": codec.dump_segments(segments)},
                )
                text = "".join(segment.text for segment in segments).strip()
            else:
                text = recognised_text(connection, job_id)
            connection.execute(sql("UPDATE jobs SET text = :text WHERE id = :id"), {"id": job_id, "text": text})
        return True

    def log(self, job_id: str) -> list[tuple[float, str, str]]:
        rows = self._read("SELECT at, event, detail FROM job_log WHERE job_id = :id ORDER BY at", id=job_id)
        return [(row.at, row.event, row.detail) for row in rows]

    def alike(self, fingerprint: str) -> Job | None:
        """The newest job on the same bytes with the same parameters from the same caller."""
        rows = self._read(
            f"SELECT {COLUMNS} FROM jobs WHERE fingerprint = :fingerprint ORDER BY created DESC LIMIT 1",  # noqa: S608
            fingerprint=fingerprint,
        )
        return job_of(rows[0]) if rows else None

    def made_from(self, job_id: str) -> list[Job]:
        """Jobs on the same recording that were begun from this one, newest first."""
        rows = self._read(
            f"SELECT {COLUMNS} FROM jobs WHERE source = :id ORDER BY created DESC LIMIT 50",  # noqa: S608
            id=job_id,
        )
        return [job_of(row) for row in rows]

    def known(self, job_ids: Collection[str]) -> set[str]:
        """Of these, the stored ones."""
        asked = sa.text("SELECT id FROM jobs WHERE id IN :ids").bindparams(
            sa.bindparam("ids", type_=sa.String(), expanding=True)
        )
        ids = list(job_ids)
        found: set[str] = set()
        with self._engine.connect() as connection:
            for begin in range(0, len(ids), _ASKED_AT_ONCE):  # no database takes them all in one statement
                found.update(connection.execute(asked, {"ids": ids[begin : begin + _ASKED_AT_ONCE]}).scalars())
        return found

    def delete(self, job_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sql(
                    "INSERT INTO spent (key_id, created, seconds) SELECT key_id, created, COALESCE(duration, 0) "
                    "FROM jobs WHERE id = :id AND key_id IS NOT NULL AND state <> 'failed'"
                ),
                {"id": job_id},
            )
            connection.execute(sql("DELETE FROM jobs WHERE id = :id"), {"id": job_id})
