"""The published iact3 works with the template and the shipped .iact3.yml."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from .conftest import RUN
from .third_party import Answer

pytestmark = pytest.mark.timeout(900)  # the first run installs the client


def test_validate_preview_cost_policy(iact3: Mapping[str, Future[Answer]]) -> None:
    text = {words: iact3[words].result().text for words in ("validate", "preview", "cost", "policy")}
    assert "LegalTemplate" in text["validate"]
    assert "InstanceGroup" in text["preview"]
    assert "Failed" not in text["preview"] and "Unknown error" not in text["preview"]
    assert "ALIYUN::ECS::InstanceGroup" in text["cost"] and "error" not in text["cost"]
    assert '"ecs:RunInstances"' in text["policy"]


@pytest.mark.weights
def test_run_creates_the_stack_and_removes_it(iact3: Mapping[str, Future[Answer]]) -> None:
    done = iact3[RUN].result()
    assert done.code == 0, done.text
    assert "status: CREATE_COMPLETE" in done.text and "status: DELETE_COMPLETE" in done.text
    assert "LoginAddress" in done.text
