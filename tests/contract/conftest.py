"""A local target to which the published clients are led. They wait more than they work, so iact3's commands, which need
nothing of the others, begin at once; each client's environment is made by whoever needs it first."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from deploy.target import Endpoint, local_endpoint, stop

from .third_party import Answer, run

ROOT = Path(__file__).resolve().parents[2]
RUN = "test run"


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract") / "state"


@pytest.fixture(scope="session")
def endpoint(state: Path) -> Iterator[Endpoint]:
    yield local_endpoint(state, start=True)
    stop(state)


@pytest.fixture(scope="session", autouse=True)
def iact3(
    request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Answer]]]:
    """What each of its commands answers; none runs where no test asks."""
    environ = {
        "LOCAL_HOST": endpoint.host,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": endpoint.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": endpoint.access_key_secret,
    }
    as_shipped, to_run = (copied(tmp_path_factory.mktemp(name) / "project") for name in ("iact3", "iact3-run"))
    config = yaml.safe_load((to_run / ".iact3.yml").read_text(encoding="utf-8"))
    config["project"]["parameters"]["Model"] = "tiny.en"  # the one that is here
    del config["tests"]["four-a10"]
    (to_run / ".iact3.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def answer(words: str) -> Answer:
        return run("alibabacloud-ros-iact3", "drive_iact3.py", *words.split(), "--config-file", ".iact3.yml",
                   cwd=to_run if words == RUN else as_shipped, environ=environ)  # fmt: skip

    wanted = (RUN, "validate", "preview", "cost", "policy")
    asked = any("iact3" in item.path.stem for item in request.session.items)
    with ThreadPoolExecutor(2) as pool:
        yield {words: pool.submit(answer, words) for words in wanted if asked}


def copied(folder: Path) -> Path:
    """A copy of what a client reads: some of them rewrite their input."""
    folder.mkdir(exist_ok=True)
    for name in ("config.yaml", ".iact3.yml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("assets", "ros_templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
