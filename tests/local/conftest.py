"""A real emulator process in a folder of the test, spoken to by the real SDK over its socket."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alibabacloud_ros20190910 import models
from alibabacloud_ros20190910.client import Client
from alibabacloud_tea_openapi.models import Config

from deploy.target import local_endpoint, stop, stop_if_idle

REGION = "cn-hangzhou"
SECONDS = 30
HEAD = """#!/bin/bash
set -eu
SIGNAL="${Handle.CurlCli} -sS -f -o /dev/null --retry 20 --retry-delay 1 --retry-all-errors"
SECRET=${Secret}
"""


REGIONLESS = ("generate_template_policy",)


def text_of(template: dict[str, Any]) -> str:
    return yaml.safe_dump({"ROSTemplateFormatVersion": "2015-09-01", **template}, sort_keys=False)


class Target:
    """One emulator and a client for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.endpoint = local_endpoint(self.folder, start=True)
        self.client = self.connect(self.endpoint.access_key_id, self.endpoint.access_key_secret)

    def connect(self, key_id: str, secret: str) -> Client:
        return Client(
            Config(endpoint=self.endpoint.host, protocol="http", access_key_id=key_id, access_key_secret=secret)
        )

    def kill(self) -> None:
        """As kill -9 does."""
        pid = json.loads((self.folder / "endpoint.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not running(pid))

    def begin(
        self, template: dict[str, Any], name: str = "stack", parameters: dict[str, str] | None = None, **more: Any
    ) -> str:
        pairs = [
            models.CreateStackRequestParameters(parameter_key=key, parameter_value=value)
            for key, value in (parameters or {}).items()
        ]
        request = models.CreateStackRequest(
            stack_name=name, region_id=REGION, template_body=text_of(template), parameters=pairs, **more
        )
        return str(self.client.create_stack(request).body.stack_id)

    def get(self, stack_id: str) -> Any:
        return self.client.get_stack(models.GetStackRequest(stack_id=stack_id, region_id=REGION)).body

    def request(self, kind: str, **more: Any) -> Any:
        """The body of the answer to any call of ROS; `kind` is the action in the SDK's spelling, such as get_stack.
        A template is given as a map, parameters as a map."""
        name = "".join(part.capitalize() for part in kind.split("_"))
        if "template" in more:
            more["template_body"] = text_of(more.pop("template"))
        if "parameters" in more:
            pair = getattr(models, f"{name}RequestParameters")
            more["parameters"] = [pair(parameter_key=k, parameter_value=v) for k, v in more["parameters"].items()]
        request = getattr(models, f"{name}Request")(**({} if kind in REGIONLESS else {"region_id": REGION}), **more)
        return getattr(self.client, kind)(request).body

    def update(self, stack_id: str, template: dict[str, Any], **more: Any) -> Any:
        """The stack once the update has ended, one way or the other."""
        self.request("update_stack", stack_id=stack_id, template=template, **more)
        return self.ended(stack_id)

    def ended(self, stack_id: str) -> Any:
        """The stack once nothing more is done to it."""
        return eventually(lambda: (s := self.get(stack_id)) and not s.status.endswith("_IN_PROGRESS") and s)

    def create(self, template: dict[str, Any], **more: Any) -> Any:
        return self.ended(self.begin(template, **more))

    def delete(self, stack_id: str, **more: Any) -> Any:
        self.client.delete_stack(models.DeleteStackRequest(stack_id=stack_id, region_id=REGION, **more))
        return self.ended(stack_id)

    def clear(self) -> None:
        """Deletes every stack."""
        for stack in self.request("list_stacks", page_size=50).stacks:
            self.request("set_deletion_protection", stack_id=stack.stack_id, deletion_protection="Disabled")
            self.request("delete_stack", stack_id=stack.stack_id)
        eventually(lambda: not self.request("list_stacks", page_size=50).stacks)

    def outputs(self, stack_id: str) -> dict[str, Any]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.get(stack_id).outputs}

    def events(self, stack_id: str) -> list[tuple[str, str]]:
        """Oldest first."""
        request = models.ListStackEventsRequest(stack_id=stack_id, region_id=REGION, page_size=50)
        return [(e.logical_resource_id, e.status) for e in self.client.list_stack_events(request).body.events][::-1]

    def resources(self, stack_id: str) -> dict[str, Any]:
        request = models.ListStackResourcesRequest(stack_id=stack_id, region_id=REGION)
        return {r.logical_resource_id: r for r in self.client.list_stack_resources(request).body.resources}


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` gives once it is true; the test fails after a while."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], Any]], Any]:
    return eventually


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One emulator for a whole file, whose tests use stack names of their own."""
    yield from _serving(tmp_path_factory.mktemp("shared") / "state", "")


@pytest.fixture
def target(shared: Target) -> Iterator[Target]:
    """The file's emulator, without a stack before and after the test."""
    yield shared
    shared.clear()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Target]:
    """An emulator of the test's own."""
    yield from _serving(tmp_path / "state", "")


@pytest.fixture
def unlucky(tmp_path: Path) -> Iterator[Callable[[str], Target]]:
    """Makes an emulator of the test's own with faults, given as YAML."""
    with contextlib.ExitStack() as stack:

        def serve(faults: str) -> Target:
            return stack.enter_context(contextlib.contextmanager(_serving)(tmp_path / "state", faults))

        yield serve


def _serving(folder: Path, faults: str) -> Iterator[Target]:
    if faults:
        path = folder.with_name("faults.yaml")
        path.write_text(faults)
        command = [sys.executable, "-m", "deploy.local", "serve", "--detach"]
        done = subprocess.run(
            [*command, "--state", str(folder), "--faults", str(path)], capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
    target = Target(folder)
    yield target
    if not folder.exists():
        return
    if faults:
        target.kill()
    target.start()
    target.clear()
    if not stop_if_idle(folder):
        stop(folder)


@pytest.fixture
def machine() -> Callable[..., dict[str, Any]]:
    """Makes a template with an instance that runs `script`, and a condition that waits for its signal."""

    def build(
        script: str, *, sync: bool = False, timeout: int = 20, command_timeout: int = 20, count: int = 1
    ) -> dict[str, Any]:
        return {
            "Parameters": {"Password": {"Type": "String", "NoEcho": True, "Default": "Pl4nted-secret"}},
            "Resources": {
                "Group": {
                    "Type": "ALIYUN::ECS::InstanceGroup",
                    "Properties": {
                        "InstanceType": "ecs.gn7i-c16g1.4xlarge",
                        "MaxAmount": 1,
                        "Password": {"Ref": "Password"},
                    },
                },
                "Handle": {"Type": "ALIYUN::ROS::WaitConditionHandle"},
                "Run": {
                    "Type": "ALIYUN::ECS::RunCommand",
                    "Properties": {
                        "Type": "RunShellScript",
                        "InstanceIds": {"Fn::GetAtt": ["Group", "InstanceIds"]},
                        "Sync": sync,
                        "Timeout": command_timeout,
                        "CommandContent": {
                            "Fn::Sub": [
                                f"{HEAD}{script}\n",
                                {"Secret": {"Fn::Base64Encode": {"Ref": "Password"}}},
                            ]
                        },
                    },
                },
                "Wait": {
                    "Type": "ALIYUN::ROS::WaitCondition",
                    "DependsOn": "Group",
                    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": timeout, "Count": count},
                },
            },
            "Outputs": {
                "Data": {"Value": {"Fn::GetAtt": ["Wait", "Data"]}},
                "InstanceId": {"Value": {"Fn::Select": ["0", {"Fn::GetAtt": ["Group", "InstanceIds"]}]}},
            },
        }

    return build
