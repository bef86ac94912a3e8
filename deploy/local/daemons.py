"""Programs of this machine that stand for the cloud's services: their folders, their processes, their end.

Each belongs to one resource, whose id every process of it carries in its environment, as an instance's do; so it
outlives an emulator that was killed, and is found and ended with the resource.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import ResourceError
from .instances import MARK, end_marked

_START_SECONDS = 60.0


class Daemons:
    """Their records lie below one folder; a record is a JSON map that holds at least the daemon's `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, daemon: str) -> dict[str, Any]:
        """Empty when there is none."""
        path = self._record(daemon)
        found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """All, by daemon."""
        return {path.stem: json.loads(path.read_text()) for path in self._folder.glob("*.json")}

    def keep(self, daemon: str, **values: Any) -> None:
        """Adds values to its record."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._record(daemon)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self.record(daemon) | values))
        fresh.replace(path)

    def make_folder(self, daemon: str, user: str = "") -> Path:
        """A folder that `user` can reach: not below the state folder, which is its owner's alone."""
        if user:
            made = Path(tempfile.mkdtemp(prefix="whisper-local-", dir="/var/tmp"))  # kept over a restart
            entry = pwd.getpwnam(user)
            os.chown(made, entry.pw_uid, entry.pw_gid)
        else:
            made = self._folder / daemon
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.keep(daemon, folder=str(made))
        return made

    def start(self, daemon: str, command: Sequence[str], *, log: Path) -> int:
        """Begins a process in a session of its own and returns its id."""
        with log.open("ab") as sink:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True,
                cwd="/", env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", MARK: daemon},
            ).pid  # fmt: skip

    def remove(self, daemon: str) -> None:
        """Ends it and removes what it kept; one that is gone is no error."""
        end_marked(daemon)
        if folder := self.record(daemon).get("folder"):
            shutil.rmtree(folder, ignore_errors=True)
        self._record(daemon).unlink(missing_ok=True)

    def _record(self, daemon: str) -> Path:
        return self._folder / f"{daemon}.json"


def program(name: str, package: str, what: str, places: Sequence[Path] = ()) -> str:
    """The path of a program. Raises ResourceError that names the Debian package which has it."""
    found = next((str(place / name) for place in places if (place / name).is_file()), None) or shutil.which(name)
    if found is None:
        raise ResourceError(
            f"The local target needs {name} for {what}, and this machine has none; install the package {package}, as "
            f"with: apt-get install {package}"
        )
    return found


def until(ready: Callable[[], bool], what: str, log: Path) -> None:
    """Waits until `ready`. Raises ResourceError with the end of the log."""
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            said = log.read_text(errors="replace").splitlines()[-3:] if log.is_file() else []
            raise ResourceError(f"{what} does not answer: {' / '.join(said)}")
        time.sleep(0.05)
