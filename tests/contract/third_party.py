"""Other people's programs, each in a virtual environment of its own: made once, kept in .cache/venvs by the name and
the digest of its lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENVS = ROOT / ".cache" / "venvs"
_READY = "ready"  # there once everything is installed


@dataclass(frozen=True)
class Answer:
    code: int
    text: str


def python_of(package: str) -> Path:
    """The interpreter of `package`'s environment, which is made when it is not there. Slow the first time."""
    lock = HERE / f"{package}.lock"
    folder = VENVS / f"{package}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    VENVS.mkdir(parents=True, exist_ok=True)
    with (VENVS / f"{package}.busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        if not (folder / _READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
            # The lock is complete, so nothing is resolved; this environment's pip installs, so there is no other.
            install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps",
                       "--no-compile", "--disable-pip-version-check", "-r", str(lock)]  # fmt: skip
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{package} cannot be installed:\n{done.stderr[-2000:]}"
            (folder / _READY).touch()
    return python


def run(package: str, driver: str, *words: str, cwd: Path, environ: dict[str, str]) -> Answer:
    """`driver` is the file here that says where the program connects; `words` are the program's own arguments."""
    home = {"HOME": str(cwd), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [str(python_of(package)), str(HERE / driver), *words],
        cwd=cwd, env=home | environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout + done.stderr)
