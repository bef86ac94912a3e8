"""`create --local --instance systemd`: an operator gets on their own machine what a customer gets on ECS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.test_local_life import PASSWORD, deploy
from tests.instance.conftest import CLIP, ROOT
from tests.instance.machine import wait_until
from tests.support import processes


def curl(*words: str) -> str:
    """From this machine, as the operator's browser would."""
    return subprocess.run(["curl", "-sk", "-m", "30", *words], capture_output=True, text=True, check=True).stdout


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
        said = curl("-u", f"ada:{PASSWORD}", "-F", f"file=@{CLIP}", "-F", "model=whisper-1",
                    f"{address}v1/audio/transcriptions")  # fmt: skip
        assert len(said.split()) > 5
        code, reply, _ = deploy("logs life --script", state)
        instance = reply["data"]["instance_id"]
        assert any("every device answers" in line for line in reply["data"]["lines"])

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
