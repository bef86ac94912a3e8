"""The README's promise: a fresh clone, one command, and the text of a real recording, on the page and by program."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.browser.page import open_page
from tests.support import processes, recordings

ROOT = Path(__file__).parents[2]
WORDS = "ever tried ever failed no matter try again fail again fail better"


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


@pytest.mark.e2e
@pytest.mark.browser
@pytest.mark.weights
@pytest.mark.timeout(900)
def test_make_up_gives_a_page_that_transcribes_and_make_down_leaves_nothing(tmp_path: Path) -> None:
    clone, state = tmp_path / "clone", tmp_path / "state"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    # a person's environment: the project's own variables are not set, and the state is not the person's
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WHISPER_", "VIRTUAL_ENV", "PYTHON"))}
    env |= {"WHISPER_LOCAL_HOME": str(state)}

    up = subprocess.run(["make", "up"], cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        said = dict(re.findall(r"^(login address|user|password)\s+(\S+)", up.stdout, re.M))
        assert set(said) == {"login address", "user", "password"}, up.stdout
        address, user, password = said["login address"], said["user"], said["password"]
        assert not (clone / ".venv/lib/python3.11/site-packages/torch").exists(), "make up needs no torch"

        recording = recordings.beckett()
        with open_page(address) as page:
            page.login(user, password)
            page.upload(recording)
            page.transcribe()
            assert words(page.text()) == WORDS
            srt = page.download("srt").read_text(encoding="utf-8")
        assert re.match(r"1\n00:00:00,\d{3} --> 00:00:\d\d,\d{3}\n", srt)
        assert words(re.sub(r"[\d:,>-]+", " ", srt)) == WORDS

        answer = subprocess.run(
            ["curl", "-sS", "-u", f"{user}:{password}", f"{address}v1/audio/transcriptions",
             "-F", f"file=@{recording}", "-F", "model=whisper-1", "-F", "response_format=text"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert words(answer) == WORDS

        # the password is in what was printed to its owner, and nowhere else
        assert not list(processes.files_holding(password, state, clone))
        assert not processes.mentioning(password)
    finally:
        down = subprocess.run(["make", "down"], cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert down.returncode == 0, down.stdout + down.stderr

    assert not processes.mentioning(str(state)), "delete leaves no process"
    assert not state.exists() or not list(state.iterdir()), "delete leaves no file"
    port = int(re.search(r":(\d+)/", address)[1])  # type: ignore[index]
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
    shutil.rmtree(clone)
