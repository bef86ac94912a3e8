"""`create --instance systemd` where an instance cannot boot: one line that says what is missing; nothing is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CREATE = "create --spec gn7i-c16g1 --instance systemd --generate-password --json"


def create(words: str, state: Path, *before: str) -> tuple[int, dict[str, str]]:
    environment = {**os.environ, "WHISPER_LOCAL_HOME": str(state), "PATH": str(state), "PYTHONPATH": str(ROOT)}
    command = [*before, sys.executable, "-m", "deploy", *CREATE.split(), *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)["error"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the tools are asked for as root only")
def test_missing_tools_are_named_with_their_packages(tmp_path: Path) -> None:
    code, error = create("--local", tmp_path / "state")
    assert (code, error["code"]) == (1, "InstanceNotPossible")
    assert "systemd-nspawn" in error["message"]
    assert "mmdebstrap" in error["message"]
    assert error["remedy"] == "apt-get install systemd-container slirp4netns iproute2 nftables mmdebstrap"
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    as_nobody = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
    readable = subprocess.run([*as_nobody, sys.executable, "-c", ""], capture_output=True, check=False)
    if readable.returncode:  # this Python lies in a folder of root's
        as_nobody = ("/usr/bin/unshare", "--user", "--map-user=1000", "--")
    code, error = create("--local", tmp_path / "state", *as_nobody)
    assert (code, error["code"]) == (1, "InstanceNotPossible")
    assert "needs root on Linux" in error["message"]


def test_it_is_of_the_local_target(tmp_path: Path) -> None:
    code, error = create("--region cn-hangzhou --zone cn-hangzhou-h --client-cidr 203.0.113.7", tmp_path / "state")
    assert (code, error["remedy"]) == (2, "add --local")
