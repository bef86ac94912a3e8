"""The life of a stack, as the real SDK sees it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ros20190910 import models

REGION = "cn-hangzhou"
VPC = {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": "10.0.0.0/8"}}
SUCCESS = """eval "$SIGNAL" -d "'"'{"status":"SUCCESS","id":"1","data":"hello"}'"'" """


def vswitch(cidr: str = "10.1.0.0/16") -> dict[str, Any]:
    return {
        "Type": "ALIYUN::ECS::VSwitch",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": "cn-hangzhou-h", "CidrBlock": cidr},
    }


def code_of(error: pytest.ExceptionInfo[Exception]) -> tuple[int, str]:
    return error.value.status_code, error.value.code  # type: ignore[attr-defined]


def test_command_really_runs_and_its_signal_reaches_the_outputs(target, machine) -> None:
    template = machine(f"touch /dev/null; {SUCCESS}; pwd; echo $WHISPER_ROOT $HOME $WHISPER_PORT", sync=True)
    stack = target.create(template)
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    assert json.loads(target.outputs(stack.stack_id)["Data"]) == {"1": "hello"}
    request = models.GetStackResourceRequest(
        stack_id=stack.stack_id, region_id=REGION, logical_resource_id="Run", show_resource_attributes=True
    )
    attributes = {
        a["ResourceAttributeName"]: a["ResourceAttributeValue"]
        for a in target.client.get_stack_resource(request).body.resource_attributes
    }
    cwd, values = base64.b64decode(attributes["InvokeResults"][0]["Output"]).decode().splitlines()
    root, home, port = values.split()
    assert root == str(target.folder / "instances" / target.outputs(stack.stack_id)["InstanceId"])
    assert cwd == home == f"{root}/root"
    assert 1024 < int(port) < 65536


def test_resources_follow_their_references(target) -> None:
    stack = target.create({"Resources": {"Switch": vswitch(), "Vpc": VPC}})
    events = target.events(stack.stack_id)
    assert events[0] == ("stack", "CREATE_IN_PROGRESS")
    assert events[-1] == ("stack", "CREATE_COMPLETE")
    assert events.index(("Vpc", "CREATE_COMPLETE")) < events.index(("Switch", "CREATE_IN_PROGRESS"))


def test_failure_signal_rolls_back_with_its_reason(target, machine) -> None:
    script = """eval "$SIGNAL" -d "'"'{"Data":"no_gpu | no card","status":"FAILURE"}'"'" """
    stack = target.create(machine(script))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "WaitConditionFailure: no_gpu | no card" in stack.status_reason
    statuses = {name: resource.status for name, resource in target.resources(stack.stack_id).items()}
    assert set(statuses.values()) == {"DELETE_COMPLETE"}
    order = [name for name, status in target.events(stack.stack_id) if status == "DELETE_COMPLETE"]
    assert order.index("Wait") < order.index("Group")
    assert not list((target.folder / "instances").iterdir())


def test_without_rollback_everything_stays_to_be_looked_at(target, machine) -> None:
    stack = target.create(machine("echo broken pipe fitting; exit 3", sync=True), disable_rollback=True)
    assert stack.status == "CREATE_FAILED"
    assert "ended with exit code 3; last output: broken pipe fitting" in stack.status_reason
    resources = target.resources(stack.stack_id)
    assert resources["Run"].status == "CREATE_FAILED"
    assert resources["Group"].status == "CREATE_COMPLETE"


def test_missing_signal_times_out_and_tells_of_the_command(target, machine) -> None:
    stack = target.create(machine("echo giving up; exit 7", timeout=1))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "WaitConditionTimeout: 0 of 1 received within 1 seconds" in stack.status_reason
    assert "Run on i-" in stack.status_reason
    assert "exit code 7; last output: giving up" in stack.status_reason


def test_condition_counts_different_ids_only(target, machine) -> None:
    signals = "".join(
        f"""eval "$SIGNAL" -d "'"'{{"status":"SUCCESS","id":"{number}","data":{number}}}'"'"\n"""
        for number in (1, 1, 2)
    )
    stack = target.create(machine(signals, count=2))
    assert json.loads(target.outputs(stack.stack_id)["Data"]) == {"1": 1, "2": 2}


def test_timeout_ends_only_the_command_itself(target, machine, eventually) -> None:
    script = f'setsid sleep 600 & echo $! > "$HOME/child"; {SUCCESS}; sleep 600'
    stack = target.create(machine(script, sync=True, command_timeout=1), disable_rollback=True)
    assert "took longer than its Timeout" in stack.status_reason
    (child,) = (target.folder / "instances").glob("*/root/child")
    process = Path("/proc") / child.read_text().strip()
    assert process.exists()
    target.delete(stack.stack_id)
    eventually(lambda: not process.exists())


def test_same_name_is_refused_until_it_is_deleted(target) -> None:
    stack = target.create({"Resources": {"Vpc": VPC}})
    with pytest.raises(Exception, match=r"The Stack \(stack\) already exists") as error:
        target.begin({"Resources": {"Vpc": VPC}})
    assert code_of(error) == (409, "StackExists")
    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"
    assert target.create({"Resources": {"Vpc": VPC}}).status == "CREATE_COMPLETE"


def test_client_token_makes_a_retry_harmless(target) -> None:
    first = target.begin({"Resources": {"Vpc": VPC}}, client_token="t1")
    assert target.begin({"Resources": {"Vpc": VPC}}, client_token="t1") == first
    with pytest.raises(Exception) as error:
        target.begin({"Resources": {"Net": VPC}}, client_token="t1")
    assert code_of(error) == (400, "IdempotentParameterMismatch")


def test_deletion_protection(target) -> None:
    stack = target.create({"Resources": {"Vpc": VPC}}, deletion_protection="Enabled")
    with pytest.raises(Exception) as error:
        target.delete(stack.stack_id)
    assert code_of(error) == (400, "StackDeletionProtected")


def test_stack_that_is_being_made_can_be_deleted(target, machine, eventually) -> None:
    stack_id = target.begin(machine("sleep 600", timeout=600))
    eventually(
        lambda: target.resources(stack_id).get("Run") and target.resources(stack_id)["Run"].status == "CREATE_COMPLETE"
    )
    assert target.delete(stack_id).status == "DELETE_COMPLETE"
    assert not list((target.folder / "instances").iterdir())


def test_unknown_stacks_regions_and_actions(target) -> None:
    for call, expected in (
        (lambda: target.get("no-such-stack"), (404, "StackNotFound")),
        (lambda: target.client.list_stacks(models.ListStacksRequest(region_id="cn-nowhere")), (400, "InvalidRegionId")),
        (
            lambda: target.client.list_stack_groups(models.ListStackGroupsRequest(region_id=REGION)),
            (404, "InvalidAction.NotFound"),
        ),
    ):
        with pytest.raises(Exception) as error:
            call()
        assert code_of(error) == expected


def test_lists_are_paged_and_filtered(own) -> None:
    tag = [models.CreateStackRequestTags(key="owner", value="a")]
    ids = [
        own.create({"Resources": {"Vpc": VPC}}, name=f"s{n}", tags=tag if n < 2 else None).stack_id for n in range(5)
    ]

    def listed(**more: Any) -> list[str]:
        body = own.client.list_stacks(models.ListStacksRequest(region_id=REGION, **more)).body
        return [stack.stack_name for stack in body.stacks]

    assert listed() == ["s4", "s3", "s2", "s1", "s0"]
    assert [listed(page_size=2, page_number=n) for n in (1, 2, 3, 4)] == [["s4", "s3"], ["s2", "s1"], ["s0"], []]
    assert listed(stack_name=["s1", "s3"]) == ["s3", "s1"]
    assert listed(stack_ids=ids[:1]) == ["s0"]
    assert listed(tag=[models.ListStacksRequestTag(key="owner")]) == ["s1", "s0"]
    own.delete(ids[0])
    assert listed(status=["DELETE_COMPLETE"]) == ["s0"]
    assert "s0" not in listed()
    events = models.ListStackEventsRequest(stack_id=ids[1], region_id=REGION, status=["CREATE_COMPLETE"], page_size=1)
    body = own.client.list_stack_events(events).body
    assert (len(body.events), body.total_count) == (1, 2)


def test_conditions_leave_resources_and_outputs_out(target) -> None:
    template = {
        "Parameters": {"Net": {"Type": "String", "Default": "new", "AllowedValues": ["new", "old"]}},
        "Conditions": {"New": {"Fn::Equals": [{"Ref": "Net"}, "new"]}, "Old": {"Fn::Not": "New"}},
        "Resources": {
            "Vpc": {**VPC, "Condition": "New"},
            "Group": {
                "Type": "ALIYUN::ECS::SecurityGroup",
                "Properties": {"VpcId": {"Fn::If": ["New", {"Ref": "Vpc"}, {"Ref": "ALIYUN::NoValue"}]}},
            },
        },
        "Outputs": {
            "Vpc": {"Value": {"Ref": "Vpc"}, "Condition": "New"},
            "Old": {"Value": "yes", "Condition": "Old"},
        },
    }
    stack = target.create(template, name="new")
    assert set(target.outputs(stack.stack_id)) == {"Vpc"}
    stack = target.create(template, name="old", parameters={"Net": "old"})
    assert stack.status == "CREATE_COMPLETE"
    assert set(target.resources(stack.stack_id)) == {"Group"}
    assert target.outputs(stack.stack_id) == {"Old": "yes"}


def test_outputs_of_another_stack(target) -> None:
    target.create({"Resources": {"Vpc": VPC}, "Outputs": {"Range": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}}}})
    wanted = {"Fn::GetStackOutput": ["stack", "Range"]}
    nothing = {"Fn::GetStackOutput": ["nobody", "Range"]}
    template = {
        "Resources": {"Net": {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": wanted}}},
        "Outputs": {"Same": {"Value": {"Fn::GetAtt": ["Net", "CidrBlock"]}}, "None": {"Value": nothing}},
    }
    stack = target.create(template, name="second")
    assert target.outputs(stack.stack_id) == {"Same": "10.0.0.0/8", "None": ""}


def test_service_failure_of_a_record(target) -> None:
    stack = target.create({"Resources": {"Vpc": VPC, "Switch": vswitch("192.168.0.0/24")}})
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "is not inside the VPC's 10.0.0.0/8" in stack.status_reason


def test_template_and_description_come_back(target) -> None:
    stack_id = target.begin({"Description": {"en": "A net", "zh-cn": "网络"}, "Resources": {"Vpc": VPC}})
    assert target.get(stack_id).description == "A net"
    body = target.client.get_template(models.GetTemplateRequest(stack_id=stack_id, region_id=REGION)).body
    assert "ALIYUN::ECS::VPC" in body.template_body
    regions = target.client.describe_regions(models.DescribeRegionsRequest()).body.regions
    assert REGION in [region.region_id for region in regions]
