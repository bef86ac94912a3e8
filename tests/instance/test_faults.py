"""Deployments that fail: one FAILURE signal with code and reason in both languages, and a re-run that repairs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instance.conftest import Boot, start
from tests.instance.machine import Machine

# What breaks the instance, what repairs it, the code that the signal must carry, a part of its text.
STOP = "systemctl stop whisper; "
FAULTS = {
    "port taken": (
        f"{STOP}systemd-run -q --unit=squatter python3 -m http.server --bind 127.0.0.1 7860",
        "systemctl stop squatter",
        ("app_ended", "7860"),
    ),
    "app crashes": (
        f"{STOP}mv /opt/whisper/current/service_app/serve.py /root/kept; "
        "echo 'raise SystemExit(\"broken on purpose\")' >/opt/whisper/current/service_app/serve.py",
        "mv /root/kept /opt/whisper/current/service_app/serve.py",
        ("app_ended", "broken on purpose"),
    ),
    "proxy down": (
        "systemctl stop whisper-proxy; systemd-run -q --unit=squatter python3 -m http.server 443",
        "systemctl stop squatter",
        ("proxy", "443"),
    ),
    "wrong weights": (
        f"{STOP}mv /opt/whisper/models/faster-whisper/tiny.en/model.bin /root/kept; "
        "head -c 1000000 /dev/urandom >/opt/whisper/models/faster-whisper/tiny.en/model.bin",
        "mv /root/kept /opt/whisper/models/faster-whisper/tiny.en/model.bin",
        ("not_ready", "cpu"),
    ),
    "wrong words": (
        "mv /opt/whisper/current/service_app/assets/clips/demo-en.txt /root/kept; "
        "echo nobody said this >/opt/whisper/current/service_app/assets/clips/demo-en.txt",
        "mv /root/kept /opt/whisper/current/service_app/assets/clips/demo-en.txt",
        ("gate", "words"),
    ),
    "disk full": (
        "mount -t tmpfs -o size=64M small /var/lib/whisper",
        "umount /var/lib/whisper",
        ("disk_full", "/var/lib/whisper"),
    ),
}


@pytest.fixture(scope="module")
def machine(boot: Boot) -> Iterator[Machine]:
    machine = boot()
    yield machine
    machine.stop()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_once_and_a_re_run_repairs(machine: Machine, fault: str) -> None:
    """The cause is taken away and the script run again; nothing is restarted by hand."""
    breaks, repairs, (code, part) = FAULTS[fault]
    machine.execute("sh", "-c", breaks)
    try:
        failed(machine, code, part)
    finally:
        machine.execute("sh", "-c", repairs)
    done = start(machine)
    assert done.returncode == 0, done.stdout
    assert machine.signals()[-1]["status"] == "SUCCESS"


def failed(machine: Machine, code: str, part: str) -> None:
    before = len(machine.signals())
    done = start(machine)
    assert done.returncode == 1, done.stdout
    new = machine.signals()[before:]
    assert [s["status"] for s in new] == ["FAILURE"], "one signal"
    fields = new[0]["data"].split(" | ")
    assert len(fields) == 3, new
    assert fields[0] == code, new
    assert any("\u4e00" <= letter <= "\u9fff" for letter in fields[1])
    assert part in fields[2]
    bundle = done.stdout.split("log bundle: ")[1].split()[0]
    assert machine.path(bundle).stat().st_size > 1000
