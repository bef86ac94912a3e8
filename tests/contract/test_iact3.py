"""The published iact3 works with the template and the shipped .iact3.yml."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from deploy.target import Endpoint

from .third_party import Answer, run

pytestmark = pytest.mark.timeout(900)  # the first run installs the client


def iact3(project: Path, endpoint: Endpoint, *words: str) -> Answer:
    environ = {
        "LOCAL_HOST": endpoint.host,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": endpoint.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": endpoint.access_key_secret,
    }
    return run("alibabacloud-ros-iact3", "drive_iact3.py", *words, "--config-file", ".iact3.yml",
               cwd=project, environ=environ)  # fmt: skip


def test_validate_preview_cost_policy(project: Path, endpoint: Endpoint) -> None:
    words = ("validate", "preview", "cost", "policy")
    with ThreadPoolExecutor(2) as pool:
        told = dict(zip(words, pool.map(lambda word: iact3(project, endpoint, word).text, words), strict=True))
    assert "LegalTemplate" in told["validate"]
    assert "InstanceGroup" in told["preview"]
    assert "Failed" not in told["preview"] and "Unknown error" not in told["preview"]
    assert "ALIYUN::ECS::InstanceGroup" in told["cost"] and "error" not in told["cost"]
    assert '"ecs:RunInstances"' in told["policy"]


@pytest.mark.weights
def test_run_creates_the_stack_and_removes_it(project: Path, endpoint: Endpoint) -> None:
    config = yaml.safe_load((project / ".iact3.yml").read_text(encoding="utf-8"))
    config["project"]["parameters"]["Model"] = "tiny.en"  # the one that is here
    del config["tests"]["four-a10"]
    (project / ".iact3.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = iact3(project, endpoint, "test", "run")
    assert done.code == 0, done.text
    assert "status: CREATE_COMPLETE" in done.text and "status: DELETE_COMPLETE" in done.text
    assert "LoginAddress" in done.text
