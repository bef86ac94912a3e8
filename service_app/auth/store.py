"""Users, sessions and the audit log in the database; with API keys (keys.py) and failed logins (failures.py) all that
decides who may come in."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from ..database import migrate
from .failures import Failures
from .keys import TOUCH_SECONDS, Keys, hand_over_keys, token_hash
from .lockout import FORGOTTEN_AFTER
from .sessions import ABSOLUTE_SECONDS, IDLE_SECONDS

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


class AuthStore(Keys, Failures):
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
                {"hash": token_hash(token), "user": user, "now": now},
            )
        return token

    def session_user(self, token: str, now: float, *, used: bool = True) -> str | None:
        """Whose session it is; `used` keeps it from expiring."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.text("SELECT user_name, created, seen FROM sessions WHERE token_hash = :hash"),
                {"hash": token_hash(token)},
            ).first()
        if row is None or row.seen < now - IDLE_SECONDS or row.created < now - ABSOLUTE_SECONDS:
            return None
        if used and row.seen < now - TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE sessions SET seen = :now WHERE token_hash = :hash"),
                    {"now": now, "hash": token_hash(token)},
                )
        return str(row.user_name)

    def drop_session(self, token: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM sessions WHERE token_hash = :hash"), {"hash": token_hash(token)})

    def drop_sessions(self, user: str, *, but: str | None = None) -> int:
        """Ends the user's sessions, all or all but the one with the token `but`; how many."""
        with self._engine.begin() as connection:
            return connection.execute(
                sa.text("DELETE FROM sessions WHERE user_name = :user AND token_hash <> :but"),
                {"user": user, "but": token_hash(but) if but else ""},
            ).rowcount

    # Users

    def deployed(self, user: str, password_hash: str) -> None:
        """Called at the start with the login of the settings. Where its name or password differs from the one of the
        last start, it was set anew on the instance: it replaces a password changed in the page, or the one of a user
        of that name, and sessions end. A name that was the administrator's before is nobody's login any more; its keys
        go on as the new administrator's."""
        mark = hashlib.sha256(password_hash.encode()).hexdigest()
        with self._engine.begin() as connection:
            known = connection.execute(
                sa.text("SELECT fingerprint FROM deployed WHERE user_name = :user"), {"user": user}
            ).scalar()
            gone = sa.text("DELETE FROM deployed WHERE user_name <> :user RETURNING user_name")
            former = connection.execute(gone, {"user": user}).scalars().all()
            for name in former:
                hand_over_keys(connection, name, user)
                connection.execute(sa.text("DELETE FROM networks WHERE user_name = :name"), {"name": name})
            for name in (*former, *((user,) if known != mark else ())):
                connection.execute(sa.text("DELETE FROM users WHERE name = :name"), {"name": name})
                connection.execute(sa.text("DELETE FROM sessions WHERE user_name = :name"), {"name": name})
            if known == mark:
                return
            connection.execute(
                sa.text(
                    "INSERT INTO deployed VALUES (:user, :mark) "
                    "ON CONFLICT (user_name) DO UPDATE SET fingerprint = excluded.fingerprint"
                ),
                {"user": user, "mark": mark},
            )

    def administrators_before(self, user: str) -> list[str]:
        """Names under which the administrator, now `user`, was known until `deployed` is told."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(
                    sa.text("SELECT user_name FROM deployed WHERE user_name <> :user"), {"user": user}
                ).scalars()
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

    def password_hash(self, name: str) -> str | None:
        """None for a user who is not stored here."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.text("SELECT password_hash FROM users WHERE name = :name"), {"name": name})
            return found.scalar()

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
