"""The OpenAI endpoints through the official SDK, and what they refuse."""

from __future__ import annotations

import io

import httpx
import openai
import pytest

from .conftest import Server

FORM_TYPE = {"content-type": "multipart/form-data; boundary=b"}
TWO = ("two.wav", b"SPEECH 2 0.01")


@pytest.fixture(scope="module")
def sdk(server: Server) -> openai.OpenAI:
    made = server.run("keys", "add", "sdk")
    assert made.returncode == 0, made.stderr
    return openai.OpenAI(api_key=made.stdout.strip(), base_url=f"{server.url}/v1", max_retries=0)


def test_the_formats(sdk: openai.OpenAI) -> None:
    create = sdk.audio.transcriptions.create
    text = "window 0 <b>一</b> window 1 <b>一</b>"
    assert create(file=TWO, model="whisper-1").text == text
    assert create(file=TWO, model="timed", response_format="text") == text + "\n"
    assert create(file=TWO, model="whisper-1", response_format="srt").startswith(
        "1\n00:00:00,000 --> 00:00:10,000\nwindow 0 <b>一</b>\n\n2\n"
    )
    vtt = create(file=TWO, model="whisper-1", response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:10.000\nwindow 0 &lt;b&gt;一&lt;/b&gt;\n\n")
    verbose = create(
        file=TWO, model="whisper-1", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (verbose.language, verbose.duration, verbose.text) == ("english", 20.0, text)
    assert [segment.seek for segment in verbose.segments or []] == [0, 1000]
    assert [word.word for word in verbose.words or []] == ["window", "window"]
    assert sdk.audio.translations.create(file=TWO, model="whisper-1").text == text
    assert [model.id for model in sdk.models.list()] == ["timed"]


def test_errors_have_the_sdks_types(sdk: openai.OpenAI) -> None:
    create = sdk.audio.transcriptions.create
    with pytest.raises(openai.NotFoundError) as unknown:
        create(file=TWO, model="nothing")
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
    assert unknown.value.request_id
    for fields, code in (
        ({"language": "klingon"}, "unsupported_language"),
        ({"response_format": "diarized_json"}, "bad_response_format"),
        ({"temperature": 2}, "bad_temperature"),
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            create(file=TWO, model="whisper-1", **fields)  # type: ignore[call-overload]
        assert bad.value.code == code
    with pytest.raises(openai.APIStatusError) as wrong:
        create(file=("x.mp3", b"this is no audio"), model="whisper-1")
    assert (wrong.value.status_code, wrong.value.code) == (415, "not_audio")
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="sk-wrong").models.list()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"data": {"model": "whisper-1"}, "files": {"other": b"x"}}, 400, "one_file"),
        ({"data": {"model": "whisper-1"}}, 400, "not_multipart"),
        ({"files": {"file": ("", b"")}}, 400, "no_file"),
        ({"files": {"file": b""}}, 400, "empty_file"),
        ({"files": [("file", b"x"), ("file", b"y")]}, 400, "one_file"),
        ({"files": {"file": b"x" * (5 << 20)}}, 413, "file_too_large"),
        (
            {"content": b"--b\r\nbroken", "headers": FORM_TYPE},
            400,
            "broken_form",
        ),
        ({"files": {"file": b"x"}, "data": {"prompt": "x" * 70_000}}, 400, "field_too_long"),
    ],
)
def test_bad_forms(server: Server, body: dict[str, object], status: int, code: str) -> None:
    with server.program() as client:
        answer = client.post("/v1/audio/transcriptions", **body)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        client.headers["accept-language"] = "zh-CN"
        chinese = client.post("/v1/audio/transcriptions", **body)  # type: ignore[arg-type]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese.json()["error"]["message"])
    assert not list((server.data_dir / "uploads").glob("*"))


def test_a_stream_without_length_is_cut_at_the_limit(server: Server) -> None:
    sent = 0

    def body() -> object:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        while sent < 1 << 30:
            sent += 1 << 20
            yield b"x" * (1 << 20)

    with server.program() as client:
        try:
            answer = client.post("/v1/audio/transcriptions", content=body(), headers=FORM_TYPE)
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # the server has closed while we were still sending
    assert sent < 128 << 20
    assert not list((server.data_dir / "uploads").glob("*"))


def test_a_caller_that_leaves_takes_its_job_along(server: Server) -> None:
    with server.program() as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/audio/transcriptions", files={"file": ("gone.wav", b"SPEECH 50 0.2")}, timeout=1.0)
        (job,) = client.get("/api/jobs", params={"search": "gone.wav"}).json()["jobs"]
        while job["state"] == "running":
            job = client.get(f"/api/jobs/{job['id']}").json()
        assert job["state"] == "cancelled"


def test_the_prompt_may_be_a_file_like_object(sdk: openai.OpenAI) -> None:
    recording = io.BytesIO(b"SPEECH 1 0.01")
    recording.name = "会议 记录.m4a"
    assert sdk.audio.transcriptions.create(file=recording, model="whisper-1", language="zh").text
