"""A local target to which the published clients are led."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.target import Endpoint, local_endpoint, stop

from .third_party import PACKAGES, python_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def environments() -> None:
    """Those of all clients, made side by side where they are not there yet."""
    with ThreadPoolExecutor(len(PACKAGES)) as pool:
        list(pool.map(python_of, PACKAGES))


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract") / "state"


@pytest.fixture(scope="module")
def endpoint(state: Path) -> Iterator[Endpoint]:
    yield local_endpoint(state, start=True)
    stop(state)


def copied(folder: Path) -> Path:
    """A copy of what a client reads: some of them rewrite their input."""
    folder.mkdir(exist_ok=True)
    for name in ("config.yaml", ".iact3.yml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("assets", "ros_templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
