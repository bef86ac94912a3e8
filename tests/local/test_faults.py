"""Scripted misfortune: each fault does what its line in the example file says, and clients come through."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from alibabacloud_ros20190910 import models

from deploy.alibaba import connect_local
from deploy.local.faults import KINDS, FaultFileError, Faults, read_faults
from deploy.stacks import Stack, StackPlan

from .support import NET, SUCCESS, code_of

EXAMPLE = Path(__file__).parents[2] / "deploy" / "local" / "faults.example.yaml"
VPC: dict[str, Any] = {"Resources": {"Vpc": {"Type": "ALIYUN::ECS::VPC"}}}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return path


def test_the_example_shows_every_fault_with_every_key() -> None:
    read_faults(EXAMPLE)
    shown: dict[str, set[str]] = {}
    for rule in yaml.safe_load(EXAMPLE.read_text())["rules"]:
        shown.setdefault(rule["fault"], set()).update(rule.keys() - {"fault"})
    known = {fault: set(keys) for fault, keys in KINDS.items()}
    missing = {fault: keys - shown.get(fault, set()) for fault, keys in known.items()}
    assert {fault: keys for fault, keys in missing.items() if keys} == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{fault: flood}]", "rules/0/fault: should be one of throttle, error"),
        ("rules: [{fault: throttle, zone: x}]", "rules/0/zone: throttle knows action, status"),
        ("rules: [{fault: throttle, nth: 3}]", "rules/0/nth: should be a list of whole numbers from 1"),
        (
            "rules: [{fault: throttle}, {fault: error, probability: 2}]",
            "rules/1/probability: should be a number from 0",
        ),
        ("rules: [{fault: drift, resource: Eip}]", "rules/0/property: say which property was changed"),
        ("rules: [{fault: slow, seconds: -1}]", "rules/0/seconds: should be a number of seconds"),
        ("- throttle", "should be a map with seed and rules"),
        ("seed: x", "seed should be a whole number"),
        ("rules: [}", "faults.yaml:1:9: is not YAML"),
    ],
)
def test_a_bad_file_says_where_and_what(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FaultFileError) as error:
        read_faults(write(tmp_path, text))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FaultFileError, match="cannot be read"):
        read_faults(tmp_path / "none.yaml")


def test_the_command_line_refuses_a_bad_file_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, "rules: [{fault: flood}]")
    command = [sys.executable, "-m", "deploy", "local", "serve", "--faults", str(path), "--state-dir"]
    done = subprocess.run([*command, str(tmp_path / "state")], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{path}: rules/0/fault: should be one of throttle" in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_same_seed_hits_the_same_calls(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 3\nrules: [{fault: throttle, action: Get*, probability: 0.3}]")

    def hits(actions: list[str], faults: Faults) -> list[bool]:
        return [faults.call(action)[1] is not None for action in actions]

    first = hits(["GetStack"] * 50, read_faults(path))
    assert 5 < sum(first) < 25
    assert hits(["GetStack"] * 50, read_faults(path)) == first
    mixed = hits(["GetStack", "ListStacks", "GetTemplate"] * 50, read_faults(path))
    assert mixed[::3] == first  # calls of another action change nothing
    assert not any(mixed[1::3])


def test_nth_times_and_in_a_row_limit_the_hits(tmp_path: Path) -> None:
    def hits(rule: str) -> list[int]:
        faults = read_faults(write(tmp_path, f"rules: [{{fault: throttle, {rule}}}]"))
        return [number for number in range(1, 11) if faults.call("GetStack")[1]]

    assert hits("nth: [1, 4]") == [1, 4]
    assert hits("times: 2") == [1, 2]
    assert hits("in_a_row: 3") == [1, 2, 3, 5, 6, 7, 9, 10]


def test_throttled_and_broken_calls_look_as_the_service_makes_them(unlucky) -> None:
    target = unlucky("""
        rules:
          - {fault: throttle, action: ListStacks, nth: [1]}
          - {fault: throttle, action: ListStacks, status: 400, nth: [2]}
          - {fault: error, action: GetTemplate, status: 500, code: InternalError, message: Sorry, nth: [1]}
          - {fault: delay, action: DescribeRegions, seconds: 0.4, nth: [1]}
        """)
    for expected in ((429, "Throttling.User"), (400, "Throttling.User")):
        with pytest.raises(Exception) as error:
            target.client.list_stacks(models.ListStacksRequest(region_id="cn-hangzhou"))
        assert code_of(error) == expected
    target.client.list_stacks(models.ListStacksRequest(region_id="cn-hangzhou"))
    with pytest.raises(Exception, match="Sorry") as error:
        target.request("get_template", stack_id="x")
    assert code_of(error) == (500, "InternalError")
    began = time.monotonic()
    target.client.describe_regions(models.DescribeRegionsRequest())
    assert time.monotonic() - began >= 0.4


def test_a_connection_cut_before_or_after_the_work(unlucky) -> None:
    target = unlucky("""
        rules:
          - {fault: reset-before, action: CreateStack, nth: [1]}
          - {fault: reset-after, action: CreateStack, nth: [2]}
        """)
    for count in (0, 1):
        with pytest.raises(Exception, match=r"(?i)reset|aborted|closed"):
            target.begin(VPC, client_token="same")
        listed = target.client.list_stacks(models.ListStacksRequest(region_id="cn-hangzhou")).body.stacks
        assert len(listed) == count
    assert target.begin(VPC, client_token="same") == listed[0].stack_id


def test_a_hundred_creations_end_right_though_three_calls_of_ten_fail(unlucky, eventually) -> None:
    target = unlucky("""
        seed: 11
        rules:
          - {fault: throttle, action: "[CD]*", probability: 0.1, in_a_row: 2}
          - {fault: reset-before, action: "[CD]*", probability: 0.1, in_a_row: 2}
          - {fault: reset-after, action: "[CD]*", probability: 0.1, in_a_row: 2}
          - {fault: throttle, action: ListStacks, probability: 0.3, in_a_row: 3}
        """)
    endpoint = target.endpoint
    cloud = connect_local(
        endpoint.host, endpoint.access_key_id, endpoint.access_key_secret, region="cn-hangzhou", sleep=lambda _: None
    ).ros()
    template = yaml.safe_dump({"ROSTemplateFormatVersion": "2015-09-01", **VPC})
    made = {
        f"s{number}": cloud.create(
            StackPlan(
                name=f"s{number}",
                region="cn-hangzhou",
                template=template,
                parameters={},
                client_token=f"token-{number}",
            )
        )
        for number in range(100)
    }

    def at_rest() -> list[Stack] | None:
        found = cloud.stacks()
        return None if any(stack.busy for stack in found) else found

    found = eventually(at_rest)
    assert {stack.name: (stack.id, stack.status) for stack in found} == {
        name: (stack_id, "CREATE_COMPLETE") for name, stack_id in made.items()
    }
    assert len(found) == 100
    for stack_id in made.values():
        cloud.delete(stack_id)
    assert eventually(lambda: at_rest() == [])


def test_slow_and_failing_resources(unlucky) -> None:
    target = unlucky("""
        rules:
          - {fault: slow, resource: Vpc, operation: create, seconds: 0.5, nth: [1]}
          - {fault: fail, type: "*::VSwitch", operation: delete, message: "DependencyViolation: in use", nth: [1]}
          - {fault: fail, resource: Vpc, operation: update, nth: [1]}
        """)
    began = time.monotonic()
    stack = target.create(NET)
    assert time.monotonic() - began >= 0.5
    assert target.update(stack.stack_id, NET, parameters={"Name": "b"}).status == "ROLLBACK_COMPLETE"
    stack = target.delete(stack.stack_id)
    assert stack.status == "DELETE_FAILED"
    assert "resources.Switch: DependencyViolation: in use" in stack.status_reason
    assert target.resources(stack.stack_id)["Vpc"].status == "UPDATE_COMPLETE"
    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"


def test_a_spec_that_is_sold_out(unlucky) -> None:
    target = unlucky("rules: [{fault: no-stock, zone: cn-hangzhou-a, instance_type: ecs.gn7i-*}]")
    template: dict[str, Any] = {
        "Parameters": {"Zone": {"Type": "String"}, "Spec": {"Type": "String", "Default": "ecs.gn7i-c16g1.4xlarge"}},
        "Resources": {
            "Group": {
                "Type": "ALIYUN::ECS::InstanceGroup",
                "Properties": {"ZoneId": {"Ref": "Zone"}, "InstanceType": {"Ref": "Spec"}, "MaxAmount": 1},
            }
        },
    }
    found = target.request("get_template_parameter_constraints", template=template).parameter_constraints
    allowed = {entry.parameter_key: entry.allowed_values for entry in found}
    assert allowed["Zone"] == ["cn-hangzhou-a", "cn-hangzhou-b", "cn-hangzhou-c"]  # other types are there
    found = target.request("get_template_parameter_constraints", template=template,
                           parameters={"Spec": "ecs.gn7i-c16g1.4xlarge"}).parameter_constraints  # fmt: skip
    assert found[0].allowed_values == ["cn-hangzhou-b", "cn-hangzhou-c"]
    stack = target.create(template, parameters={"Zone": "cn-hangzhou-a"})
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "OperationDenied.NoStock" in stack.status_reason
    stack = target.create(template, name="other", parameters={"Zone": "cn-hangzhou-b"})
    assert stack.status == "CREATE_COMPLETE", stack.status_reason


def test_a_command_with_a_given_end(unlucky, machine) -> None:
    target = unlucky("rules: [{fault: command, resource: Run, exit_code: 100, output: 'E: no route to mirror'}]")
    stack = target.create(machine(SUCCESS, sync=True))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "exit code 100; last output: E: no route to mirror" in stack.status_reason


def test_signals_that_are_lost_or_come_twice(unlucky, machine) -> None:
    target = unlucky("""
        rules:
          - {fault: lose-signal, status_is: SUCCESS, nth: [1]}
          - {fault: double-signal, status_is: SUCCESS, nth: [2]}
        """)
    stack = target.create(machine(SUCCESS, timeout=1))
    assert "WaitConditionTimeout: 0 of 1 received" in stack.status_reason
    stack = target.create(machine(SUCCESS, timeout=1, count=2), name="twice")  # the same id counts once
    assert "WaitConditionTimeout: 1 of 2 received" in stack.status_reason
