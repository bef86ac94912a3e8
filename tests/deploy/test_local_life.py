"""The whole life of a stack on this machine, by the commands that a person types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes

ROOT = Path(__file__).parents[2]
PASSWORD = "Correct-Horse-9"


def own_world(state: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    return environment | {"WHISPER_LOCAL_HOME": str(state), "PYTHONPATH": str(ROOT)}


def deploy(words: str, state: Path, stdin: str = "") -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *words.split(), "--local", "--json"],
        input=stdin, capture_output=True, text=True, env=own_world(state), check=False,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.weights
def test_create_answers_and_delete_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    create = "create --spec gn7i-c16g1 --name life --user ada --password-stdin"
    code, reply, progress = deploy(create, state, stdin=f"{PASSWORD}\n")
    assert code == 0, (reply, progress)
    try:
        address = reply["data"]["login_address"]
        assert reply["data"]["outputs"]["ApiAddress"] == reply["data"]["api_address"] == f"{address}v1"
        with urllib.request.urlopen(f"{address}readyz", timeout=10) as answer:
            assert answer.status == 200
        assert "WaitCondition  CREATE_COMPLETE" in progress

        code, taken, _ = deploy(create, state, stdin=f"{PASSWORD}\n")
        assert (code, taken["error"]["code"]) == (1, "StackExists")
        assert f"answers at {address}" in taken["error"]["message"]
        looks = ("list", "status life", "events life", "outputs life")
        with ThreadPoolExecutor(len(looks)) as pool:
            assert [code for code, _, _ in pool.map(lambda words: deploy(words, state), looks)] == [0] * len(looks)

        assert not list(processes.files_holding(PASSWORD, state))
        assert not processes.mentioning(PASSWORD)
    finally:
        code, reply, progress = deploy("delete life --yes", state)
    assert code == 0, (reply, progress)
    assert not state.exists()
    assert not processes.mentioning(str(state))
    assert deploy("list", state)[1]["data"] == {"stacks": []}
