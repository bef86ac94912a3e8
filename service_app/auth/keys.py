"""API keys in the database. Of a key, as of a session's token, only SHA-256 is stored: it is 256 random bits, so a slow
hash would add nothing, and a stolen database logs nobody in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

TOUCH_SECONDS: Final = 60  # last use is exact to a minute: reading a page must not write at every request
_COLUMNS: Final = "id, name, owner, created, expires, last_used, scopes, daily_minutes"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it can be shown: never its value. Times are Unix seconds."""

    id: str
    name: str
    owner: str
    created: float
    expires: float | None
    last_used: float | None
    scopes: tuple[str, ...] = ()  # empty: all
    daily_minutes: int = 0  # of recording; 0: no limit


class Keys:
    """Blocking; `now` is passed in so that expiry can be tested without waiting."""

    _engine: sa.Engine

    def add_key(
        self,
        name: str,
        owner: str,
        now: float,
        *,
        minutes: int | None = None,
        scopes: Sequence[str] = (),
        daily_minutes: int = 0,
    ) -> str:
        """A new key, returned once; it expires after so many `minutes`. Raises ValueError when the owner has one of
        that name."""
        key = "sk-" + secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            made = connection.execute(
                sa.text(
                    "INSERT INTO api_keys (id, name, owner, key_hash, created, expires, scopes, daily_minutes) "
                    "VALUES (:id, :name, :owner, :hash, :now, :expires, :scopes, :daily) ON CONFLICT DO NOTHING"
                ),
                {
                    "id": secrets.token_hex(4),
                    "name": name,
                    "owner": owner,
                    "hash": token_hash(key),
                    "now": now,
                    "expires": None if minutes is None else now + 60 * minutes,
                    "scopes": " ".join(scopes),
                    "daily": daily_minutes,
                },
            )
            if not made.rowcount:
                raise ValueError(f"key {name!r}: exists already; take another name, or revoke it first")
        return key

    def key(self, key: str, now: float) -> ApiKey | None:
        """The key of this value, unless it has expired."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.text(f"SELECT {_COLUMNS} FROM api_keys WHERE key_hash = :hash"),  # noqa: S608
                {"hash": token_hash(key)},
            ).first()
        if row is None or (row.expires is not None and row.expires <= now):
            return None
        if row.last_used is None or row.last_used < now - TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE api_keys SET last_used = :now WHERE id = :id"), {"now": now, "id": row.id}
                )
        return _key(row)

    def has_key(self, key_id: str, now: float) -> bool:
        """Whether it is there and has not expired; no use of it."""
        with self._engine.connect() as connection:
            return (
                connection.execute(
                    sa.text("SELECT 1 FROM api_keys WHERE id = :id AND (expires IS NULL OR expires > :now)"),
                    {"id": key_id, "now": now},
                ).first()
                is not None
            )

    def list_keys(self, owner: str | None = None) -> list[ApiKey]:
        """Of one owner, or all; oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.text(
                    f"SELECT {_COLUMNS} FROM api_keys "  # noqa: S608
                    "WHERE CAST(:owner AS TEXT) IS NULL OR owner = :owner ORDER BY created"
                ),
                {"owner": owner},
            ).all()
        return [_key(row) for row in rows]

    def revoke_key(self, name_or_id: str, owner: str | None = None) -> bool:
        """True when there was such a key (of this owner); it stops working at once."""
        with self._engine.begin() as connection:
            gone = connection.execute(
                sa.text(
                    "DELETE FROM api_keys WHERE (name = :wanted OR id = :wanted) "
                    "AND (CAST(:owner AS TEXT) IS NULL OR owner = :owner)"
                ),
                {"wanted": name_or_id, "owner": owner},
            )
        return bool(gone.rowcount)


def hand_over_keys(connection: sa.Connection, before: str, owner: str) -> None:
    """They become the owner's; one whose name the owner's keys have already gets its id behind its name."""
    connection.execute(
        sa.text(
            "UPDATE api_keys SET owner = :owner, name = CASE WHEN EXISTS (SELECT 1 FROM api_keys AS other "
            "WHERE other.owner = :owner AND other.name = api_keys.name) THEN name || ' ' || id ELSE name END "
            "WHERE owner = :before"
        ),
        {"owner": owner, "before": before},
    )


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        owner=row.owner,
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        scopes=tuple(row.scopes.split()),
        daily_minutes=row.daily_minutes,
    )
