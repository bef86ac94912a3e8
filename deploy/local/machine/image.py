"""The image of booted instances: what packer bakes in the cloud, made on this machine and kept in a cache.

    rootfs.sh ─▶ root file system ─┐
    pip ─▶ wheels ─────────────────┼─▶ a machine in which scripts/install.sh runs ─▶ image: the files that it added
    the package's files, weights ──┘

Each part is made once for each state of what it is made from. All checkouts and tests of this machine share the cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .machine import Machine
from .network import run

PACKAGE = ("scripts", "service_app", "requirements", "pyproject.toml")
MODEL = "tiny.en"
_MINUTES = 60


@dataclass(frozen=True)
class Image:
    """`layers` for machines, the first on top; `said` is what install.sh printed."""

    layers: tuple[Path, ...]
    said: str


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "whisper-machines"


@contextlib.contextmanager
def locked(entry: Path, kind: int = fcntl.LOCK_EX) -> Iterator[TextIO]:
    """Holds an entry of the cache: `LOCK_EX` to make or remove it, `LOCK_SH` while it is in use. Raises
    `BlockingIOError` with `LOCK_NB` when another process holds it."""
    place = cache() / "locks" / entry.name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        fcntl.flock(lock, kind)
        yield lock


def rootfs() -> Path:
    """Debian 12 as on a fresh server. Raises RuntimeError with what mmdebstrap said."""
    recipe = Path(__file__).with_name("rootfs.sh")
    return _made("rootfs", recipe, lambda partial: run("bash", recipe, partial, timeout=20 * _MINUTES))


def wheels(package: Path) -> Path:
    """The locked Python packages, for this Python, which is Debian 12's as well."""
    lock = package / "requirements" / "image.lock"
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock))
    return _made("wheels", lock, lambda partial: run(*command, "-d", str(partial), timeout=20 * _MINUTES))


@contextlib.contextmanager
def image(package: Path, weights: Path | None, tell: Callable[[str], None] = lambda _: None) -> Iterator[Image]:
    """The image of the package in the folder `package` (a checkout), which stays while it is in use here. `weights` is
    a folder laid out like /opt/whisper/models; without it they come from the mirrors. Raises RuntimeError with what
    went wrong while it was made."""
    tell("Debian 12 (the first time takes a minute)")
    base, packages = rootfs(), wheels(package)
    layer = cache() / f"image-{digest(package, base.name)}"
    with locked(layer, fcntl.LOCK_SH) as lock:  # not for oneself alone: running instances hold it, too
        if not layer.exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not layer.exists():  # nobody else has made it meanwhile
                tell("the image: scripts/install.sh runs in it (takes minutes)")
                _remove_others(layer)
                _bake(layer, package, base, packages, weights)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield Image((layer / "changes", base), (layer / "said").read_text())


def put_package(package: Path, target: Path) -> None:
    """Copies what belongs to the package out of a checkout."""
    target.mkdir(parents=True)
    for part in PACKAGE:
        if (package / part).is_dir():
            shutil.copytree(package / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(package / part, target / part)


def digest(package: Path, base: str) -> str:
    """Of all that the image is made from."""
    found = hashlib.sha256(base.encode())
    for part in PACKAGE:
        for file in sorted((package / part).rglob("*")) if (package / part).is_dir() else [package / part]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


def _made(name: str, recipe: Path, make: Callable[[Path], object]) -> Path:
    """The folder in the cache for a recipe; another one when the recipe changes."""
    folder = cache() / f"{name}-{hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]}"
    with locked(folder):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                make(partial)
            except subprocess.TimeoutExpired as error:
                raise RuntimeError(f"{name} took too long: {error}") from None
            partial.rename(folder)
    return folder


def _remove_others(besides: Path) -> None:
    for old in cache().glob("image-*"):
        with contextlib.suppress(BlockingIOError):
            if old != besides and old.is_dir():
                with locked(old, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(old)


def _bake(layer: Path, package: Path, base: Path, packages: Path, weights: Path | None) -> None:
    """As packer does; the layer appears only when it is whole."""
    folder = cache() / f"bake-{os.getpid()}"
    if weights:
        weights = shutil.copytree(weights, folder / "weights", dirs_exist_ok=True)  # what links lead to, too
    sources = {"wheels": packages, "weights": weights}
    binds = [f"{path}:/mnt/{name}" for name, path in sources.items() if path]
    options = " ".join(f"--{name} /mnt/{name}" for name, path in sources.items() if path)
    machine = Machine(f"{os.getpid()}-bake", folder, [base], binds=binds)
    try:
        machine.boot()
        put_package(package, machine.path("/root/package"))
        install = f"/root/package/scripts/install.sh --engines fast --models {MODEL} {options}"
        done = machine.run_command(f"#!/bin/sh\nexec {install}\n", timeout=30 * _MINUTES)
        if done.returncode:
            raise RuntimeError(
                f"install.sh failed: {' / '.join((done.stdout + done.stderr).strip().splitlines()[-5:])}"
            )
        machine.execute("bash", "/root/package/scripts/check-image.sh", "--clean", timeout=2 * _MINUTES)
        partial = layer.with_name(f"new-{layer.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        (partial / "said").write_text(done.stdout)
        machine.freeze().rename(partial / "changes")
        partial.rename(layer)
    finally:
        machine.stop()
