"""A local target to which the published clients are led."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.target import Endpoint, local_endpoint, stop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    state = tmp_path_factory.mktemp("contract") / "state"
    yield local_endpoint(state, start=True)
    stop(state)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a client reads: some of them rewrite their input."""
    for name in ("config.yaml", ".iact3.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("assets", "ros_templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path
