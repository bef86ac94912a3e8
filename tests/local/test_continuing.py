"""Failed creations that go on, operations that are called off, and deletion protection."""

from __future__ import annotations

from typing import Any

import pytest

from .support import FAILURE, NET, SUCCESS, code_of

SECOND_TRY = f'if [ -e "$HOME/tried" ]; then {SUCCESS}; else touch "$HOME/tried"; {FAILURE}; fi'


def test_a_failed_command_runs_again_on_the_same_machine(target, machine) -> None:
    template = machine(SECOND_TRY)
    template["Resources"]["Wait"]["DependsOn"] = "Run"
    stack = target.create(template, disable_rollback=True)
    assert stack.status == "CREATE_FAILED"
    assert "WaitConditionFailure: not yet" in stack.status_reason
    group = target.resources(stack.stack_id)["Group"].physical_resource_id
    target.request("continue_create_stack", stack_id=stack.stack_id, recreating_resources=["Run"])
    stack = target.ended(stack.stack_id)
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    assert target.resources(stack.stack_id)["Group"].physical_resource_id == group
    assert target.outputs(stack.stack_id)["Data"] == '{"1": "hello"}'
    events = target.events(stack.stack_id)
    assert events.count(("Run", "CREATE_COMPLETE")) == 2
    assert events.count(("Group", "CREATE_COMPLETE")) == 1
    with pytest.raises(Exception, match="CREATE_COMPLETE is not supported"):
        target.request("continue_create_stack", stack_id=stack.stack_id)


def test_what_failed_may_get_other_values_but_not_what_stays(shared) -> None:
    template: dict[str, Any] = {
        "Parameters": {**NET["Parameters"], "Sub": {"Type": "String", "Default": "192.168.0.0/24"}},
        "Resources": {
            "Vpc": NET["Resources"]["Vpc"],
            "Switch": {
                "Type": "ALIYUN::ECS::VSwitch",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": "z", "CidrBlock": {"Ref": "Sub"}},
            },
        },
    }
    stack = shared.create(template, name="values", disable_rollback=True)
    assert stack.status == "CREATE_FAILED"
    result = shared.request("continue_create_stack", stack_id=stack.stack_id, dry_run=True).dry_run_result
    assert result.parameters_allowed_to_be_modified == ["Sub"]
    assert set(result.parameters_not_allowed_to_be_modified) == {"Name", "Range", "Word"}
    with pytest.raises(Exception, match="Parameter Name is used by resources that are not created again"):
        shared.request("continue_create_stack", stack_id=stack.stack_id, parameters={"Name": "b"})
    shared.request("continue_create_stack", stack_id=stack.stack_id, parameters={"Sub": "10.1.0.0/16"})
    assert shared.ended(stack.stack_id).status == "CREATE_COMPLETE"


def test_what_failed_may_be_left_out(shared) -> None:
    template: dict[str, Any] = {
        "Resources": {
            "Vpc": {"Type": "ALIYUN::ECS::VPC"},
            "Switch": {
                "Type": "ALIYUN::ECS::VSwitch",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": "z", "CidrBlock": "1.0.0.0/8"},
            },
        },
        "Outputs": {"Switch": {"Value": {"Ref": "Switch"}}, "Vpc": {"Value": {"Ref": "Vpc"}}},
    }
    stack = shared.create(template, name="ignored", disable_rollback=True)
    shared.request("continue_create_stack", stack_id=stack.stack_id, mode="Ignore")
    assert shared.get(stack.stack_id).status == "CREATE_COMPLETE"
    assert set(shared.resources(stack.stack_id)) == set(shared.outputs(stack.stack_id)) == {"Vpc"}


def test_a_creation_is_called_off(shared, machine, eventually) -> None:
    stack_id = shared.begin(machine("sleep 600", timeout=600), name="called-off")
    eventually(lambda: getattr(shared.resources(stack_id).get("Wait"), "status", "") == "CREATE_IN_PROGRESS")
    with pytest.raises(Exception) as error:
        shared.update(stack_id, NET)
    assert code_of(error) == (409, "ActionInProgress")
    with pytest.raises(Exception, match="not allowed by AllowedStackOperations"):
        shared.request("cancel_stack_operation", stack_id=stack_id, allowed_stack_operations=["UpdateStack"])
    shared.request("cancel_stack_operation", stack_id=stack_id, cancel_type="Quick")
    stack = shared.ended(stack_id)
    assert (stack.status, stack.status_reason) == ("CREATE_FAILED", "Stack CREATE cancelled")
    assert shared.resources(stack_id)["Wait"].status == "CREATE_FAILED"
    assert shared.delete(stack_id).status == "DELETE_COMPLETE"


def test_a_called_off_update_goes_back(shared, machine, eventually) -> None:
    stack = shared.create(NET, name="undone")
    template = machine("sleep 600", timeout=600)
    shared.request("update_stack", stack_id=stack.stack_id, template=template)
    eventually(lambda: getattr(shared.resources(stack.stack_id).get("Wait"), "status", "") == "CREATE_IN_PROGRESS")
    shared.request("cancel_update_stack", stack_id=stack.stack_id, cancel_type="Quick")
    stack = shared.ended(stack.stack_id)
    assert stack.status == "ROLLBACK_COMPLETE", stack.status_reason
    assert set(shared.resources(stack.stack_id)) == {"Vpc", "Switch"}


def test_deletion_protection_is_set_and_taken_off(shared) -> None:
    stack = shared.create(NET, name="protected")
    shared.request("set_deletion_protection", stack_id=stack.stack_id, deletion_protection="Enabled")
    assert shared.get(stack.stack_id).deletion_protection == "Enabled"
    with pytest.raises(Exception) as error:
        shared.delete(stack.stack_id)
    assert code_of(error) == (400, "StackDeletionProtected")
    shared.request("set_deletion_protection", stack_id=stack.stack_id, deletion_protection="Disabled")
    assert shared.delete(stack.stack_id).status == "DELETE_COMPLETE"


def test_retained_resources_are_told_as_a_risk(shared) -> None:
    stack = shared.create(NET, name="risky")
    found = shared.request("list_stack_operation_risks", stack_id=stack.stack_id, operation_type="DeleteStack",
                           retain_resources=["Vpc"]).risk_resources  # fmt: skip
    assert [(risk.logical_resource_id, risk.risk_type) for risk in found] == [("Vpc", "OperationIgnored")]
    shared.delete(stack.stack_id, retain_resources=["Vpc"])
    assert ("Vpc", "DELETE_COMPLETE") not in shared.events(stack.stack_id)
