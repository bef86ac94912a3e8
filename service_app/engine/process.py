"""Child processes of the engine: started fresh (never forked), joined to the server by one pipe, never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.connection import Pipe as pipe  # noqa: N813
from pathlib import Path

ROOT = Path(__file__).parents[2]  # where the package service_app is found


class Child:
    """A Python module running in a process of its own; `connection` is its only way to the server."""

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self.connection, theirs = pipe()
        try:
            path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **(environment or {}), "PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C on the terminal is the server's to handle
            )
        finally:
            theirs.close()

    connection: Connection[object, object]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it; whoever holds it sees the end of the pipe and calls `end`."""
        self._process.kill()

    def end(self) -> int:
        """Kill it if it still runs, reap it, close the pipe. Returns its exit status."""
        self._process.kill()
        status = self._process.wait()
        self.connection.close()
        return status
