"""A copy of the project to publish, and the command line aimed at a local target of the test's own."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import cli

ROOT = Path(__file__).parents[2]
PASSWORD = "Correct-Horse-9"
Deploy = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the app's package in it."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([str(ROOT / "scripts/package.sh"), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def project(tmp_path: Path, package: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "config.yaml", folder)
    for name in ("assets", "ros_templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "build").symlink_to(package)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def deploy(state: Path) -> Iterator[Deploy]:
    """Types a command; returns its exit code and what it answered as JSON."""

    def run(words: str, stdin: str = "") -> tuple[int, dict[str, Any]]:
        out, err = io.StringIO(), io.StringIO()
        code = cli.run(
            [*words.split(), "--local", "--json"],
            stdin=io.StringIO(stdin), stdout=out, stderr=err, environ={"WHISPER_LOCAL_HOME": str(state)},
        )  # fmt: skip
        assert PASSWORD not in out.getvalue() + err.getvalue()
        reply = json.loads(out.getvalue())
        return code, reply.get("data") or reply["error"]

    yield run
    run("local stop")


def reviewed(deploy: Deploy, config: str) -> None:
    """Returns once the review, which takes a moment here, is over."""
    deadline = time.monotonic() + 30
    while deploy(f"service status {config}")[1]["next"] != "launch":
        assert time.monotonic() < deadline, "the review does not end"
        time.sleep(0.05)
