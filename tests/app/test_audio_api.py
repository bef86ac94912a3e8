"""The OpenAI endpoints through the official SDK, and what they refuse."""

from __future__ import annotations

import contextlib
import io
import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from .conftest import NewServer, Server, create, ended

FORM_TYPE = {"content-type": "multipart/form-data; boundary=b"}
TWO = ("two.wav", b"SPEECH 2 0.01")
_PATH = "/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def sdk(server: Server, key: str) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0)


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
        ({"response_format": "srt", "stream": True}, "bad_stream"),
        ({"response_format": "verbose_json", "include": ["logprobs"]}, "bad_include"),
        ({"timestamp_granularities": ["word"]}, "bad_timestamp_granularities"),
        ({"chunking_strategy": "never"}, "bad_chunking_strategy"),
        ({"chunking_strategy": {"type": "server_vad", "threshold": -1}}, "bad_chunking_strategy"),
        ({"extra_body": {"languages": ["klingon"]}}, "unsupported_language"),
        ({"extra_body": {"condition_on_previous_text": "maybe"}}, "bad_condition_on_previous_text"),
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            create(file=TWO, model="whisper-1", **fields)  # type: ignore[call-overload]
        assert bad.value.code == code
    for strategy, said in (("{", "not valid JSON: '{'"), ('{"threshold": 1}', "cannot be '{\"threshold\": 1}'")):
        with pytest.raises(openai.BadRequestError, match=re.escape(said)):
            create(file=TWO, model="whisper-1", extra_body={"chunking_strategy": strategy})
    for name in ("nothing", "nope/x y", "../nope", "/"):
        with pytest.raises(openai.NotFoundError) as missing:
            sdk.models.retrieve(name)
        assert missing.value.code == "model_not_found"
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
    assert not list((server.data_dir / "media" / ".incoming").glob("*/*"))


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
    assert not list((server.data_dir / "media" / ".incoming").glob("*/*"))


def test_a_caller_that_leaves_takes_its_job_along(server: Server) -> None:
    with server.program() as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/audio/transcriptions", files={"file": ("gone.wav", b"SPEECH 50 0.2")}, timeout=1.0)
        (job,) = client.get("/api/jobs", params={"search": "gone.wav"}).json()["jobs"]
        while job["state"] == "running":
            job = client.get(f"/api/jobs/{job['id']}").json()
        assert job["state"] == "cancelled"


def test_a_streaming_caller_that_leaves_before_the_first_word_takes_its_job_along(new_server: NewServer) -> None:
    server = new_server(TIMED_ENGINE_NEVER_READY="1").start(ready=False)
    with server.program() as client:
        while client.get("/api/jobs").status_code == 503:
            pass
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                "/v1/audio/transcriptions",
                files={"file": ("left.wav", b"SPEECH 5 0.1")},
                data={"stream": "true"},
                timeout=0.5,
            )
        (job,) = client.get("/api/jobs").json()["jobs"]
        with client.stream("GET", f"/api/jobs/{job['id']}/events") as events:
            told = [line for line in events.iter_lines() if line.startswith("event: end")]
        assert told
        assert client.get(f"/api/jobs/{job['id']}").json()["state"] == "cancelled"


def test_the_prompt_may_be_a_file_like_object(sdk: openai.OpenAI) -> None:
    recording = io.BytesIO(b"SPEECH 1 0.01")
    recording.name = "会议 记录.m4a"
    assert sdk.audio.transcriptions.create(file=recording, model="whisper-1", language="zh").text


