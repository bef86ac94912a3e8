"""The emulator's memory: one SQLite file. What a user typed or a script printed is sealed (encrypted with a key that
lies beside it, 0600), so that the file alone, a backup of it or a search through it shows nobody's password."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stacks (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, token TEXT NOT NULL, request BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS stacks_by_name ON stacks (region, name);
CREATE TABLE IF NOT EXISTS resources (
    stack TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, physical_id TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, attributes BLOB NOT NULL,
    PRIMARY KEY (stack, name));
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, stack TEXT NOT NULL, stack_name TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, physical_id TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_stack ON events (stack, number);
CREATE TABLE IF NOT EXISTS signals (
    number INTEGER PRIMARY KEY, handle TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, data BLOB NOT NULL,
    UNIQUE (handle, id));
"""


@dataclass(frozen=True)
class CreateRequest:
    """What CreateStack was asked for."""

    template: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    timeout_minutes: int = 60
    rollback: bool = True
    deletion_protection: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    notification_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    id: str
    name: str
    region: str
    status: str
    reason: str
    created: float  # Unix time
    updated: float
    token: str
    request: CreateRequest


@dataclass(frozen=True)
class Resource:
    stack: str
    name: str
    type: str
    physical_id: str
    status: str
    reason: str
    created: float
    updated: float
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Event:
    id: str
    stack: str
    stack_name: str
    name: str
    type: str
    physical_id: str
    status: str
    reason: str
    time: float


@dataclass(frozen=True)
class Signal:
    id: str
    status: str
    data: Any = field(repr=False)


class Store:
    """Each method is one short transaction; safe to call from any thread."""

    def __init__(self, folder: Path) -> None:
        self._seal = Fernet(_key(folder / "seal.key"))
        self._lock = threading.RLock()
        path = folder / "state.sqlite3"
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Several calls that count as one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def save_stack(self, stack: Stack) -> None:
        request = self._sealed(vars(stack.request))
        row = (
            stack.id,
            stack.name,
            stack.region,
            stack.status,
            stack.reason,
            stack.created,
            stack.updated,
            stack.token,
        )
        self._write("INSERT OR REPLACE INTO stacks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, request))

    def set_stack_status(self, stack_id: str, status: str, reason: str, now: float) -> None:
        self._write(
            "UPDATE stacks SET status = ?, reason = ?, updated = ? WHERE id = ?", (status, reason, now, stack_id)
        )

    def stack(self, stack_id: str) -> Stack | None:
        return next(iter(self._stacks("WHERE id = ?", (stack_id,))), None)

    def stacks(self, region: str = "") -> list[Stack]:
        """Newest first; an empty region means all."""
        return self._stacks("WHERE region = ? OR ? = '' ORDER BY created DESC, rowid DESC", (region, region))

    def save_resource(self, resource: Resource) -> None:
        values = [
            getattr(resource, key)
            for key in ("stack", "name", "type", "physical_id", "status", "reason", "created", "updated")
        ]
        row = (*values, self._sealed(dict(resource.attributes)))
        self._write("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def resources(self, stack_id: str) -> dict[str, Resource]:
        """By logical id, in the order in which their work began."""
        rows = self._read("SELECT * FROM resources WHERE stack = ? ORDER BY created, rowid", (stack_id,))
        return {row[1]: Resource(*(*row[:8], self._opened(row[8]))) for row in rows}

    def add_event(self, event: Event) -> None:
        self._write("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(vars(event).values()))

    def events(self, stack_id: str) -> list[Event]:
        """Newest first, as the service lists them."""
        rows = self._read("SELECT * FROM events WHERE stack = ? ORDER BY number DESC", (stack_id,))
        return [Event(*row[1:]) for row in rows]

    def add_signal(self, handle: str, signal: Signal) -> None:
        """A signal with an id that came before replaces that one."""
        row = (handle, signal.id, signal.status, self._sealed(signal.data))
        self._write("INSERT OR REPLACE INTO signals VALUES (NULL, ?, ?, ?, ?)", row)

    def signals(self, handle: str) -> list[Signal]:
        rows = self._read("SELECT id, status, data FROM signals WHERE handle = ? ORDER BY number", (handle,))
        return [Signal(row[0], row[1], self._opened(row[2])) for row in rows]

    def forget_signals(self, handle: str) -> None:
        self._write("DELETE FROM signals WHERE handle = ?", (handle,))

    def _stacks(self, where: str, values: tuple[Any, ...]) -> list[Stack]:
        rows = self._read(f"SELECT * FROM stacks {where}", values)  # noqa: S608 - the clauses are written above
        return [Stack(*(*row[:8], _request(self._opened(row[8])))) for row in rows]

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._lock:
            self._db.execute(sql, values)

    def _sealed(self, value: Any) -> bytes:
        return self._seal.encrypt(json.dumps(value).encode())

    def _opened(self, value: bytes) -> Any:
        return json.loads(self._seal.decrypt(value))


def _request(value: dict[str, Any]) -> CreateRequest:
    tags = tuple((key, text) for key, text in value.pop("tags"))
    return CreateRequest(**{**value, "notification_urls": tuple(value["notification_urls"])}, tags=tags)


def _key(path: Path) -> bytes:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
    return path.read_bytes()
