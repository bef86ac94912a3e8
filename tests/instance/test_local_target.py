"""`create --local --instance systemd`: an operator gets on their own machine what a customer gets on ECS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from deploy.alibaba import connect_local
from deploy.changes import Update
from deploy.secret import Secret
from tests.deploy.test_local_life import PASSWORD, deploy
from tests.instance.conftest import CLIP, ROOT, encoded, long_recording
from tests.instance.machine import wait_until
from tests.support import processes

CHANGED = "Console-Set-7734"


def curl(*words: str, login: str = "") -> str:
    """From this machine, as the operator's browser would; the login is on no command line."""
    command = ["curl", "-sk", "-m", "30", "-K", "-", *words]
    given = f'user = "{login}"\n' if login else ""
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


def may_enter(address: str, login: str) -> bool:
    asks = ["curl", "-sk", "-m", "5", "-K", "-", "-o", "/dev/null", "-w", "%{http_code}", f"{address}api/me"]
    said = subprocess.run(asks, input=f'user = "{login}"\n', capture_output=True, text=True, check=False).stdout
    return said == "200"  # while the proxy starts again, nobody answers


def console_sets(state: Path, password: str) -> None:
    """The console's operation "change the login password": an update of the stack with another SoftwarePassword."""
    known = json.loads((state / "endpoint.json").read_text())
    ros = connect_local(
        known["host"], known["access_key_id"], known["access_key_secret"], region="cn-hangzhou"
    ).ros()  # fmt: skip
    stack = ros.find("life")
    assert stack
    given = {"SoftwarePassword": Secret(password)}
    change_set = ros.propose(Update(stack.id, stack.name, ros.template(stack.id), given, uuid.uuid4().hex))
    wait_until(lambda: ros.change_set(change_set).status == "CREATE_COMPLETE", 30, "the change set")
    ros.execute(change_set)


def left(instance: str) -> list[str]:
    """What there still is of it on this machine."""
    named = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/wl-{instance}*")]
    found = {"namespace": named, "mount": Path("/proc/mounts").read_text(), "group": " ".join(groups)}
    return [kind for kind, text in found.items() if instance in text] + [
        str(path) for path in Path("/run").glob(f"wl-{instance}*")
    ]


@pytest.mark.weights
@pytest.mark.usefixtures("bake")
def test_the_whole_life_of_a_booted_instance(tmp_path: Path) -> None:
    state = tmp_path / "state"
    code, reply, progress = deploy(
        "create --spec gn7i-c16g1 --name life --user ada --password-stdin --instance systemd", state, f"{PASSWORD}\n"
    )
    assert code == 0, (reply, progress)
    try:
        address = reply["data"]["login_address"]
        assert address.startswith("https://127.77.")
        assert reply["data"]["outputs"]["Certificate"] == "self-signed"
        assert '"ready":true' in curl(f"{address}readyz")
        plain = address.replace("https:", "http:")
        assert curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", plain) == f"308 {address}"
        said = curl("-F", f"file=@{CLIP}", "-F", "model=whisper-1", f"{address}v1/audio/transcriptions",
                    login=f"ada:{PASSWORD}")  # fmt: skip
        assert len(said.split()) > 5
        code, reply, _ = deploy("logs life --script", state)
        instance = reply["data"]["instance_id"]
        assert any("every device answers" in line for line in reply["data"]["lines"])

        job = json.loads(curl("-F", f"file=@{long_recording(tmp_path, 8)}", f"{address}api/jobs",
                              login=f"ada:{PASSWORD}"))  # fmt: skip
        console_sets(state, CHANGED)
        seen: list[str] = []

        def holds() -> bool:
            seen.extend(
                line for secret in (CHANGED, encoded(CHANGED)) for line in processes.mentioning(secret).values()
            )
            return may_enter(address, f"ada:{CHANGED}")

        wait_until(holds, 60, "the console's password holds", every=0.05)
        assert seen == []
        assert not may_enter(address, f"ada:{PASSWORD}")

        def state_of_job() -> str:
            return str(json.loads(curl(f"{address}api/jobs/{job['id']}", login=f"ada:{CHANGED}"))["state"])

        wait_until(lambda: state_of_job() == "done", 120, "the job that ran meanwhile ends well", every=0.5)
        disk = state / "instances" / instance / "up"
        log = disk / "var" / "log" / "whisper" / "start.log"
        wait_until(lambda: log.read_text().count("完成 / done") == 2, 60, "the startup command has ended")
        assert [file for secret in (CHANGED, encoded(CHANGED)) for file in processes.files_holding(secret, disk)] == []

        # The emulator's end is not the instance's; an instance whose keeper was killed boots again from its disk.
        assert deploy("local stop", state)[0] == 0
        assert '"ready":true' in curl(f"{address}readyz")
        keeper = int((state / "instances" / instance / "keeper").read_text())
        os.kill(keeper, signal.SIGKILL)
        serving = subprocess.run(
            [sys.executable, "-m", "deploy.local", "serve", "--state", str(state), "--detach"],
            cwd=ROOT, check=False, capture_output=True,
        )  # fmt: skip
        assert serving.returncode == 0
        wait_until(lambda: '"ready":true' in answer(f"{address}readyz"), 60, "ready again")
    finally:
        code, reply, progress = deploy("delete life --yes", state)
    assert code == 0, (reply, progress)
    assert not state.exists()
    assert left(instance) == []
    assert not processes.mentioning(str(state))


@pytest.mark.weights
@pytest.mark.usefixtures("bake")
def test_an_image_is_verified_on_a_booted_instance(tmp_path: Path) -> None:
    """With HTTPS, whose certificate is held against the stack's outputs, and through the proxy."""
    state = tmp_path / "state"
    code, reply, progress = deploy("image verify --image-id m-x --instance systemd", state)
    assert code == 0, (reply, progress)
    assert "press the button" in reply["data"]["text"].lower()
    assert not state.exists(), "what it tried is gone"
    assert str(state) not in Path("/proc/mounts").read_text()
    assert not processes.mentioning(str(state))


def answer(url: str) -> str:
    """Empty while nobody answers."""
    return subprocess.run(["curl", "-sk", "-m", "5", url], capture_output=True, text=True, check=False).stdout
