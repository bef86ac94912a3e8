"""Trouble of a running instance: workers and devices that are lost, memory and disk that are used up. The service says
so, loses no job, and is well again by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instance.conftest import CLIP, PASSWORD, USER, api, long_recording
from tests.instance.machine import Machine, wait_until

MODEL = "/opt/whisper/models/faster-whisper/tiny.en/model.bin"


def answer(machine: Machine, path: str, *options: str) -> tuple[int, str]:
    """Status and body."""
    url = f"https://{machine.public_address}{path}"
    command = ("curl", "-sk", "-m", "60", "-u", f"{USER}:{PASSWORD}", "-w", "\n%{http_code}", *options, url)
    body, _, status = machine.outside_execute(*command, check=False, timeout=70).stdout.rpartition("\n")
    return int(status), body


def ready(machine: Machine) -> bool:
    return answer(machine, "/readyz")[0] == 200


def transcribe(machine: Machine) -> tuple[int, str]:
    return answer(machine, "/v1/audio/transcriptions", "-F", f"file=@{CLIP}", "-F", "model=whisper-1")


def metric(machine: Machine, name: str) -> dict[str, float]:
    """Values by labels."""
    status, text = answer(machine, "/metrics")
    assert status == 200
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.M)}


def losses(machine: Machine) -> float:
    return sum(metric(machine, "whisper_device_losses_total").values())


def workers(machine: Machine) -> list[int]:
    """Process ids inside."""
    return [int(pid) for pid in machine.execute("pgrep", "-f", "service_app.engine.worker").stdout.split()]


def log(machine: Machine) -> str:
    return machine.path("/var/log/whisper/app.log").read_text()


def test_a_device_that_is_lost_is_named_and_the_others_go_on(started: Machine) -> None:
    """An idle worker dies, and no other can start in its place: what a card that falls off the bus looks like."""
    wait_until(lambda: ready(started), 60, "ready")
    before = losses(started)
    started.execute("sh", "-c", f"mv {MODEL} {MODEL}.kept && echo broken >{MODEL}")
    try:
        started.execute("kill", "-9", str(workers(started)[0]))
        wait_until(lambda: not ready(started), 20, "the loss is noticed", every=0.02)
        wait_until(lambda: losses(started) >= before + 2, 20, "the next one does not load")
        reason = json.loads(answer(started, "/readyz")[1])
        (lost,) = (device["name"] for device in reason["devices"] if not device["alive"])
        assert reason["reason"].startswith(f"{lost}: ")
        alive = metric(started, "whisper_device_alive")
        assert alive[f'{{device="{lost}"}}'] == 0
        assert sum(alive.values()) == len(alive) - 1
        assert transcribe(started)[0] == 200, "the other one works"
    finally:
        started.execute("mv", f"{MODEL}.kept", MODEL)
    wait_until(lambda: ready(started), 60, "the device is back")


def test_workers_that_the_kernel_kills_for_memory_lose_no_job(started: Machine) -> None:
    wait_until(lambda: ready(started), 60, "ready")
    before = losses(started)
    with started.starving(workers(started)):
        status, text = transcribe(started)
    assert status == 200, text
    assert len(json.loads(text)["text"].split()) > 5
    wait_until(lambda: ready(started), 60, "ready")
    assert losses(started) > before
    assert "was killed, as the system does when memory runs out" in log(started)


@pytest.fixture
def small_disk(started: Machine) -> Iterator[Machine]:
    """The data on a disk of 640 MB."""
    started.execute("systemctl", "stop", "whisper")
    started.execute(
        "mount", "-t", "tmpfs", "-o", "size=640M,mode=700,uid=whisper,gid=whisper", "small", "/var/lib/whisper"
    )
    started.execute("systemctl", "start", "whisper")
    yield started
    started.execute("systemctl", "stop", "whisper")
    started.execute("umount", "/var/lib/whisper")
    started.execute("systemctl", "start", "whisper")
    wait_until(lambda: ready(started), 60, "ready on its own disk")


def test_a_disk_that_fills_loses_no_job_and_is_told(small_disk: Machine, tmp_path: Path) -> None:
    wait_until(lambda: ready(small_disk), 60, "ready")
    recording = long_recording(tmp_path, 25)
    job = api(small_disk, "/api/jobs", "-F", f"file=@{recording}")
    wait_until(lambda: api(small_disk, f"/api/jobs/{job['id']}")["state"] == "running", 30, "it runs")
    # To the last page: a large write is refused while a few pages are left, on which a short text finds room.
    fills = "head -c 1G /dev/zero >/var/lib/whisper/rubbish; dd if=/dev/zero bs=4k >>/var/lib/whisper/rubbish"
    small_disk.execute("sh", "-c", fills, check=False)
    status, text = answer(small_disk, "/api/jobs", "-F", f"file=@{CLIP}", "-H", "Accept-Language: zh")
    error = json.loads(text)["error"]
    assert (status, error["code"]) == (503, "disk_full")
    assert "磁盘" in error["message"]
    assert metric(small_disk, "whisper_disk_full") == {"": 1}
    assert json.loads(answer(small_disk, "/api/jobs")[1])["jobs"][0]["id"] == job["id"]
    wait_until(lambda: "the disk is full; the job waits" in log(small_disk), 60, "the job meets the full disk")
    small_disk.execute("rm", "/var/lib/whisper/rubbish")
    wait_until(lambda: api(small_disk, f"/api/jobs/{job['id']}")["state"] not in ("queued", "running"), 120, "it ends")
    assert api(small_disk, f"/api/jobs/{job['id']}")["state"] == "done"
    assert metric(small_disk, "whisper_disk_full") == {"": 0}
    assert transcribe(small_disk)[0] == 200
