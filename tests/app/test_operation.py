"""What an operator sees: health, metrics, logs, self-test, backups, checks of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service_app.api.health import router as health_router
from service_app.canary import Canary
from service_app.metrics import Counter, Histogram, shown
from service_app.operate.selftest import results
from service_app.settings import Settings
from service_app.types import EngineStatus, WindowResult

from .conftest import ROOT, USER, NewServer, Server, create, ended
from .timed_engine import TimedEngine


def test_health_tells_of_the_canary(server: Server) -> None:
    with server.client() as client:
        deadline = time.monotonic() + 20
        while "canary" not in (health := client.get("/healthz").json()):
            assert time.monotonic() < deadline
        assert health["status"] == "ok"
        assert health["canary"]["ok"] is True


def test_an_engine_that_talks_nonsense_is_found_out(tmp_path: Path) -> None:
    asyncio.run(_found_out(tmp_path))


def test_a_device_that_died_after_it_worked_is_told_by_health(tmp_path: Path) -> None:
    asyncio.run(_died(tmp_path))


class _Mortal(TimedEngine):
    alive = True
    hangs = False

    def status(self) -> EngineStatus:
        status = super().status()
        return status if self.alive else replace(status, ready=False, reason="cuda:0 has died", devices=())

    def decode(self, *_: Any, **__: Any) -> Future[WindowResult]:
        return Future() if self.hangs else super().decode(*_, **__)


async def _died(folder: Path) -> None:
    (folder / "clip.wav").write_text("SPEECH 1 0.001")
    (folder / "clip.txt").write_text("window 0")
    engine = _Mortal(Settings.from_environment({"WHISPER_DATA_DIR": str(folder)}))
    canary = Canary(engine, folder / "work", folder / "clip.wav", longest=0.2)
    app = FastAPI()
    app.include_router(health_router)
    app.state.canary = canary
    client = TestClient(app)
    for kill, problem in ((False, ""), (True, "cuda:0 has died")):
        engine.alive = not kill
        for _ in range(2):
            assert (await canary.once()).problem == problem
        assert client.get("/healthz").status_code == (503 if kill else 200)
    engine.alive, engine.hangs = True, True
    assert "no text after 0.2 s" in (await canary.once()).problem
    assert client.get("/healthz").json()["status"] == "failing"
    engine.hangs = False
    await canary.once()
    assert client.get("/healthz").json()["status"] == "ok"


async def _found_out(folder: Path) -> None:
    (folder / "clip.wav").write_text("SPEECH 1 0.001")
    (folder / "clip.txt").write_text("quite other words")
    engine = TimedEngine(Settings.from_environment({"WHISPER_DATA_DIR": str(folder)}))
    canary = Canary(engine, folder / "work", folder / "clip.wav")
    assert "0% of the clip's words" in (await canary.once()).problem
    assert canary.problem == ""  # once may be chance
    await canary.once()
    assert canary.problem
    (folder / "clip.txt").write_text("window 0")
    await canary.once()
    assert canary.problem == ""


def test_metrics_can_be_read_by_prometheus(server: Server) -> None:
    with server.program() as client:
        ended(client, create(client, "SPEECH 2 0.01", "private name.wav"))
        client.get("/no/such/private-path")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r'[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? -?[0-9.e+-]+(inf)?')
    families = set()
    for text in answer.text.splitlines():
        if text.startswith("# TYPE "):
            families.add(text.split()[2])
        elif not text.startswith("#"):
            assert line.fullmatch(text), text
    assert families >= {
        "whisper_ready", "whisper_device_alive", "whisper_device_losses_total", "whisper_disk_full", "whisper_jobs",
        "whisper_queue_seconds", "whisper_http_requests_total",
        "whisper_http_request_seconds", "whisper_jobs_ended_total", "whisper_job_wait_seconds", "whisper_job_speed",
        "whisper_audio_seconds_total", "whisper_disk_free_bytes", "whisper_engine_info",
    }  # fmt: skip
    assert 'whisper_jobs_ended_total{engine="timed",lane="bulk",model="timed",state="done"}' in answer.text
    assert "private" not in answer.text


def test_the_text_of_metrics() -> None:
    histogram = Histogram("h", "Help.", (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value, a='x"y')
    assert [line.split(" ")[1] for line in histogram.lines() if "bucket" in line] == ["2", "3", "4"]
    counter = Counter("c", "Help.")
    counter.add(2.5)
    assert list(counter.lines())[-1] == "c 2.5"
    assert shown((("a", 'x"\\\n'),)) == '{a="x\\"\\\\\\n"}'


def test_the_log_has_no_text_names_or_secrets(server: Server, key: str) -> None:
    with server.client(headers={"authorization": f"Bearer {key}"}) as client:
        client.post("/v1/audio/transcriptions", files={"file": ("Secret Meeting.wav", b"SPEECH 1 0.01")})
        client.get("/api/jobs?search=Confidential")
    log = server.log.read_text()
    for line in log.splitlines():
        assert json.loads(line)["logger"]
    for private in ("Secret Meeting", "window 0", "Confidential", key):
        assert private not in log


def test_a_cancelled_job_is_no_error_in_the_log(new_server: NewServer) -> None:
    server = new_server().start()
    with server.program() as client:
        cancelled, deleted = (create(client, "SPEECH 60 0.2") for _ in range(2))
        for job_id in (cancelled, deleted):
            with client.stream("GET", f"/api/jobs/{job_id}/events", timeout=60) as events:
                assert any(line == "event: segments" for line in events.iter_lines())  # it runs
        client.post(f"/api/jobs/{cancelled}/cancel")
        client.delete(f"/api/jobs/{deleted}")
        ended(client, create(client, "SPEECH 1 0.01"))
    server.end(signal.SIGTERM)
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line for line in lines if line["level"] not in ("info", "warning")] == []


def test_the_selftest_prints_a_table(server: Server) -> None:
    ran = server.run("selftest", "--url", server.url)
    # The timed engine refuses real audio, which the table has to show.
    assert ran.returncode == 1
    assert re.search(r"^ok +openai: models +[0-9.]+ +timed$", ran.stdout, re.MULTILINE)
    assert re.search(r"^FAIL +openai: json +[0-9.]+ +APIStatusError: .*not audio", ran.stdout, re.MULTILINE)
    assert re.search(r"^ok +openai: not audio is refused +[0-9.]+ +HTTP 415 not_audio$", ran.stdout, re.MULTILINE)
    # Nor has it the page that gradio_client needs.
    assert re.search(r"^FAIL +gradio_client: endpoints ", ran.stdout, re.MULTILINE)
    assert "selftest" not in server.run("keys", "list").stdout


def test_the_bench_prints_a_row_for_one_client_and_for_several(server: Server, tmp_path: Path) -> None:
    recording = tmp_path / "speech"
    recording.write_bytes(b"SPEECH 2 0.01")
    ran = server.run("bench", str(recording), "--url", server.url, "--clients", "3", "--times", "2")
    assert ran.returncode == 0, ran.stderr
    head, one, three, note = ran.stdout.splitlines()
    assert head.split() == ["CLIENTS", "RECORDINGS", "SECONDS", "X", "REALTIME", "ANSWER", "P95", "HEALTHZ", "P95"]
    row = r"{} +{} +[0-9]+\.[0-9] +[0-9]+\.[0-9] +[0-9.]+ s +[0-9.]+ s +[0-9]+ ms"
    assert re.fullmatch(row.format(1, 2), one)
    assert re.fullmatch(row.format(3, 6), three)
    assert re.match(r"[1-9][0-9.]* s a recording", note)
    assert "bench" not in server.run("keys", "list").stdout
    assert "speech" not in server.run("jobs", "--names").stdout.split()


@pytest.mark.parametrize("wrong", ["refused", "away", "missing"])
def test_the_bench_says_in_a_line_what_is_wrong(server: Server, tmp_path: Path, wrong: str) -> None:
    recording = tmp_path / "speech"
    if wrong != "missing":
        recording.write_bytes(b"this is no audio")
    ran = server.run("bench", str(recording), "--url", server.url if wrong != "away" else "http://127.0.0.1:1")
    assert (ran.returncode, ran.stdout) == (1, "")
    expected = {"refused": "was not transcribed: failed", "away": "does not answer", "missing": "No such file"}[wrong]
    assert expected in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "bench" not in server.run("keys", "list").stdout


def test_the_selftest_says_which_sdk_is_missing() -> None:
    found = results("http://127.0.0.1:1", "sk-none", find=lambda _package: None)
    assert [row[0] for row in found] == ["FAIL", "FAIL"]
    assert [row[3] for row in found] == [
        f"not installed, so not tried: pip install {package}" for package in ("openai", "gradio_client")
    ]


def test_jobs_are_listed_without_names(server: Server) -> None:
    with server.program() as client:
        job_id = create(client, "SPEECH 1 0.01", "hidden.wav")
        ended(client, job_id)
    listed = server.run("jobs", "--state", "done", "--limit", "1000").stdout
    assert job_id in listed
    assert "hidden.wav" not in listed
    assert "hidden.wav" in server.run("jobs", "--names", "--limit", "1000").stdout


def test_a_backup_can_be_restored(server: Server, new_server: NewServer) -> None:
    with server.program() as client:
        job_id = create(client, "SPEECH 1 0.01", "kept.wav")
        ended(client, job_id)
    file = server.data_dir.parent / "b.tar"
    made = server.run("backup", str(file))
    assert (made.returncode, made.stdout.strip()) == (0, str(file)), made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert server.run("backup", str(file)).returncode == 1
    full = server.run("restore", str(file))
    assert (full.returncode, "is not empty" in full.stderr) == (1, True)
    other = new_server(WHISPER_CANARY_MINUTES="0")
    assert other.run("restore", str(file)).returncode == 0
    other.start()
    with other.program() as client:
        assert client.get(f"/api/jobs/{job_id}").json()["text"].startswith("window 0")
        assert client.get(f"/api/jobs/{job_id}/media").content == b"SPEECH 1 0.01"


def test_what_is_no_backup_is_said_in_a_line(server: Server, new_server: NewServer, tmp_path: Path) -> None:
    whole, other = tmp_path / "whole.tar", new_server()
    assert server.run("backup", "--without-media", str(whole)).returncode == 0
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:-100_000])
    (tmp_path / "text.tar").write_text("no archive")
    for name in ("cut.tar", "text.tar"):
        ran = other.run("restore", str(tmp_path / name))
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr == f"error: {tmp_path / name}: is no backup, or only a part of one\n"
    assert not other.data_dir.exists()


def test_a_folder_without_a_service_is_not_backed_up(new_server: NewServer, tmp_path: Path) -> None:
    ran = new_server().run("backup", str(tmp_path / "a.tar"))
    assert ran.returncode == 1
    assert "nothing to back up there; is WHISPER_DATA_DIR the server's?" in ran.stderr
    assert not list(tmp_path.iterdir())


def test_a_reader_that_has_read_enough_is_no_error(server: Server) -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-m", "service_app", "settings"],
        env={**os.environ, **server.environment, "PYTHONPATH": str(ROOT)},
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_keys_are_listed_with_what_they_may(server: Server) -> None:
    server.run("keys", "add", "narrow", "--scope", "speech", "--scope", "jobs", "--daily-minutes", "7")
    listed = server.run("keys", "list").stdout
    assert re.search(r"^ID .* SCOPES +MINUTES A DAY +USER +NAME$", listed, re.MULTILINE)
    assert re.search(rf" speech,jobs +7 +{USER} +narrow$", listed, re.MULTILINE)


def test_the_selftest_tells_that_nothing_answers_once(server: Server) -> None:
    ran = server.run("selftest", "--url", "http://127.0.0.1:1")
    assert re.search(
        r"^FAIL +gradio_client: predict .*not tried, for there are no endpoints$", ran.stdout, re.MULTILINE
    )


def test_the_doctor(server: Server) -> None:
    found = server.run("doctor")
    assert "data folder" in found.stdout
    server.environment["WHISPER_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    try:
        broken = server.run("doctor")
        assert broken.returncode == 1
        assert "FAIL  database" in broken.stdout
    finally:
        del server.environment["WHISPER_DATABASE_URL"]
