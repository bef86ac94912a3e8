"""Users, sessions, API keys and the audit log in the database. Of tokens only SHA-256 is stored: they are 256
random bits, so a slow hash would add nothing, and a stolen database logs nobody in."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..database import migrate
from .lockout import FORGOTTEN_AFTER
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
    """
    CREATE TABLE users (
        name TEXT PRIMARY KEY, password_hash TEXT NOT NULL,
        created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL
    );
    CREATE TABLE networks (
        user_name TEXT NOT NULL, network TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (user_name, network)
    );
    CREATE TABLE deployed (user_name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL);
    CREATE TABLE audit (
        at DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL,
        subject TEXT NOT NULL, address TEXT NOT NULL
    );
    CREATE INDEX audit_at ON audit (at);
    CREATE INDEX sessions_user ON sessions (user_name);
    ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
    ALTER TABLE api_keys ADD COLUMN daily_minutes INTEGER NOT NULL DEFAULT 0
    """,
    """
    CREATE TABLE lockouts (
        name TEXT PRIMARY KEY, failures INTEGER NOT NULL, until DOUBLE PRECISION NOT NULL,
        last DOUBLE PRECISION NOT NULL
    )
    """,
)
_NETWORK_SECONDS = 90 * 86400  # a network from which a user logged in is trusted so long
_AUDIT_SECONDS = 180 * 86400
_MOST_AUDIT_LINES = 100_000


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


@dataclass(frozen=True, slots=True)
class User:
    name: str
    created: float
    changed: float  # when the password was set


@dataclass(frozen=True, slots=True)
class AuditLine:
    at: float
    actor: str
    event: str
    subject: str
    address: str


_KEY_COLUMNS = "id, name, owner, created, expires, last_used, scopes, daily_minutes"


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

    def drop_sessions(self, user: str, *, but: str | None = None) -> int:
        """Ends the user's sessions, all or all but the one with the token `but`; how many."""
        with self._engine.begin() as connection:
            return connection.execute(
                sa.text("DELETE FROM sessions WHERE user_name = :user AND token_hash <> :but"),
                {"user": user, "but": _hash(but) if but else ""},
            ).rowcount

    # Users

    def deployed(self, user: str, password_hash: str) -> None:
        """Called at the start with the login of the settings. Where its password differs from the one of the last
        start, it was set anew on the instance: it replaces a password changed in the page, and sessions end."""
        mark = hashlib.sha256(password_hash.encode()).hexdigest()
        with self._engine.begin() as connection:
            known = connection.execute(
                sa.text("SELECT fingerprint FROM deployed WHERE user_name = :user"), {"user": user}
            ).scalar()
            if known == mark:
                return
            if known is not None:
                connection.execute(sa.text("DELETE FROM users WHERE name = :user"), {"user": user})
                connection.execute(sa.text("DELETE FROM sessions WHERE user_name = :user"), {"user": user})
            connection.execute(
                sa.text(
                    "INSERT INTO deployed VALUES (:user, :mark) "
                    "ON CONFLICT (user_name) DO UPDATE SET fingerprint = excluded.fingerprint"
                ),
                {"user": user, "mark": mark},
            )

    def login_facts(self, user: str, network: str, now: float) -> tuple[str | None, bool]:
        """The user's password hash, if stored here, and whether this user logged in from this network before."""
        with self._engine.connect() as connection:
            stored = connection.execute(
                sa.text("SELECT password_hash FROM users WHERE name = :user"), {"user": user}
            ).scalar()
            seen = connection.execute(
                sa.text("SELECT seen FROM networks WHERE user_name = :user AND network = :network"),
                {"user": user, "network": network},
            ).scalar()
        return stored, seen is not None and seen > now - _NETWORK_SECONDS

    def locks(self, names: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Failures of late, at any node, and until when their author waits."""
        with self._engine.connect() as connection:
            asked = sa.text("SELECT name, failures, until FROM lockouts WHERE name IN :names")
            rows = connection.execute(asked.bindparams(sa.bindparam("names", expanding=True)), {"names": list(names)})
            return {row.name: (row.failures, row.until) for row in rows}

    def count_failure(self, name: str, tried: str, now: float, delay: Callable[[int], float]) -> tuple[int, float]:
        """One more, whichever node counts, and for what was tried; `delay` gives the seconds to wait after so many."""
        with self._engine.begin() as connection:
            counted = [0, 0]
            for place, each in enumerate([name, *([_part(name, tried)] if tried else [])]):
                counted[place] = connection.execute(
                    sa.text(
                        "INSERT INTO lockouts (name, failures, until, last) VALUES (:name, 1, 0, :now) "
                        "ON CONFLICT (name) DO UPDATE SET failures = CASE WHEN lockouts.last < :old THEN 1 "
                        "ELSE lockouts.failures + 1 END, last = excluded.last RETURNING failures"
                    ),
                    {"name": each, "now": now, "old": now - FORGOTTEN_AFTER},
                ).scalar_one()
            until = now + delay(counted[0])
            connection.execute(
                sa.text("UPDATE lockouts SET until = :until WHERE name = :name"), {"name": name, "until": until}
            )
        return counted[0], until

    def forgive(self, network: str, account: str) -> None:
        """The right password came: what was counted for this account, from anywhere and from this network."""
        names = {"network": network, "account": account, "part": _part(network, account)}
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE lockouts SET failures = failures - COALESCE("
                    "(SELECT failures FROM lockouts WHERE name = :part), 0) WHERE name = :network"
                ),
                names,
            )
            connection.execute(
                sa.text("DELETE FROM lockouts WHERE name IN (:account, :part) OR (name = :network AND failures <= 0)"),
                names,
            )

    def remember_network(self, user: str, network: str, now: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO networks VALUES (:user, :network, :now) "
                    "ON CONFLICT (user_name, network) DO UPDATE SET seen = excluded.seen"
                ),
                {"user": user, "network": network, "now": now},
            )

    def add_user(self, name: str, password_hash: str, now: float) -> bool:
        """False when there is one of that name."""
        with self._engine.begin() as connection:
            return bool(
                connection.execute(
                    sa.text("INSERT INTO users VALUES (:name, :hash, :now, :now) ON CONFLICT DO NOTHING"),
                    {"name": name, "hash": password_hash, "now": now},
                ).rowcount
            )

    def set_password(self, name: str, password_hash: str, now: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO users VALUES (:name, :hash, :now, :now) "
                    "ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, changed = :now"
                ),
                {"name": name, "hash": password_hash, "now": now},
            )

    def users(self) -> list[User]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT name, created, changed FROM users ORDER BY name")).all()
        return [User(*row) for row in rows]

    def remove_user(self, name: str) -> bool:
        """Also the sessions and keys; False when there is none."""
        with self._engine.begin() as connection:
            gone = connection.execute(sa.text("DELETE FROM users WHERE name = :name"), {"name": name}).rowcount
            for table, column in (("sessions", "user_name"), ("networks", "user_name"), ("api_keys", "owner")):
                connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} = :name"), {"name": name})  # noqa: S608
        return bool(gone)

    # Audit

    def audit(self, line: AuditLine) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO audit VALUES (:at, :actor, :event, :subject, :address)"), dataclasses.asdict(line)
            )

    def audit_lines(self, limit: int) -> list[AuditLine]:
        """Newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT at, actor, event, subject, address FROM audit ORDER BY at DESC LIMIT :limit"),
                {"limit": limit},
            ).all()
        return [AuditLine(*row) for row in rows]

    def forget_old(self, now: float) -> None:
        """Drops audit lines older than half a year or beyond the newest 100,000, and networks not seen for three
        months."""
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM audit WHERE at < :old"), {"old": now - _AUDIT_SECONDS})
            connection.execute(
                sa.text("DELETE FROM audit WHERE at < (SELECT at FROM audit ORDER BY at DESC LIMIT 1 OFFSET :most)"),
                {"most": _MOST_AUDIT_LINES},
            )
            connection.execute(sa.text("DELETE FROM networks WHERE seen < :old"), {"old": now - _NETWORK_SECONDS})
            connection.execute(sa.text("DELETE FROM lockouts WHERE last < :old"), {"old": now - FORGOTTEN_AFTER})

    # Keys

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
                    "hash": _hash(key),
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
                sa.text(f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE key_hash = :hash"),  # noqa: S608
                {"hash": _hash(key)},
            ).first()
        if row is None or (row.expires is not None and row.expires <= now):
            return None
        if row.last_used is None or row.last_used < now - _TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE api_keys SET last_used = :now WHERE id = :id"), {"now": now, "id": row.id}
                )
        return _key(row)

    def list_keys(self, owner: str | None = None) -> list[ApiKey]:
        """Of one owner, or all; oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.text(
                    f"SELECT {_KEY_COLUMNS} FROM api_keys "  # noqa: S608
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


def _part(network: str, account: str) -> str:
    return f"{network} {account}"  # no network's name has a space
