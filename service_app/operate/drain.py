"""`drain`: this machine's server takes no new work, finishes the windows in hand, gives its jobs to the other nodes.
For an upgrade, and for the machine that is about to be taken away."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from ..settings import Settings
from .terminal import say

_LOOK_SECONDS: Final = 0.2


def drain(arguments: Namespace) -> int:
    """0 when nothing is left to do here, also when no server runs; raises ValueError when time is over before."""
    settings = Settings.from_environment()
    end = time.monotonic() + arguments.timeout
    told: object = None
    while (process := _server(settings.data_dir / "server.lock")) is not None:
        state = _state(settings)
        if state.get("reason") != "draining":
            os.kill(process, signal.SIGUSR1)  # harmless to repeat
        else:
            left: dict[str, int] = state["left"]
            if left != told:
                told = left
                say(", ".join(f"{count} {what}" for what, count in left.items()), file=sys.stderr)
            if not any(left.values()):
                say("Nothing is left here; the server may be stopped.", file=sys.stderr)
                return 0
        if time.monotonic() > end:
            raise ValueError(f"not drained after {arguments.timeout} s; stopping the server hands over what is left")
        time.sleep(_LOOK_SECONDS)
    say("No server runs here: there is nothing to drain.", file=sys.stderr)
    return 0


def _server(lock: Path) -> int | None:
    """The process that holds the lock."""
    try:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def _state(settings: Settings) -> dict[str, Any]:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
