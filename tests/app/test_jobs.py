"""The job endpoints, and that accepted work survives anything."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter

import httpx

from .conftest import NewServer, Server


def _create(client: httpx.Client, content: str, name: str = "a.wav") -> str:
    answer = client.post("/api/jobs", files={"file": (name, content.encode())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _wait(client: httpx.Client, job_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job: dict[str, object] = client.get(f"/api/jobs/{job_id}").json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
    raise AssertionError(f"job is still {job}")


def _decoded(server: Server, job_id: str) -> Counter[int]:
    lines = (line.split() for line in (server.data_dir / "decoded.txt").read_text().splitlines())
    return Counter(int(window) for job, window in lines if job == job_id)


def test_a_jobs_life(server: Server) -> None:
    with server.program() as client:
        job_id = _create(client, "SPEECH 3 0.01", "会议 <1>.wav")
        job = _wait(client, job_id)
        assert (job["state"], job["progress"], job["duration"], job["name"]) == ("done", 1.0, 30.0, "会议 <1>.wav")
        assert len(client.get(f"/api/jobs/{job_id}/segments").json()["segments"]) == 3
        part = client.get(f"/api/jobs/{job_id}/media", headers={"range": "bytes=7-7"})
        assert (part.status_code, part.content) == (206, b"3")
        for nonsense in ("bytes=5-2", "bytes=", "bytes=a-b", "seconds=0-1", "bytes=0-1,x", "junk"):
            all_of_it = client.get(f"/api/jobs/{job_id}/media", headers={"range": nonsense})
            assert (all_of_it.status_code, all_of_it.content) == (200, b"SPEECH 3 0.01"), nonsense
        beyond = client.get(f"/api/jobs/{job_id}/media", headers={"range": "bytes=99-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */13")
        for kind in ("txt", "srt", "vtt", "tsv", "json"):
            file = client.get(f"/api/jobs/{job_id}/export/{kind}")
            assert "window 2" in file.text
            assert file.headers["content-disposition"].endswith(f"%E4%BC%9A%E8%AE%AE%20_1_.{kind}")
        assert client.get(f"/api/jobs/{job_id}/export/exe").status_code == 400
        assert job_id in [entry["id"] for entry in client.get("/api/jobs?search=会议").json()["jobs"]]
        assert client.get("/api/jobs?search=会%251").json()["jobs"] == []  # a percent sign is no wild card
        assert client.delete(f"/api/jobs/{job_id}").status_code == 204
        assert client.get(f"/api/jobs/{job_id}").status_code == 404
    assert not (server.data_dir / "media" / job_id).exists()


def test_silence_gives_empty_text(server: Server) -> None:
    with server.program() as client:
        job = _wait(client, _create(client, "SPEECH 0 0"))
    assert (job["state"], job["text"], job["error"]) == ("done", "", None)


def test_cancel_keeps_the_text_so_far(server: Server) -> None:
    with server.program() as client:
        job_id = _create(client, "SPEECH 100 0.1")
        while not client.get(f"/api/jobs/{job_id}").json()["progress"]:
            pass
        job = client.post(f"/api/jobs/{job_id}/cancel").json()
        assert job["state"] == "cancelled"
        assert "window " in job["text"]
        count = sum(_decoded(server, job_id).values())
        assert count < 50
        assert client.delete(f"/api/jobs/{job_id}").status_code == 204


def test_a_job_that_is_not_audio_says_so_in_the_readers_language(server: Server) -> None:
    with server.program() as client:
        job = _wait(client, _create(client, "hello"))
        assert job["error"] == {"code": "not_audio", "message": "This is not audio."}
        chinese = client.get(f"/api/jobs/{job['id']}", headers={"accept-language": "zh-CN"}).json()
        assert chinese["error"]["message"] == "不是音频文件。"


def test_a_killed_server_goes_on_where_it_was(new_server: NewServer) -> None:
    server = new_server().start()
    with server.program() as client:
        job_id = _create(client, "SPEECH 12 0.2")
        while client.get(f"/api/jobs/{job_id}").json()["progress"] < 0.3:
            pass
        saved = len(client.get(f"/api/jobs/{job_id}/segments").json()["segments"])
    server.end(signal.SIGKILL)
    server.start()
    with server.program() as client:
        job = _wait(client, job_id)
        segments = client.get(f"/api/jobs/{job_id}/segments").json()["segments"]
    assert job["state"] == "done"
    assert [segment["start"] for segment in segments] == [10.0 * n for n in range(12)]
    decoded = _decoded(server, job_id)
    assert set(decoded) == set(range(12))
    assert saved >= 3
    assert sum(decoded.values()) <= 12 + 2  # the two windows that the two devices were at
    assert server.end(signal.SIGTERM) == -signal.SIGTERM  # uvicorn raises it again after an orderly stop


def test_an_orderly_stop_hands_over_too(new_server: NewServer) -> None:
    server = new_server().start()
    with server.program() as client:
        running = _create(client, "SPEECH 20 0.1")
        while not client.get(f"/api/jobs/{running}").json()["progress"]:
            pass
    began = time.monotonic()
    assert server.end(signal.SIGTERM) == -signal.SIGTERM  # uvicorn raises it again after an orderly stop
    assert time.monotonic() - began < 10
    server.start()
    with server.program() as client:
        assert _wait(client, running)["state"] == "done"
    assert max(_decoded(server, running).values()) <= 2


def test_a_job_that_kills_the_server_is_given_up(new_server: NewServer) -> None:
    server = new_server().start()
    with server.program() as client, contextlib.suppress(httpx.TransportError):
        client.post("/api/jobs", files={"file": ("a.wav", b"SPEECH DIE")})
    deaths = 0
    job: dict[str, object] = {}
    deadline = time.monotonic() + 250
    while job.get("state") != "failed":
        assert time.monotonic() < deadline, (deaths, job)
        assert server.process is not None
        if server.process.poll() is not None:
            assert server.process.returncode == 9
            deaths += 1
            server.start(ready=False)
        with server.program() as client, contextlib.suppress(httpx.TransportError):
            answer = client.get("/api/jobs")
            if answer.status_code == 200:
                (job,) = answer.json()["jobs"]
    assert job["error"]["code"] == "gave_up"  # type: ignore[index]
    assert deaths == 3


def test_jobs_wait_for_the_engine(new_server: NewServer) -> None:
    server = new_server(TIMED_ENGINE_NEVER_READY="1").start(ready=False)
    with server.program() as client:
        while client.get("/api/jobs").status_code == 503:
            pass
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "loading the model")
        job_id = _create(client, "SPEECH 1 0")
        assert client.get(f"/api/jobs/{job_id}").json()["state"] == "queued"
        assert client.post(f"/api/jobs/{job_id}/cancel").json()["state"] == "cancelled"


def test_nothing_private_is_logged(server: Server) -> None:
    with server.program() as client:
        _wait(client, _create(client, "SPEECH 1 0.01", "secret-name.wav"))
        client.get("/secret-place/secret-name.wav?q=secret-query")
    log = server.log.read_text()
    assert '"message": "job done"' in log
    for private in ("secret-name", "secret-query", "window 0", "Correct-horse"):
        assert private not in log
