"""`backup` and `restore`: databases, keys and, unless left out, recordings, as one .tar. The server may run during a
backup; restoring needs an empty data folder."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from .. import __version__
from ..settings import Settings
from .terminal import say

_DATABASES: Final = ("queue.sqlite", "whisper.sqlite")  # the queue first: a job unknown to it is queued again
_FILES: Final = ("webhook.key", "node")
_LABEL: Final = "whisper-backup.json"


def backup(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    target: Path = arguments.file
    if target.exists():
        raise ValueError(f"{target}: exists already; choose another name")
    if not settings.database_url and not (settings.data_dir / _DATABASES[1]).exists():
        raise ValueError(f"{settings.data_dir}: nothing to back up there; is WHISPER_DATA_DIR the server's?")
    unfinished = target.with_suffix(target.suffix + ".part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(0o600)  # before there is anything in it to read
    try:
        with tarfile.open(unfinished, "w") as archive, tempfile.TemporaryDirectory() as folder:
            label = json.dumps({"version": __version__, "made": time.time()}).encode()
            entry = tarfile.TarInfo(_LABEL)
            entry.size = len(label)
            archive.addfile(entry, io.BytesIO(label))
            for name in _DATABASES:
                if (settings.data_dir / name).exists():
                    copy = Path(folder) / name
                    # SQLite's own copy: consistent while the server writes.
                    with (
                        contextlib.closing(sqlite3.connect(settings.data_dir / name)) as source,
                        contextlib.closing(sqlite3.connect(copy)) as made,
                    ):
                        source.backup(made)
                    archive.add(copy, name)
            for name in _FILES:
                if (settings.data_dir / name).exists():
                    archive.add(settings.data_dir / name, name)
            if not arguments.without_media:
                # Samples beside a recording are made again when they are needed.
                for path in sorted(settings.media.glob("[!.]*/media")):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        archive.add(path, str("media" / path.relative_to(settings.media)))
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    if settings.database_url:
        say("The tables are in PostgreSQL: back them up with pg_dump.", file=sys.stderr)
    say(str(target))
    return 0


def restore(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    folder = settings.data_dir
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder}: is not empty; stop the server and move the folder away first")
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(arguments.file))
            names = archive.getnames()
        except tarfile.ReadError:
            raise ValueError(f"{arguments.file}: is no backup, or only a part of one") from None
        if _LABEL not in names:
            raise ValueError(f"{arguments.file}: is no backup of this service")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = sum(member.size for member in archive.getmembers())
        if shutil.disk_usage(folder).free < size:
            raise ValueError(f"{folder}: the disk has less than the {size >> 20} MiB that the backup needs")
        archive.extractall(folder, filter="data")
    (folder / _LABEL).unlink()
    if settings.media_dir is not None and (folder / "media").exists():
        shutil.copytree(folder / "media", settings.media_dir, dirs_exist_ok=True)
        shutil.rmtree(folder / "media")
    say(f"{folder}: restored; start the server", file=sys.stderr)
    return 0
