"""`python -m deploy.local serve --state DIR [--port N] [--faults FILE] [--detach]`"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .faults import Faults

LOG_FILE = "emulator.log"


def main(arguments: list[str] | None = None) -> int:
    """0 done, 1 could not serve, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="An emulated ROS endpoint on 127.0.0.1")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="serve until SIGTERM")
    serve.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder for everything it keeps")
    serve.add_argument(
        "--port", type=int, default=0, metavar="N", help="port on 127.0.0.1 (default: the last one, or a free one)"
    )
    serve.add_argument("--detach", action="store_true", help="return once it answers; log to DIR/emulator.log")
    serve.add_argument(
        "--faults", type=Path, metavar="FILE", help="what goes wrong; see deploy/local/faults.example.yaml"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error("--port: a number from 0 to 65535")
    from .faults import FaultFileError, Faults, read_faults

    try:
        faults = read_faults(options.faults) if options.faults else Faults()
    except FaultFileError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return (_detach if options.detach else _serve)(options.state, options.port, faults)


def _serve(state: Path, port: int, faults: Faults) -> int:
    from .server import ServeError, read_endpoint, serve

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        serve(state, port, lambda: _tell(f"local target: {read_endpoint(state)['url']} (state in {state})"), faults)
    except ServeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _detach(state: Path, port: int, faults: Faults) -> int:
    """Forks before any thread exists; the child tells through a pipe that it answers, or why it cannot."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with os.fdopen(reader) as pipe:
            problem = pipe.read()
        if problem != "ready":
            print(problem or "the local target ended while starting", file=sys.stderr)  # noqa: T201
            return 1
        return 0
    os.close(reader)
    os.setsid()
    os._exit(_child(state, port, writer, faults))


def _child(state: Path, port: int, writer: int, faults: Faults) -> int:
    from .server import ServeError, serve

    def ready() -> None:
        os.write(writer, b"ready")
        os.close(writer)

    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(state / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        os.write(writer, f"{state}: cannot keep state here ({error.strerror}); choose a folder with --state".encode())
        return 1
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        serve(state, port, ready, faults)
    except ServeError as error:
        os.write(writer, str(error).encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
