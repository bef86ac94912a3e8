"""`doctor`: looks at everything the service needs and says what to do about what is missing."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sqlite3
import sys
from argparse import Namespace
from collections.abc import Iterator

from ..settings import Settings, SettingsError
from .terminal import say, table

_FREE_GIB = 5
Finding = tuple[str, str, str]  # "ok" | "warn" | "FAIL", what was looked at, what was found and what to do


def doctor(_: Namespace) -> int:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        say(f"FAIL  settings  {error}")
        return 1
    found = list(_findings(settings))
    table(("", "WHAT", "FOUND"), found)
    return int(any(entry[0] == "FAIL" for entry in found))


def _findings(settings: Settings) -> Iterator[Finding]:
    if settings.admin_password_hash:
        yield "ok", "login", settings.admin_user
    else:
        yield "FAIL", "login", "WHISPER_ADMIN_PASSWORD_HASH is not set; `python -m service_app hash-password` makes one"
    # DBOS's SQLite statements need 3.42 from Python 3.12 on.
    old = sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42)
    versions = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    yield ("FAIL" if old else "ok"), "versions", versions + ("; take Python 3.11" if old else "")
    yield from _folder(settings)
    yield from _weights(settings)
    yield from _database(settings)
    yield _server(settings)


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield "FAIL", "data folder", f"{folder} cannot be written by this user; change its owner or WHISPER_DATA_DIR"
        return
    free = shutil.disk_usage(existing).free // 1024**3
    few = free < _FREE_GIB
    yield ("warn" if few else "ok"), "data folder", f"{folder}, {free} GiB free" + ("; delete old jobs" if few else "")


def _weights(settings: Settings) -> Iterator[Finding]:
    names = sorted(path.name for path in settings.models_dir.glob("*/*")) if settings.models_dir.is_dir() else []
    if names:
        yield "ok", "models", f"{settings.models_dir}: {', '.join(names)}"
    else:
        yield "warn", "models", f"{settings.models_dir}: no weights; installed packages with weights may still do"


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from ..database import connect

    kind = "PostgreSQL" if settings.database_url else "SQLite"
    if not settings.database_url and not (settings.data_dir / "whisper.sqlite").exists():
        yield "ok", "database", "SQLite, not made yet: the first start makes it"
        return
    try:
        with connect(settings.database).connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except SQLAlchemyError as error:
        yield "FAIL", "database", f"{kind}: {str(error.__cause__ or error).splitlines()[0]}"
    else:
        yield "ok", "database", kind


def _server(settings: Settings) -> Finding:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return "warn", "server", f"nothing answers on {settings.host}:{settings.port}; start it, or look at its log"
    finally:
        connection.close()
    if answer.status == 200:
        devices = ", ".join(device["name"] for device in body.get("devices", ()))
        return "ok", "server", f"ready: {body.get('engine')} {body.get('model')} on {devices}"
    return "FAIL", "server", f"not ready: {body.get('reason')}"
