"""The application's database: SQLite with durable settings, and migrations as an ordered list of SQL scripts.

Statements are plain SQL that SQLite and PostgreSQL both understand, so a database URL is all that a second node needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from .errors import database_away

T = TypeVar("T")
_TURN_SECONDS: Final = 0.1

# A node whose network is cut must learn of it within seconds, and the database must drop what such a node holds.
_POSTGRESQL: Final = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c idle_in_transaction_session_timeout=15000 -c lock_timeout=20000 -c tcp_keepalives_idle=5 "
    "-c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000",
}
# Class 08: the connection broke. 57P01 to 57P03: the server ends, ended or starts. 53300: too many connections.
# 25006: a former primary that may only read; the address leads to the new one in a moment. 25P03, 55P03, 40001, 40P01:
# it waited too long, or stood in another's way.
_AWAY_CODES: Final = ("08", "57P01", "57P02", "57P03", "53300", "25006", "25P03", "55P03", "40001", "40P01")


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def connect(url: str, *, patience: float = 5.0) -> sa.Engine:
    """An engine whose SQLite connections survive power loss (WAL, FULL) and wait for a lock instead of failing. Its
    errors never show parameters: texts and names would come into the log. `patience` is how many seconds one waits for
    a connection to PostgreSQL that others have."""
    if not url.startswith("sqlite"):
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=10,
            pool_timeout=patience,
            hide_parameters=True,
            connect_args=_POSTGRESQL,
        )
    engine = sa.create_engine(url, pool_size=10, max_overflow=0, pool_timeout=30, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # Taking the write lock at BEGIN: a read that becomes a write later would fail at once, whatever the timeout.
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def shared(engine: sa.Engine) -> bool:
    """Whether other nodes use it too."""
    return engine.dialect.name == "postgresql"


def away(error: BaseException | None) -> bool:
    """Whether PostgreSQL cannot be reached, or is just starting or stopping: the same goes well later."""
    if isinstance(error, sa.exc.TimeoutError):  # every connection is taken by somebody who waits for the server
        return True
    if not isinstance(error, sa.exc.DBAPIError) or error.orig is None:
        return False
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return bool(code.startswith(_AWAY_CODES))
    # Without a code the server never answered; SQLite's errors have none either, but say what they are.
    return error.connection_invalidated or type(error.orig).__module__.startswith("psycopg")


@functools.lru_cache(maxsize=1024)
def sql(text: str) -> sa.TextClause:
    """A statement, made once for each text: SQLAlchemy would look for its parameters each time it is asked."""
    return sa.text(text)


async def ask(question: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """What a blocking question to the database gives, asked in a thread. Raises `Unavailable` while it is away."""
    try:
        return await asyncio.to_thread(question, *arguments, **options)
    except sa.exc.SQLAlchemyError as error:
        if away(error):
            raise database_away() from error
        raise


@contextlib.contextmanager
def one_at_a_time(engine: sa.Engine, name: str) -> Iterator[None]:
    """Among all nodes, one is inside: those that start together make the tables one after the other."""
    if not shared(engine):
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Asked again and again: a statement that waits would hold up whoever builds an index inside.
        while not connection.execute(
            sa.text("SELECT pg_try_advisory_lock(hashtext(:name))"), {"name": name}
        ).scalar_one():
            time.sleep(_TURN_SECONDS)
        try:
            yield
        finally:
            connection.execute(sa.text("SELECT pg_advisory_unlock(hashtext(:name))"), {"name": name})


def migrate(engine: sa.Engine, subject: str, scripts: Sequence[str]) -> None:
    """Brings the tables of one subject up to date: runs the scripts not run yet, in order, in one transaction.

    A script is never changed after its release; a change is a new script at the end. It only adds (tables, indexes,
    columns with a default): nodes are upgraded one by one, and one that is taken back finds a newer release's tables.
    """
    with one_at_a_time(engine, "migrate"), engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE IF NOT EXISTS migrations (subject TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        )
        version = connection.execute(
            sa.text("SELECT version FROM migrations WHERE subject = :subject"), {"subject": subject}
        ).scalar()
        done = int(version or 0)
        if done > len(scripts) and shared(engine):
            return
        if done > len(scripts):  # on a single machine the tables are taken back, too
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
