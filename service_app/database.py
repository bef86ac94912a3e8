"""The application's database: SQLite with durable settings, and migrations as an ordered list of SQL scripts.

Statements are plain SQL that SQLite and PostgreSQL both understand, so a database URL is all that a second node needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def connect(url: str) -> sa.Engine:
    """An engine whose SQLite connections survive power loss (WAL, FULL) and wait for a lock instead of failing. Its
    errors never show parameters: texts and names would come into the log."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = sa.create_engine(url, pool_size=10, max_overflow=0, pool_timeout=30, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # Taking the write lock at BEGIN: a read that becomes a write later would fail at once, whatever the timeout.
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def migrate(engine: sa.Engine, subject: str, scripts: Sequence[str]) -> None:
    """Brings the tables of one subject up to date: runs the scripts not run yet, in order, in one transaction.

    A script is never changed after its release; a change is a new script at the end.
    """
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE IF NOT EXISTS migrations (subject TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        )
        version = connection.execute(
            sa.text("SELECT version FROM migrations WHERE subject = :subject"), {"subject": subject}
        ).scalar()
        done = int(version or 0)
        if done > len(scripts):
            raise RuntimeError(
                f"{engine.url.database}: written by a newer release ({subject} {done}); install that one"
            )
        for script in scripts[done:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(sa.text(statement))
        connection.execute(
            sa.text(
                "INSERT INTO migrations (subject, version) VALUES (:subject, :version) "
                "ON CONFLICT (subject) DO UPDATE SET version = excluded.version"
            ),
            {"subject": subject, "version": len(scripts)},
        )
