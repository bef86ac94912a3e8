"""The published iact3 works with the template and the shipped .iact3.yml. It waits more than it works, so its runs go
side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import yaml

from deploy.target import Endpoint

from .conftest import copied
from .third_party import Answer, run

pytestmark = pytest.mark.timeout(900)  # the first run installs the client
RUN = "test run"


@pytest.fixture(scope="module")
def told(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[Answer]]]:
    """What each of its commands answers."""
    environ = {
        "LOCAL_HOST": endpoint.host,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": endpoint.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": endpoint.access_key_secret,
    }
    as_shipped = copied(tmp_path_factory.mktemp("iact3") / "project")
    to_run = copied(tmp_path_factory.mktemp("iact3-run") / "project")
    config = yaml.safe_load((to_run / ".iact3.yml").read_text(encoding="utf-8"))
    config["project"]["parameters"]["Model"] = "tiny.en"  # the one that is here
    del config["tests"]["four-a10"]
    (to_run / ".iact3.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def iact3(words: str) -> Answer:
        return run("alibabacloud-ros-iact3", "drive_iact3.py", *words.split(), "--config-file", ".iact3.yml",
                   cwd=to_run if words == RUN else as_shipped, environ=environ)  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        yield {words: pool.submit(iact3, words) for words in (RUN, "validate", "preview", "cost", "policy")}


def test_validate_preview_cost_policy(told: Mapping[str, Future[Answer]]) -> None:
    text = {words: told[words].result().text for words in ("validate", "preview", "cost", "policy")}
    assert "LegalTemplate" in text["validate"]
    assert "InstanceGroup" in text["preview"]
    assert "Failed" not in text["preview"] and "Unknown error" not in text["preview"]
    assert "ALIYUN::ECS::InstanceGroup" in text["cost"] and "error" not in text["cost"]
    assert '"ecs:RunInstances"' in text["policy"]


@pytest.mark.weights
def test_run_creates_the_stack_and_removes_it(told: Mapping[str, Future[Answer]]) -> None:
    done = told[RUN].result()
    assert done.code == 0, done.text
    assert "status: CREATE_COMPLETE" in done.text and "status: DELETE_COMPLETE" in done.text
    assert "LoginAddress" in done.text
