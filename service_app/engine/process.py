"""Child processes of the engine: joined to the server by one pipe each, never left behind.

The server has threads, so it never forks; a child is a fresh Python. A `Prepared` child is one that has loaded its
libraries, runs nothing beside its main thread, and forks for each piece of work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.connection import Pipe as pipe  # noqa: N813
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]  # where the package service_app is found
NICE = 5  # of every child: the page and the interfaces answer first
END_SECONDS = 5.0  # from the end of the pipe to the end of the process


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

    def await_end(self) -> None:
        """Blocks until it ends, and leaves it for `end` to reap."""
        with suppress(ChildProcessError):  # reaped already
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    @property
    def end_told(self) -> str:
        """How it ended, in words; it has, or is just about to."""
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "the worker process closed its pipe"
        if status == -signal.SIGKILL:
            return "the worker process was killed, as the system does when memory runs out"
        if status < 0:
            return f"the worker process crashed: {signal.strsignal(-status)}"
        return f"the worker process ended with exit status {status}"

    def kill(self) -> None:
        """Kill it; whoever holds it sees the end of the pipe and calls `end`."""
        self._process.kill()

    def end(self) -> int:
        """Kill it if it still runs, reap it, close the pipe. Returns its exit status."""
        self._process.kill()
        status = self._process.wait()
        self.connection.close()
        return status


class Forked:
    """A fork of a prepared child. `await_start` comes first."""

    def __init__(self, connection: Connection[object, object]) -> None:
        self.connection = connection
        self.pid = 0
        self._handle = -1  # the process itself: its number may be another's by the time it is killed

    def await_start(self, seconds: float) -> bool:
        """Whether it answers within so many seconds. Raises EOFError when it never will."""
        if not self.connection.poll(seconds):
            return False
        self.pid = int(json.loads(self.connection.recv_bytes())["pid"])
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(self.pid)
        return True

    def kill(self) -> None:
        if self._handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def end(self) -> None:
        """Kill it if it still runs and close the pipe; its parent reaps it."""
        self.kill()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self.connection.close()


class Prepared:
    """Starts `module` when it is first needed, and again should it have died; the module calls `serve_forks`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._child: Child | None = None

    def start(self) -> None:
        with self._lock:
            self._running()

    def _running(self) -> Child:
        if self._child is None or not self._child.running:
            if self._child:
                self._child.end()
            # Libraries that would start threads for arithmetic: forking takes a process without any.
            self._child = Child(self._module, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        return self._child

    def fork(self) -> Forked:
        """Returns at once; `Forked.await_start` waits."""
        ours, theirs = pipe()
        try:
            with self._lock:
                child = self._running()
                reduction.send_handle(child.connection, theirs.fileno(), child.pid)
        except OSError:  # it has just died; the end of the pipe tells
            pass
        finally:
            theirs.close()
        return Forked(ours)

    def end(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child:
            child.end()


def serve_forks(connection: Connection[object, object], work: Callable[[Connection[object, object]], None]) -> NoReturn:
    """In a prepared child: fork for each piece of work, until the server has gone. `work` gets the fork's own pipe.

    A fork ends without Python's and the libraries' own ends, which wait for threads that a fork does not have.
    """
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        try:
            descriptor = reduction.recv_handle(connection)
        except (EOFError, OSError):
            os._exit(0)
        if os.fork() == 0:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                connection.close()
                mine: Connection[object, object] = Connection(descriptor)
                mine.send_bytes(json.dumps({"pid": os.getpid()}).encode())
                work(mine)
            except BaseException:  # told here, because nothing comes after it
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(descriptor)


def _reap(*_: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
