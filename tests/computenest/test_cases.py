"""Test cases run: each makes a stack of the service's template, tells how it ended, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from alibabacloud_computenestsupplier20210521 import models
from alibabacloud_computenestsupplier20210521.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from deploy.alibaba import Account, connect_local
from deploy.local.server import read_endpoint
from deploy.target import local_endpoint, stop

ROOT = Path(__file__).parents[2]
TEMPLATE = {
    "ROSTemplateFormatVersion": "2015-09-01",
    "Parameters": {
        "ZoneId": {"Type": "String"},
        "AdminPassword": {"Type": "String", "NoEcho": True, "AllowedPattern": "[A-Za-z0-9]{8,}"},
        "Cidr": {"Type": "String", "AllowedPattern": "[0-9./]+"},
    },
    "Resources": {
        "Vpc": {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": {"Ref": "Cidr"}}},
        "VSwitch": {
            "Type": "ALIYUN::ECS::VSwitch",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": {"Ref": "ZoneId"}, "CidrBlock": "10.0.0.0/24"},
        },
    },
}
AUTO = "$[iact3-auto]"


class Bench:
    """The provider's side of one local target, and a service of which cases are made."""

    def __init__(self, state: Path, *faults: str) -> None:
        self._state, self._faults = state, faults
        self.serve()
        template = state.with_name("template.yaml")
        template.write_text(yaml.safe_dump(TEMPLATE), encoding="utf-8")
        supplier = self._account.supplier()
        self.service = supplier.create({
            "DeployType": "ros",
            "ServiceInfo": [{"Locale": "zh-CN", "Name": "n", "ShortDescription": "d"}],
            "DeployMetadata": {"TemplateConfigs": [{"Name": "t", "Url": supplier.upload(template, public=False)}]},
        })  # fmt: skip

    def serve(self) -> None:
        rules = self._state.with_name("faults.yaml")
        rules.write_text(
            "rules: []\n" if not self._faults else "rules:\n" + "".join(f"  - {{{f}}}\n" for f in self._faults)
        )
        command = [sys.executable, "-m", "deploy.local", "serve", "--state", str(self._state), "--detach"]
        subprocess.run([*command, "--faults", str(rules)], check=True, capture_output=True, cwd=ROOT)
        endpoint = local_endpoint(self._state, start=False)
        keys = (endpoint.access_key_id, endpoint.access_key_secret)
        self._account: Account = connect_local(endpoint.host, *keys, region="cn-shanghai")
        self.client = Client(
            Config(access_key_id=keys[0], access_key_secret=keys[1], endpoint=endpoint.host, protocol="http")
        )

    def kill(self) -> None:
        os.kill(read_endpoint(self._state)["pid"], signal.SIGKILL)

    def case(self, name: str, **parameters: Any) -> str:
        request = models.CreateServiceTestCaseRequest(
            service_id=self.service, service_version="draft", template_name="t", test_case_name=name,
            test_config=yaml.safe_dump({"parameters": parameters}),
        )  # fmt: skip
        return str(self.client.create_service_test_case(request).body.test_case_id)

    def begin(self, *cases: str, region: str = "cn-shanghai") -> str:
        request = models.CreateServiceTestTaskRequest(task_name="试", task_region_id=region, test_case_ids=list(cases))
        return str(self.client.create_service_test_task(request).body.task_id)

    def look(self, task: str) -> tuple[str, Mapping[str, tuple[str, str]]]:
        """The task's status, and each case's with its report."""
        body = self.client.get_service_test_task(models.GetServiceTestTaskRequest(task_id=task)).body
        return body.status, {each.case_name: (each.status, each.execution_report) for each in body.execution_details}

    def ended(self, task: str) -> tuple[str, Mapping[str, tuple[str, str]]]:
        deadline = time.monotonic() + 60
        while (found := self.look(task))[0] == "Running":
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def stacks(self) -> list[str]:
        return [stack.name for stack in self._account.ros().stacks()]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    stop(tmp_path / "state")


def test_each_case_tells_how_it_ended_and_leaves_nothing(state: Path) -> None:
    bench = Bench(state, "fault: fail, resource: VSwitch, operation: create, message: no room, nth: [2]")
    good = bench.case("good", ZoneId=AUTO, AdminPassword=AUTO, Cidr="10.0.0.0/8")
    wrong = bench.case("wrong", ZoneId=AUTO, AdminPassword=AUTO, Cidr=AUTO)
    odd = bench.case("怪", **{"ZoneId": ["a", 1], "": {"b": True}, "Cidr": 7})
    status, cases = bench.ended(bench.begin(good))
    assert status == "Success"
    report = cases["good"][1].splitlines()
    assert report[0] == "Region: cn-shanghai"
    assert report[-2].startswith("CREATE_COMPLETE") and report[-1].startswith("DELETE_COMPLETE")

    task = bench.begin(wrong, good, odd)
    status, cases = bench.ended(task)
    assert status == "Failure"
    assert cases["wrong"] == ("Failure", cases["wrong"][1]) and "Cidr" in cases["wrong"][1], "nobody knows a value"
    assert cases["怪"][0] == "Failure"
    assert cases["good"][0] == "Failure" and "no room" in cases["good"][1]
    assert bench.stacks() == []

    logs = bench.client.list_service_test_task_logs(models.ListServiceTestTaskLogsRequest(task_id=task)).body.task_logs
    assert "DELETE_COMPLETE" in logs[0].content
    wanted = models.ListServiceTestTasksRequestFilter(name="Status", value=["Failure"])
    request = models.ListServiceTestTasksRequest(service_id=bench.service, filter=[wanted])
    (listed,) = bench.client.list_service_test_tasks(request).body.service_test_tasks
    assert (listed.task_id, listed.task_name, listed.task_region_id) == (task, "试", "cn-shanghai")
    bench.client.delete_service_test_case(models.DeleteServiceTestCaseRequest(test_case_id=wrong))
    for cases_of, region, code in (
        ([wrong], "cn-beijing", "EntityNotExist.ServiceTestCase"),
        ([], "cn-beijing", "MissingTestCaseIds"),
        ([good], "cn-beijng", "InvalidParameter.TaskRegionId"),
    ):
        with pytest.raises(Exception, match=code):
            bench.begin(*cases_of, region=region)


def test_a_task_outlives_the_emulator(state: Path) -> None:
    bench = Bench(state, "fault: slow, resource: VSwitch, operation: create, seconds: 2")
    task = bench.begin(bench.case("slow", ZoneId=AUTO, AdminPassword="Plain7391", Cidr="10.0.0.0/8"))
    assert bench.look(task)[0] == "Running"
    bench.kill()
    bench.serve()
    assert bench.ended(task)[0] == "Success"
    assert bench.stacks() == []