def test_streaming_gives_the_text_as_it_comes_and_whole(sdk: openai.OpenAI) -> None:
    began = time.monotonic()
    first = None
    events = []
    for event in sdk.audio.transcriptions.create(
        file=("s.wav", b"SPEECH 6 0.5"), model="gpt-4o-transcribe", stream=True, include=["logprobs"]
    ):
        first = first or time.monotonic() - began
        events.append(event)
    whole = time.monotonic() - began
    assert [event.type for event in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    done = events[-1]
    assert done.type == "transcript.text.done"
    assert (
        done.text
        == "".join(event.delta for event in events[:-1])
        == " ".join(f"window {n} <b>一</b>" for n in range(6))
    )
    assert done.logprobs is not None
    assert len(done.logprobs) == 6
    assert first is not None
    assert whole - first > 0.5  # text came long before the end


def test_a_stream_of_what_is_no_audio_is_an_http_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as wrong:
        sdk.audio.transcriptions.create(file=("x.mp3", b"no audio"), model="whisper-1", stream=True)
    assert (wrong.value.status_code, wrong.value.code) == (415, "not_audio")


def test_a_failure_in_the_middle_of_a_stream_raises_in_the_sdk(sdk: openai.OpenAI, server: Server) -> None:
    with sdk.audio.transcriptions.create(
        file=("doomed.wav", b"SPEECH 60 0.2"), model="whisper-1", stream=True
    ) as events:
        next(iter(events))
        with server.program() as client:
            (job,) = client.get("/api/jobs", params={"search": "doomed.wav"}).json()["jobs"]
            assert client.post(f"/api/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
        with pytest.raises(openai.APIError, match="cancelled"):
            list(events)


def test_the_wire_of_a_stream(server: Server, key: str) -> None:
    with server.client(headers={"authorization": f"Bearer {key}"}) as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": TWO}, data={"stream": "true"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("\n\ndata: [DONE]\n\n")
    assert all(line.startswith("data: ") for line in answer.text.splitlines() if line)


def test_asr_as_whisper_asr_webservice_has_it(server: Server) -> None:
    def ask(query: str) -> httpx.Response:
        return client.post(f"/asr?{query}", files={"audio_file": ("asr.wav", b"SPEECH 2 0.01")})

    with server.program() as client:
        assert ask("encode=true").text == "window 0 <b>一</b>\nwindow 1 <b>一</b>\n"
        assert ask("output=srt").text.startswith("1\n00:00:00,000 --> ")
        assert ask("output=json&language=zh&script=hant&punctuation=none").json()["language"] == "zh"
        (job, *_) = client.get("/api/jobs?search=asr.wav").json()["jobs"]
        assert (job["options"]["script"], job["options"]["punctuation"]) == ("hant", "none")
        bad = ask("script=latin")
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, "script")


def test_a_retry_finds_its_job_running(server: Server, sdk: openai.OpenAI) -> None:
    slow = b"SPEECH 20 0.3"
    impatient = sdk.with_options(timeout=1.5, max_retries=4)
    assert impatient.audio.transcriptions.create(file=("retry.wav", slow), model="whisper-1").text.startswith(
        "window 0"
    )
    with server.program() as client:
        (job,) = client.get("/api/jobs", params={"search": "retry.wav"}).json()["jobs"]
    lines = (server.data_dir / "decoded.txt").read_text().splitlines()
    assert Counter(line.split()[1] for line in lines if line.startswith(job["id"])) == {str(n): 1 for n in range(20)}


def test_the_same_recording_twice_at_once_is_one_job(server: Server, key: str) -> None:
    def post(prompt: str) -> str:
        with server.client(headers={"authorization": f"Bearer {key}"}) as client:
            form = {"files": {"file": ("twin.wav", b"SPEECH 4 0.3")}, "data": {"prompt": prompt}}
            return str(client.post("/v1/audio/transcriptions", **form).json()["text"])

    with ThreadPoolExecutor(3) as pool:
        texts = list(pool.map(post, ["", "", "other parameters"]))
    assert len(set(texts)) == 1
    with server.program() as client:
        assert len(client.get("/api/jobs", params={"search": "twin.wav"}).json()["jobs"]) == 2


def _jobs(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/jobs", params={"search": name}).json()["jobs"]
    return found


def _call(server: Server, key: str, name: str, seconds: float, windows: int = 6, **fields: str) -> httpx.Response:
    with server.client(headers={"authorization": f"Bearer {key}"}) as client:
        recording = {"file": (name, f"SPEECH {windows} {seconds}".encode())}
        return client.post("/v1/audio/transcriptions", files=recording, data=fields)


def _begun(client: httpx.Client, name: str) -> dict[str, Any]:
    """The one job of this name, as soon as a window is done."""
    while not (jobs := _jobs(client, name)) or not jobs[0]["progress"]:
        pass
    (job,) = jobs
    return job


def test_other_parameters_or_another_key_are_another_job(server: Server, key: str) -> None:
    """Each caller is seen to have a job, by its first event, before the next one calls."""
    recording = {"file": ("apart.wav", b"SPEECH 400 0.05")}
    heard: list[Iterator[str]] = []
    callers: list[tuple[str, dict[str, str]]] = [(key, {}), (key, {}), (key, {"language": "de"})]
    with server.program() as client, contextlib.ExitStack() as stack:
        other = client.post("/api/keys", json={"name": "another"}).json()
        for caller, fields in (*callers, (key, {"condition_on_previous_text": "true"}), (other["key"], {})):
            program = stack.enter_context(server.client(headers={"authorization": f"Bearer {caller}"}))
            call = program.stream("POST", _PATH, files=recording, data={"stream": "true", **fields})
            heard.append(stack.enter_context(call).iter_lines())  # kept: let go, it would hang up
            assert next(heard[-1]).startswith("data: ")
        jobs = _jobs(client, "apart.wav")
        assert len(jobs) == 4  # the second has attached to the first
        for job in jobs:
            assert client.post(f"/api/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
        client.delete(f"/api/keys/{other['id']}")


def test_a_caller_that_leaves_takes_nothing_from_one_who_waits(server: Server, key: str) -> None:
    """It leaves more than the second before which an abandoned job is stopped."""
    with server.program() as client, ThreadPoolExecutor(1) as pool:
        stays = pool.submit(_call, server, key, "shared.wav", 0.5, windows=12)
        _begun(client, "shared.wav")
        with (
            server.client(headers={"authorization": f"Bearer {key}"}) as hasty,
            pytest.raises(httpx.ReadTimeout),
        ):
            recording = {"file": ("shared.wav", b"SPEECH 12 0.5")}
            hasty.post("/v1/audio/transcriptions", files=recording, timeout=0.3)
        assert stays.result().json()["text"].endswith("window 11 <b>一</b>")
        assert [job["state"] for job in _jobs(client, "shared.wav")] == ["done"]


def test_a_job_that_somebody_cancels_is_a_conflict_for_its_caller(server: Server, key: str) -> None:
    """409, and the SDK is told not to start it again."""
    with server.program() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_call, server, key, "halted.wav", 0.3, windows=60)
        job = _begun(client, "halted.wav")
        client.post(f"/api/jobs/{job['id']}/cancel")
        answer = waiting.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cancelled")
        assert answer.headers["x-should-retry"] == "false"


def test_an_asynchronous_job_needs_nobody_who_waits(server: Server) -> None:
    """Its watcher leaves, the time passes after which a call's job is stopped, and it goes on; and a call with the same
    recording does not attach to it."""
    with server.program() as client:
        job_id = create(client, "SPEECH 8 0.4", "alone.wav")
        with client.stream("GET", f"/api/jobs/{job_id}/events") as events:
            next(iter(events.iter_lines()))
        called = client.post("/v1/audio/transcriptions", files={"file": ("alone.wav", b"SPEECH 8 0.4")})
        assert called.status_code == 200
        assert ended(client, job_id)["state"] == "done"
        assert len(_jobs(client, "alone.wav")) == 2


def test_verbose_json_has_every_field_of_a_segment(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(file=TWO, model="whisper-1", response_format="verbose_json")
    assert answer.segments is not None
    assert set(answer.segments[0].to_dict()) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    }  # fmt: skip
    assert answer.words is None
    assert answer.usage is not None
    assert answer.usage.seconds == 20


def test_every_field_of_the_contract_is_taken(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(
        file=TWO,
        model="gpt-4o-transcribe",
        language="en",
        prompt="before",
        temperature=0.2,
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 100},
        extra_body={"languages": ["en", "zh"], "keywords": ["Hangzhou", "ECS"]},
    )
    assert answer.logprobs is not None
    assert (answer.logprobs[0].token, answer.logprobs[0].bytes) == (" window", list(b" window"))
    assert answer.logprobs[0].logprob == pytest.approx(math.log(0.9))
    assert sdk.models.retrieve("whisper-1").id == "timed"


def test_the_text_before_may_be_the_prompt(sdk: openai.OpenAI) -> None:
    def said(**fields: object) -> str:
        return sdk.audio.transcriptions.create(file=TWO, model="whisper-1", extra_body=fields).text

    chain = "0 after nothing. 1 after 0."
    assert said(condition_on_previous_text=True) == said(condition_on_previous_text="1") == chain
    assert said(condition_on_previous_text=False) == said() != chain
    again = sdk.audio.translations.create(file=TWO, model="whisper-1", extra_body={"condition_on_previous_text": True})
    assert again.text == chain
