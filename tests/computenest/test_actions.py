"""The local target's actions for Compute Nest are all told, and refuse what the service refuses."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.alibaba import Account, connect_local
from deploy.alibaba.supplier import ComputeNestSupplier
from deploy.computenest.builder import Execution, built
from deploy.errors import Failure, Interrupted, ServiceError
from deploy.local.computenest.artifacts import ArtifactActions
from deploy.local.computenest.cases import CaseActions
from deploy.local.computenest.supplier import SupplierActions
from deploy.local.computenest.tasks import TaskActions
from deploy.local.computenest.user import UserActions
from deploy.target import local_endpoint, stop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    state = tmp_path_factory.mktemp("actions") / "state"
    endpoint = local_endpoint(state, start=True)
    keys = (endpoint.access_key_id, endpoint.access_key_secret)
    yield connect_local(endpoint.host, *keys, region="cn-hangzhou")
    stop(state)


@pytest.fixture(scope="module")
def supplier(account: Account) -> ComputeNestSupplier:
    return account.supplier()


@pytest.fixture
def service_id(supplier: ComputeNestSupplier) -> str:
    url = supplier.upload(ROOT / "ros_templates/single.yaml", public=False)
    return supplier.create({
        "DeployType": "ros",
        "ServiceInfo": [{"Locale": "zh-CN", "Name": "n", "ShortDescription": "d"}],
        "DeployMetadata": {"TemplateConfigs": [{"Name": "t", "Url": url}]},
    })  # fmt: skip


def test_every_action_is_told() -> None:
    told = set((ROOT / "docs/local-target.md").read_text(encoding="utf-8").replace(",", " ").split())
    for kind in (ArtifactActions, SupplierActions, CaseActions, TaskActions, UserActions):
        names = set(re.findall(r'"(\w+)": self', inspect.getsource(kind.actions)))
        assert names and names - told == set()


def test_a_state_is_not_skipped(supplier: ComputeNestSupplier, service_id: str) -> None:
    with pytest.raises(ServiceError, match="OperationDenied"):
        supplier.launch(service_id, "draft")
    supplier.register(service_id)
    with pytest.raises(ServiceError, match="OperationDenied"):
        supplier.prelaunch(service_id)
    with pytest.raises(ServiceError, match="cannot be changed"):
        supplier.update(
            service_id, "draft", {"ServiceInfo": [{"Locale": "en-US", "Name": "m", "ShortDescription": "d"}]}
        )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"DeployMetadata": {"TemplateConfigs": [{"Name": "t"}]}}, "InvalidParameter.DeployMetadata"),
        ({"ShareType": "Everybody"}, "InvalidParameter.ShareType"),
        ({"ServiceInfo": [{"Locale": "zh-CN", "Name": "n"}]}, "InvalidParameter.ServiceInfo"),
    ],
)
def test_bad_fields_are_refused(
    supplier: ComputeNestSupplier, service_id: str, fields: dict[str, object], code: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        supplier.update(service_id, "draft", fields)
    assert refused.value.code == code


def test_a_build_that_fails_says_why(account: Account) -> None:
    wanted = {"SourceImageId": "debian_12", "InstanceType": "ecs.g7.large", "CommandType": "RunShellScript",
              "CommandContent": "true", "TargetImageName": "one"}  # fmt: skip
    said: list[str] = []
    oos = account.oos()
    assert built(oos, wanted, "cn-hangzhou-a", tell=said.append, pause=lambda: None).startswith("m-")
    with pytest.raises(Failure, match="ended with Failed: The image one exists already"):
        built(oos, wanted, "cn-hangzhou-a", tell=said.append, pause=lambda: None)
    with pytest.raises(ServiceError, match="MissingParameter: The template parameter targetImageName"):
        built(oos, {**wanted, "TargetImageName": ""}, "cn-hangzhou-a", tell=said.append, pause=lambda: None)


class Slow:
    """OOS whose execution is looked at until somebody has enough."""

    def update_image(self, settings: Mapping[str, Any], zone: str) -> str:
        return "exec-1"

    def execution(self, execution_id: str) -> Execution:
        return Execution("Running", "runCommand", "", "")


def test_a_build_that_is_interrupted_goes_on() -> None:
    said: list[str] = []
    looks: list[int] = []

    def pause() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the build goes on") as interrupted:
        built(Slow(), {}, "cn-hangzhou-a", tell=said.append, pause=pause)
    assert said == ["OOS runs exec-1", "runCommand"], "each task is told once"
    assert "exec-1" in interrupted.value.remedy


def test_what_is_not_there_is_said(supplier: ComputeNestSupplier, service_id: str) -> None:
    for call, code in (
        (lambda: supplier.service("service-0"), "EntityNotExist.Service"),
        (lambda: supplier.service(service_id, "7"), "EntityNotExist.ServiceVersion"),
        (lambda: supplier.artifact_versions("artifact-0"), "EntityNotExist.Artifact"),
    ):
        with pytest.raises(ServiceError) as refused:
            call()
        assert refused.value.code == code
