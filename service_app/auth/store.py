"""Sessions and API keys in the database. Only SHA-256 of a token is stored: both are 256 random bits, so a slow hash
would add nothing, and a stolen database logs nobody in."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from ..database import migrate
from .sessions import ABSOLUTE_SECONDS, IDLE_SECONDS

_TOUCH_SECONDS = 60  # last use is exact to a minute: reading a page must not write at every request

_MIGRATIONS = (
    """
    CREATE TABLE sessions (
        token_hash TEXT PRIMARY KEY, user_name TEXT NOT NULL,
        created DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL
    );
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, key_hash TEXT NOT NULL UNIQUE,
        created DOUBLE PRECISION NOT NULL, expires DOUBLE PRECISION, last_used DOUBLE PRECISION
    );
    CREATE UNIQUE INDEX api_keys_name ON api_keys (owner, name)
    """,
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it can be shown: never its value. Times are Unix seconds."""

    id: str
    name: str
    owner: str
    created: float
    expires: float | None
    last_used: float | None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class AuthStore:
    """Blocking; `now` is passed in so that expiry can be tested without waiting."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        migrate(engine, "auth", _MIGRATIONS)

    def add_session(self, user: str, now: float) -> str:
        """A new session; the token is returned once and is what the cookie holds."""
        token = secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("DELETE FROM sessions WHERE seen < :idle OR created < :absolute"),
                {"idle": now - IDLE_SECONDS, "absolute": now - ABSOLUTE_SECONDS},
            )
            connection.execute(
                sa.text("INSERT INTO sessions VALUES (:hash, :user, :now, :now)"),
                {"hash": _hash(token), "user": user, "now": now},
            )
        return token

    def session_user(self, token: str, now: float) -> str | None:
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.text("SELECT user_name, created, seen FROM sessions WHERE token_hash = :hash"),
                {"hash": _hash(token)},
            ).first()
        if row is None or row.seen < now - IDLE_SECONDS or row.created < now - ABSOLUTE_SECONDS:
            return None
        if row.seen < now - _TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE sessions SET seen = :now WHERE token_hash = :hash"),
                    {"now": now, "hash": _hash(token)},
                )
        return str(row.user_name)

    def drop_session(self, token: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM sessions WHERE token_hash = :hash"), {"hash": _hash(token)})

    def add_key(self, name: str, owner: str, now: float, *, minutes: int | None = None) -> str:
        """A new key, returned once. Raises ValueError when the owner has one of that name."""
        key = "sk-" + secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            made = connection.execute(
                sa.text(
                    "INSERT INTO api_keys (id, name, owner, key_hash, created, expires) "
                    "VALUES (:id, :name, :owner, :hash, :now, :expires) ON CONFLICT DO NOTHING"
                ),
                {
                    "id": secrets.token_hex(4),
                    "name": name,
                    "owner": owner,
                    "hash": _hash(key),
                    "now": now,
                    "expires": None if minutes is None else now + 60 * minutes,
                },
            )
            if not made.rowcount:
                raise ValueError(f"key {name!r}: exists already; take another name, or revoke it first")
        return key

    def key_owner(self, key: str, now: float) -> str | None:
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.text("SELECT id, owner, expires, last_used FROM api_keys WHERE key_hash = :hash"),
                {"hash": _hash(key)},
            ).first()
        if row is None or (row.expires is not None and row.expires <= now):
            return None
        if row.last_used is None or row.last_used < now - _TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE api_keys SET last_used = :now WHERE id = :id"), {"now": now, "id": row.id}
                )
        return str(row.owner)

    def list_keys(self) -> list[ApiKey]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT id, name, owner, created, expires, last_used FROM api_keys ORDER BY created")
            ).all()
        return [ApiKey(*row) for row in rows]

    def revoke_key(self, name_or_id: str) -> bool:
        """True when there was such a key; it stops working at once."""
        with self._engine.begin() as connection:
            gone = connection.execute(
                sa.text("DELETE FROM api_keys WHERE name = :wanted OR id = :wanted"), {"wanted": name_or_id}
            )
        return bool(gone.rowcount)
