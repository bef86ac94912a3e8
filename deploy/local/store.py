"""The emulator's memory: one SQLite file. What a user typed or a script printed is sealed (encrypted with a key that
lies beside it, 0600), so that the file alone, a backup of it or a search through it shows nobody's password."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
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
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, stack TEXT NOT NULL, created REAL NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (kind, id));
"""
# What was added since a state folder may have been made; each is done once, in this order.
_MIGRATIONS = (
    "ALTER TABLE stacks ADD COLUMN previous BLOB",
    "ALTER TABLE resources ADD COLUMN made BLOB",
)


@dataclass(frozen=True)
class CreateRequest:
    """What CreateStack, or UpdateStack since, was asked for."""

    template: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    timeout_minutes: int = 60
    rollback: bool = True
    deletion_protection: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    notification_urls: tuple[str, ...] = ()
    replacement: bool = False  # of an update: resources may be replaced
    taint: tuple[str, ...] = ()  # of an update: resources to replace in any case


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
    previous: CreateRequest | None = None  # while an update goes on or has failed: what to go back to


@dataclass(frozen=True)
class Resource:
    """`properties` are those it was last made or changed with, `needs` the siblings that it referred to then; `drift`
    is what the last look at it found."""

    stack: str
    name: str
    type: str
    physical_id: str
    status: str
    reason: str
    created: float
    updated: float
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    needs: tuple[str, ...] = ()
    retain: bool = False
    drift: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ready(self) -> bool:
        """It exists and has its attributes."""
        return self.status == "CREATE_COMPLETE" or self.status.startswith("UPDATE_")


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


_PLAIN = ("stack", "name", "type", "physical_id", "status", "reason", "created", "updated")


class Store:
    """Each method is one short transaction; safe to call from any thread."""

    def __init__(self, folder: Path) -> None:
        self._seal = Fernet(_key(folder / "seal.key"))
        self._lock = threading.RLock()
        path = folder / "state.sqlite3"
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A process that is killed loses nothing, a power cut the last moments.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        done: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        for number, step in enumerate(_MIGRATIONS[done:], done + 1):
            self._db.execute(step)
            self._db.execute(f"PRAGMA user_version = {number}")

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
        plain = (stack.id, stack.name, stack.region, stack.status, stack.reason, stack.created, stack.updated)
        previous = self._sealed(vars(stack.previous)) if stack.previous else None
        row = (*plain, stack.token, self._sealed(vars(stack.request)), previous)
        self._write("INSERT OR REPLACE INTO stacks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

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
        row = (
            *(getattr(resource, key) for key in _PLAIN),
            self._sealed(dict(resource.attributes)),
            self._sealed({key: getattr(resource, key) for key in ("properties", "needs", "retain", "drift")}),
        )
        self._write("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def forget_resource(self, stack_id: str, name: str) -> None:
        self._write("DELETE FROM resources WHERE stack = ? AND name = ?", (stack_id, name))

    def resources(self, stack_id: str) -> dict[str, Resource]:
        """By logical id, in the order in which their work began."""
        rows = self._read("SELECT * FROM resources WHERE stack = ? ORDER BY created, rowid", (stack_id,))
        return {row[1]: self._resource(row) for row in rows}

    def save_document(self, kind: str, document_id: str, stack_id: str, created: float, body: Any) -> None:
        """Keeps one JSON value of a kind under its id, in place of an earlier one."""
        row = (kind, document_id, stack_id, created, self._sealed(body))
        self._write("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", row)

    def document(self, kind: str, document_id: str) -> Any:
        """None when there is none."""
        rows = self._read("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, document_id))
        return self._opened(rows[0][0]) if rows else None

    def documents(self, kind: str, stack_id: str = "") -> list[Any]:
        """Newest first; an empty stack means all."""
        where = "WHERE kind = ? AND (stack = ? OR ? = '') ORDER BY created DESC, rowid DESC"
        rows = self._read(f"SELECT body FROM documents {where}", (kind, stack_id, stack_id))  # noqa: S608
        return [self._opened(row[0]) for row in rows]

    def forget_document(self, kind: str, document_id: str) -> None:
        self._write("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, document_id))

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

    def forget_signals(self, handle: str, which: Callable[[Signal], bool] = lambda signal: True) -> None:
        with self.transaction():
            for signal in self.signals(handle):
                if which(signal):
                    self._write("DELETE FROM signals WHERE handle = ? AND id = ?", (handle, signal.id))

    def _stacks(self, where: str, values: tuple[Any, ...]) -> list[Stack]:
        rows = self._read(f"SELECT * FROM stacks {where}", values)  # noqa: S608 - the clauses are written above
        return [
            Stack(*(*row[:8], request_of(self._opened(row[8])), request_of(self._opened(row[9])) if row[9] else None))
            for row in rows
        ]

    def _resource(self, row: tuple[Any, ...]) -> Resource:
        made = self._opened(row[9]) if row[9] else {}
        return Resource(*(*row[:8], self._opened(row[8])), **{**made, "needs": tuple(made.get("needs", ()))})

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


def request_of(value: Mapping[str, Any]) -> CreateRequest:
    """A request from the JSON value of its fields."""
    tags = tuple((key, text) for key, text in value["tags"])
    lists = {key: tuple(value.get(key, ())) for key in ("notification_urls", "taint")}
    return CreateRequest(**{**value, **lists, "tags": tags})


def _key(path: Path) -> bytes:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
    return path.read_bytes()
