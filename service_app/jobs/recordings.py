"""Where recordings are: one folder, on a cluster a mount that all nodes share, which may go away and come back.

    <folder>/<job>/media       the recording; what the engine makes of it lies beside it
    <folder>/.incoming/<node>  uploads that this node is receiving
    <folder>/.resumable        uploads that any node may go on with
    <folder>/.store            which store this is

An unmounted folder looks empty and can be written; a mount whose server is gone hangs whoever touches it. So on a
cluster the mark is read again and again by a thread of its own, and whoever needs the store asks `problem` first.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import media_away

_LOOK_SECONDS: Final = 1.0
_HANGS_SECONDS: Final = 5.0  # without an answer of the file system
_TURN_SECONDS: Final = 0.02
_ROOM: Final = 8 << 20  # bytes
_INCOMING_SECONDS: Final = 24 * 3600.0


class Recordings:
    """`mark` is the store's own name, which the database knows; None on a single machine: any folder will do."""

    def __init__(self, folder: Path, node: str, mark: str | None) -> None:
        self._folder = folder
        self._mark = mark
        self.incoming: Final = folder / ".incoming" / node
        self.resumable: Final = folder / ".resumable"
        self._asked = self._answered = time.monotonic()  # the last time that an answer came, and when it was asked for
        self._said = ""
        self._away = -math.inf  # when it was, the last time
        self._full = False
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="recordings", daemon=True)

    def open(self) -> None:
        """Blocks; on a cluster it raises `Unavailable` while the store is not there."""
        if self._mark is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._look()
        if self._said:
            raise media_away()
        # What a former process of this node had half received.
        shutil.rmtree(self.incoming, ignore_errors=True)
        if self._mark is not None:
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._wanted.set()

    @property
    def problem(self) -> str:
        """Why the store cannot be used; "" when it can."""
        silent = time.monotonic() - self._answered
        if self._mark is not None and silent > _HANGS_SECONDS:
            return f"the media store does not answer for {silent:.0f} s"
        return self._said

    def require(self) -> None:
        """Raises `Unavailable` while the store is away."""
        if self.problem:
            raise media_away()

    @property
    def full(self) -> bool:
        """Whether there is no room for the text, the log and the databases of a stage; on a cluster as of the last
        look."""
        return self._full if self._mark is not None else self._no_room()

    def _no_room(self) -> bool:
        try:
            return shutil.disk_usage(self._folder).free < _ROOM
        except OSError:
            return False  # it is away, which `problem` tells

    def space(self) -> tuple[int, int]:
        """Bytes in all and free, where recordings are. Blocking. Raises `Unavailable` while the store is away: asked
        all the same, it would not answer."""
        self.require()
        disk = shutil.disk_usage(self._folder)
        return disk.total, disk.free

    def at_fault(self) -> bool:
        """Looks now: whether what just went wrong may be the doing of the store, which may be back since. Blocks no
        longer than a store may hang."""
        now = time.monotonic()
        self._wanted.set()
        while self._mark is not None and self._asked < now and not self.problem:
            if self._stop.wait(_TURN_SECONDS):
                break
        return bool(self.problem) or now - self._away < 2 * _LOOK_SECONDS or self.full

    def media(self, job_id: str) -> Path:
        return self._folder / job_id / "media"

    def take(self, source: Path, job_id: str) -> None:
        """Moves a received file in; on disk for good when it returns. Raises OSError."""
        self._require_store()
        folder = self._folder / job_id
        folder.mkdir(mode=0o700, exist_ok=True)
        source.replace(folder / "media")
        for path in (folder / "media", folder, self._folder):
            _sync(path)
        self._require_store()  # was it still the store that was written to?

    def give_back(self, job_id: str, source: Path) -> None:
        """Undoes `take`: the job was not to be."""
        with contextlib.suppress(OSError):
            self.media(job_id).replace(source)
        self.remove(job_id)

    def again(self, job_id: str) -> Path:
        """The same bytes under a second name: no copy, and deleting one job leaves the other its recording. Raises
        FileNotFoundError."""
        self.require()
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = self.incoming / f"{uuid.uuid4().hex}.again"
        os.link(self.media(job_id), copy)
        return copy

    def remove(self, job_id: str) -> None:
        shutil.rmtree(self._folder / job_id, ignore_errors=True)

    def sweep(self, now: float, known: Callable[[list[str]], set[str]]) -> None:
        """Removes what dead nodes had half received, and folders of jobs that are not there: the store was away, or
        the process died, between the row and the folder."""
        if self.problem:
            return
        old = now - _INCOMING_SECONDS
        for path in self._folder.glob(".incoming/*/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        folders = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if not path.name.startswith(".") and path.is_dir() and path.stat().st_mtime < old:
                    folders.append(path.name)
        for job_id in set(folders) - known(folders) if folders else ():
            self.remove(job_id)

    def _require_store(self) -> None:
        if self._mark is not None:
            self._look()
        if self.problem:
            raise OSError(errno.EIO, self.problem)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._wanted.wait(_LOOK_SECONDS)
            self._wanted.clear()
            self._look()

    def _look(self) -> None:
        asked = time.monotonic()
        said = self._compare()
        if said or self.problem:
            self._away = time.monotonic()
        self._said = said
        self._full = not self._said and self._no_room()
        self._asked, self._answered = asked, time.monotonic()

    def _compare(self) -> str:
        if self._mark is None:
            return ""
        path = self._folder / ".store"
        try:
            found = path.read_text().strip()
        except FileNotFoundError:
            return f"the media store is not mounted: {path} is missing"
        except OSError as error:
            return f"the media store cannot be read: {error.strerror}"
        if found != self._mark:
            return f"another media store is mounted: {path} is not the one that the database knows"
        return ""


def make_mark(folder: Path) -> str:
    """The mark of a store that is used for the first time, or the one it has. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = folder / f".store.{uuid.uuid4().hex}"
    made.write_text(uuid.uuid4().hex)
    _sync(made)
    with contextlib.suppress(FileExistsError):  # whoever links first has made it
        os.link(made, folder / ".store")
    made.unlink()
    return (folder / ".store").read_text().strip()


def _sync(path: Path) -> None:
    """On disk for good, file or folder (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
