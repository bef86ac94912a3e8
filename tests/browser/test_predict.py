"""`/predict` as programs of the first Whisper Space call it: gradio_client, (audio, task) -> text."""

from __future__ import annotations

import base64
import json
import wave
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.browser.conftest import Site
from tests.support.recordings import BECKETT_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.weights]


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    login = base64.b64encode(f"{site.user}:{site.password}".encode()).decode()
    return Client(site.address, headers={"Authorization": f"Basic {login}"}, verbose=False)


def test_audio_and_task_give_the_text(client: Client, beckett: Path) -> None:
    assert client.predict(handle_file(str(beckett)), "transcribe", api_name="/predict") == BECKETT_TEXT


def test_what_cannot_be_done_is_said(client: Client, beckett: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="English only"):
        client.predict(handle_file(str(beckett)), "translate", api_name="/predict")
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Sir", "utf-8")
    with pytest.raises(AppError, match="no audio or video"):
        client.predict(handle_file(str(letter)), "transcribe", api_name="/predict")


def test_it_is_said_in_the_caller_s_language(site: Site, beckett: Path, tmp_path: Path) -> None:
    login = base64.b64encode(f"{site.user}:{site.password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Accept-Language": "zh-CN"}
    client = Client(site.address, headers=headers, verbose=False)
    (letter := tmp_path / "letter.txt").write_text("Dear Sir", "utf-8")
    for path, task, said in (
        (beckett, "translate", "只支持英语"),
        (letter, "transcribe", "不是可以识别的音频"),
        (beckett, "foo", "task 应为 transcribe"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(handle_file(str(path)), task, api_name="/predict")


def test_a_key_for_speech_opens_it_and_pays(site: Site, beckett: Path) -> None:
    with httpx.Client(base_url=site.address, auth=(site.user, site.password), timeout=60) as http:
        new = {"name": "one minute", "scopes": ["speech"], "daily_minutes": 1}
        key = http.post("/api/keys", json=new).json()
        client = Client(site.address, headers={"Authorization": f"Bearer {key['key']}"}, verbose=False)
        for _ in range(60 // int(recording_seconds(beckett)) + 1):
            assert client.predict(handle_file(str(beckett)), "transcribe", api_name="/predict") == BECKETT_TEXT
        # Refused when it is sent: it would only fill the disk.
        with pytest.raises(httpx.HTTPStatusError, match="429"):
            client.predict(handle_file(str(beckett)), "transcribe", api_name="/predict")
        http.delete(f"/api/keys/{key['id']}")


def recording_seconds(path: Path) -> float:
    with wave.open(str(path), "rb") as recording:
        return recording.getnframes() / recording.getframerate()


def test_no_file_of_the_server_and_no_stranger(site: Site, beckett: Path) -> None:
    """Each path in a request of its own making; only what was uploaded is taken."""
    (site.folder / "data" / "gradio" / "link").symlink_to(beckett)
    paths = (
        "/etc/hostname",
        str(site.folder / "data" / "whisper.sqlite"),
        str(site.folder / "data" / "gradio" / ".." / "whisper.sqlite"),
        str(site.folder / "data" / "gradio" / "link"),
    )
    with httpx.Client(base_url=site.address, auth=(site.user, site.password), timeout=60) as http:
        jobs = http.get("/api/jobs").json()["jobs"]
        for path in paths:
            audio = {"path": path, "orig_name": "a.wav", "meta": {"_type": "gradio.FileData"}}
            event = http.post("/gradio_api/call/predict", json={"data": [audio, "transcribe"]})
            if event.status_code == 200:
                answer = http.get(f"/gradio_api/call/predict/{event.json()['event_id']}").text
                assert "event: error" in answer, json.dumps(path)
        assert http.get("/api/jobs").json()["jobs"] == jobs, "none of them became a job"
    for path in ("/gradio_api/upload", "/gradio_api/call/predict"):
        assert httpx.post(site.address + path, json={"data": []}).status_code == 401
