"""guard.py around real programs, with a socket that stands for systemd's."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "guard.py"
SERVER = "import http.server as h, os; h.HTTPServer(('127.0.0.1', int(os.environ['WHISPER_PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"  # noqa: E501


def load() -> object:
    spec = importlib.util.spec_from_file_location("guard", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("ages", "seconds"),
    [([], 0), ([1, 2], 0), ([1, 2, 3], 2), ([1, 2, 3, 4], 4), ([1] * 12, 60), ([601, 602, 603, 604], 0), ([-5] * 9, 0)],
)
def test_pause_grows_with_recent_starts(ages: list[float], seconds: float) -> None:
    now = 10_000.0
    assert load().pause([now - age for age in ages], now) == seconds  # type: ignore[attr-defined]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def guard(tmp_path: Path, *command: str, port: int | str = "7860", **changes: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "WHISPER_PORT": str(port), "RUNTIME_DIRECTORY": str(tmp_path)} | changes
    return subprocess.Popen(
        [sys.executable, SCRIPT, *command], env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize("port", [1, "none"])
def test_ends_as_the_app_ends(tmp_path: Path, port: int | str) -> None:
    assert guard(tmp_path, sys.executable, "-c", "raise SystemExit(7)", port=port).wait(20) == 7
    assert guard(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)", port=port).wait(20) == 137
    assert len((tmp_path / "starts").read_text().split()) == 2


def test_ready_hang_and_stop(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(tmp_path / "notify")
        systemd.bind(address)
        systemd.settimeout(30)
        port = free_port()
        app = [sys.executable, "-c", SERVER]
        running = guard(tmp_path, *app, port=port, NOTIFY_SOCKET=address, WHISPER_HANG_SECONDS="1")
        while b"READY=1" not in systemd.recv(4096):
            pass
        child = int(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()[0])
        os.kill(child, signal.SIGSTOP)
        assert running.wait(40) == 1
        assert running.stderr
        assert "has not answered for 1 s" in running.stderr.read()

        again = guard(tmp_path, *app, port=free_port(), NOTIFY_SOCKET=address)
        while b"READY=1" not in systemd.recv(4096):
            pass
        again.terminate()
        assert again.wait(20) == 143, "the app's own end by SIGTERM"
