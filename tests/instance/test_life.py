"""What happens to a running instance: crash, hang, reboot, another public address, another size."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import pytest

from tests.instance.conftest import PASSWORD, USER, Boot, start
from tests.instance.machine import Machine, wait_until


@pytest.fixture(scope="module")
def machine(boot: Boot) -> Iterator[Machine]:
    machine = boot()
    quick = machine.path("/etc/systemd/system/whisper.service.d/quick.conf")
    quick.parent.mkdir()
    quick.write_text("[Service]\nEnvironment=WHISPER_HANG_SECONDS=2\n")
    done = start(machine)
    assert done.returncode == 0, done.stdout
    yield machine
    machine.stop()


def code(machine: Machine, url: str, *options: str) -> str:
    done = machine.outside_execute(
        "curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", *options, url, check=False
    )
    return done.stdout


def ready(machine: Machine) -> bool:
    return code(machine, f"https://{machine.public_address}/readyz") == "200"


def app_pid(machine: Machine) -> str:
    """The app's process, which is the guard's child."""
    return machine.execute("pgrep", "-o", "-P", guard_pid(machine), check=False).stdout.strip()


def guard_pid(machine: Machine) -> str:
    return machine.execute("systemctl", "show", "-P", "MainPID", "whisper").stdout.strip()


def restarts(machine: Machine) -> int:
    return int(machine.execute("systemctl", "show", "-P", "NRestarts", "whisper").stdout)


@pytest.mark.parametrize("victim", ["app", "guard"])
def test_a_killed_app_is_back_by_itself(machine: Machine, victim: str) -> None:
    before = restarts(machine)
    pid = (
        app_pid(machine)
        if victim == "app"
        else machine.execute("systemctl", "show", "-P", "MainPID", "whisper").stdout.strip()
    )
    machine.execute("kill", "-9", pid)
    wait_until(lambda: restarts(machine) == before + 1, 60, "systemd starts it again")
    wait_until(lambda: ready(machine), 120, "ready again")


def test_a_hanging_app_is_ended_and_its_stacks_are_logged(machine: Machine) -> None:
    before = restarts(machine)
    pid = app_pid(machine)
    machine.execute("kill", "-STOP", pid)
    wait_until(lambda: restarts(machine) == before + 1, 120, "the guard notices")
    wait_until(lambda: ready(machine), 120, "ready again")
    assert app_pid(machine) != pid
    assert "has not answered for 2 s" in machine.path("/var/log/whisper/app.log").read_text()


def test_a_reboot_needs_nobody(machine: Machine) -> None:
    machine.reboot()
    wait_until(lambda: ready(machine), 120, "ready after the reboot")
    assert machine.execute("systemctl", "--failed", "--no-legend").stdout == ""
    assert code(machine, f"https://{machine.public_address}/v1/models", "-u", f"{USER}:{PASSWORD}") == "200"


@contextlib.contextmanager
def processors(number: int) -> Iterator[None]:
    """A machine that is powered on meanwhile has so many of this machine's."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def devices(machine: Machine) -> list[str]:
    said = machine.outside_execute("curl", "-sk", f"https://{machine.public_address}/readyz").stdout
    return [device["name"] for device in json.loads(said)["devices"] if device["alive"]]


def test_a_stopped_instance_comes_back_with_the_address_and_the_devices_that_it_has_now(machine: Machine) -> None:
    """Resized, too. Devices are processors here, one worker for each; what it worked with before limits nothing."""
    assert len(os.sched_getaffinity(0)) > 1, "needs a machine with two processors"
    machine.power_off()
    machine.move_to("203.0.113.77")
    with processors(1):
        machine.power_on()
    wait_until(lambda: ready(machine), 120, "ready under the new address")
    pem = machine.path("/var/lib/whisper-proxy/self-signed/cert.pem")
    machine.outside_execute("curl", "-s", "--cacert", pem, "https://203.0.113.77/healthz")
    assert "WHISPER_PUBLIC_URL='https://203.0.113.77'" in machine.path("/etc/whisper/whisper.env").read_text()
    assert code(machine, "http://203.0.113.77/", "-w", "%{redirect_url}") == "https://203.0.113.77/"
    assert devices(machine) == ["cpu:0"], "as a smaller machine"
    machine.power_off()
    with processors(2):
        machine.power_on()
    wait_until(lambda: ready(machine), 120, "ready as a larger machine")
    assert devices(machine) == ["cpu:0", "cpu:1"]


def test_an_address_that_changes_while_running_is_followed(machine: Machine) -> None:
    machine.move_to("203.0.113.78")
    machine.execute("systemctl", "start", "whisper-address.service")
    wait_until(lambda: ready(machine), 120, "ready under the new address")
    pem = machine.path("/var/lib/whisper-proxy/self-signed/cert.pem")
    asks = ("curl", "-s", "-m", "5", "--cacert", pem, "https://203.0.113.78/healthz")
    wait_until(lambda: machine.outside_execute(*asks, check=False).returncode == 0, 30, "its certificate is served")


def visitors_are_told(machine: Machine) -> None:
    """While the app is away."""
    url = f"https://{machine.public_address}/"
    page = machine.outside_execute("curl", "-sk", "-D", "-", "-H", "Accept: text/html", url).stdout
    assert page.startswith("HTTP/2 503")
    assert "retry-after: 5" in page
    assert "服务正在启动" in page
    answer = machine.outside_execute("curl", "-sk", f"{url}v1/models").stdout
    assert json.loads(answer)["error"]["code"] == "starting"


def test_crash_after_crash_is_started_with_growing_pauses_and_visitors_are_told(machine: Machine) -> None:
    env = machine.path("/etc/whisper/whisper.env")
    kept = env.read_text()
    env.write_text(kept.replace("WHISPER_PORT='7860'", "WHISPER_PORT='none'"))
    machine.execute("systemctl", "restart", "--no-block", "whisper")
    log = machine.path("/var/log/whisper/app.log")
    wait_until(lambda: "next start in 4 s" in log.read_text(), 180, "the pauses grow")
    assert "next start in 2 s" in log.read_text()
    visitors_are_told(machine)
    env.write_text(kept)
    machine.execute("systemctl", "restart", "whisper")
    wait_until(lambda: ready(machine), 120, "ready again")
