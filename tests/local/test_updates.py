"""Stacks that change: in place, by replacement, back again, and what is refused."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from .support import NET, SUCCESS, code_of, ids


def with_resource(name: str, kind: str, **properties: Any) -> dict[str, Any]:
    template = copy.deepcopy(NET)
    template["Resources"][name] = {"Type": kind, "Properties": properties}
    return template


def test_a_name_changes_in_place(shared) -> None:
    stack = shared.create(NET, name="in-place")
    before = ids(shared, stack.stack_id)
    stack = shared.update(stack.stack_id, NET, parameters={"Name": "b"})
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    assert ids(shared, stack.stack_id) == before
    assert shared.outputs(stack.stack_id) == {"Name": "b"}
    events = shared.events(stack.stack_id)[-4:]
    assert events == [
        ("in-place", "UPDATE_IN_PROGRESS"),
        ("Vpc", "UPDATE_IN_PROGRESS"),
        ("Vpc", "UPDATE_COMPLETE"),
        ("in-place", "UPDATE_COMPLETE"),
    ]


def test_what_cannot_change_in_place_is_refused_and_goes_back(shared) -> None:
    stack = shared.create(NET, name="refused")
    before = ids(shared, stack.stack_id)
    stack = shared.update(stack.stack_id, NET, parameters={"Name": "b", "Range": "10.0.0.0/9"})
    assert stack.status == "ROLLBACK_COMPLETE"
    assert (
        "resources.Vpc: NotSupported: update of CidrBlock is not supported without replacement" in stack.status_reason
    )
    assert ids(shared, stack.stack_id) == before
    assert shared.outputs(stack.stack_id) == {"Name": "a"}
    assert {p.parameter_key: p.parameter_value for p in stack.parameters}["Range"] == "10.0.0.0/8"


def test_replacement_takes_the_dependants_along_and_removes_the_old_last(shared) -> None:
    stack = shared.create(NET, name="replaced")
    before = ids(shared, stack.stack_id)
    stack = shared.update(stack.stack_id, NET, parameters={"Range": "10.0.0.0/9"}, replacement_option="Enabled")
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    after = ids(shared, stack.stack_id)
    assert not set(before.values()) & set(after.values())
    events = shared.events(stack.stack_id)
    order = [event for event in events if event[1] in ("CREATE_COMPLETE", "DELETE_COMPLETE") and event[0] != "replaced"]
    assert order[2:] == [
        ("Vpc", "CREATE_COMPLETE"),
        ("Switch", "CREATE_COMPLETE"),
        ("Switch", "DELETE_COMPLETE"),
        ("Vpc", "DELETE_COMPLETE"),
    ]


def test_a_failure_after_a_replacement_brings_the_old_one_back(shared) -> None:
    stack = shared.create(NET, name="back")
    before = ids(shared, stack.stack_id)
    template = with_resource("Other", "ALIYUN::ECS::VSwitch", VpcId={"Ref": "Vpc"}, ZoneId="z", CidrBlock="1.0.0.0/8")
    stack = shared.update(stack.stack_id, template, parameters={"Range": "10.0.0.0/9"}, replacement_option="Enabled")
    assert stack.status == "ROLLBACK_COMPLETE", stack.status_reason
    assert "is not inside the VPC's" in stack.status_reason
    assert ids(shared, stack.stack_id) == before
    assert shared.update(stack.stack_id, NET, parameters={"Name": "c"}).status == "UPDATE_COMPLETE"


def test_resources_are_added_removed_and_retained(shared) -> None:
    stack = shared.create(with_resource("Group", "ALIYUN::ECS::SecurityGroup"), name="fewer")
    template = with_resource("Eip", "ALIYUN::VPC::EIP", Bandwidth=5)
    template["Resources"]["Eip"]["DeletionPolicy"] = "Retain"
    stack = shared.update(stack.stack_id, template)
    assert set(shared.resources(stack.stack_id)) == {"Vpc", "Switch", "Eip"}
    assert ("Group", "DELETE_COMPLETE") in shared.events(stack.stack_id)
    stack = shared.update(stack.stack_id, NET)
    assert set(shared.resources(stack.stack_id)) == {"Vpc", "Switch"}
    assert ("Eip", "DELETE_COMPLETE") not in shared.events(stack.stack_id)


def test_the_same_again_is_no_update(shared) -> None:
    stack = shared.create(NET, name="same", parameters={"Name": "x"})
    with pytest.raises(Exception, match="completely same stack") as error:
        shared.update(stack.stack_id, NET, use_previous_parameters=True)
    assert code_of(error) == (400, "NotSupported")
    assert shared.request("update_stack", stack_id=stack.stack_id, template=NET, use_previous_parameters=True,
                          dry_run=True).stack_id == stack.stack_id  # fmt: skip
    assert shared.get(stack.stack_id).status == "CREATE_COMPLETE"


def test_previous_parameters_stay_unless_given(shared) -> None:
    template = with_resource("Group", "ALIYUN::ECS::SecurityGroup")
    stack = shared.create(NET, name="previous", parameters={"Name": "x", "Word": "Other-secret1"})
    stack = shared.update(stack.stack_id, template, use_previous_parameters=True)
    assert shared.outputs(stack.stack_id) == {"Name": "x"}
    stack = shared.update(stack.stack_id, NET)
    assert shared.outputs(stack.stack_id) == {"Name": "a"}


def test_a_tainted_resource_is_replaced(shared) -> None:
    stack = shared.create(NET, name="tainted")
    before = ids(shared, stack.stack_id)
    stack = shared.update(stack.stack_id, NET, taint_resources=["Switch"])
    after = ids(shared, stack.stack_id)
    assert after["Vpc"] == before["Vpc"]
    assert after["Switch"] != before["Switch"]


def test_the_amount_of_machines_grows_and_shrinks(shared) -> None:
    group = {"InstanceType": "ecs.gn7i-c16g1.4xlarge", "MaxAmount": 1}
    stack = shared.create(with_resource("Group", "ALIYUN::ECS::InstanceGroup", **group), name="amount")
    shared.update(stack.stack_id, with_resource("Group", "ALIYUN::ECS::InstanceGroup", **{**group, "MaxAmount": 2}))
    first = ids(shared, stack.stack_id)["Group"]
    machines = shared.folder / "instances"
    assert len([path for path in machines.iterdir() if path.is_dir()]) == 2
    larger = {"InstanceType": "ecs.gn7i-c32g1.16xlarge", "MaxAmount": 1}
    stack = shared.update(stack.stack_id, with_resource("Group", "ALIYUN::ECS::InstanceGroup", **larger))
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    assert ids(shared, stack.stack_id)["Group"] == first
    assert [path.name for path in machines.iterdir() if path.is_dir()] == [first]


@pytest.mark.parametrize(("again", "runs"), [(["Update"], 2), ([], 1)])
def test_a_command_runs_again_only_where_it_is_said(shared, machine, again: list[str], runs: int) -> None:
    template = machine('echo once >> "$HOME/runs"; cat "$HOME/runs" | wc -l', sync=True, timeout=1)
    del template["Resources"]["Wait"], template["Outputs"]["Data"]
    properties = template["Resources"]["Run"]["Properties"]
    if again:
        properties["RunAgainOn"] = again
    stack = shared.create(template, name=f"again-{runs}")
    properties["CommandContent"]["Fn::Sub"][0] += "# changed\n"
    stack = shared.update(stack.stack_id, template)
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    found = shared.request("get_stack_resource", stack_id=stack.stack_id, logical_resource_id="Run",
                           show_resource_attributes=True).resource_attributes  # fmt: skip
    results = {a["ResourceAttributeName"]: a["ResourceAttributeValue"] for a in found}["InvokeResults"]
    assert base64.b64decode(results[0]["Output"]).decode().strip() == str(runs)


def test_nobody_finds_the_old_or_the_new_secret(shared) -> None:
    stack = shared.create(NET, name="secrets")
    change = shared.request("create_change_set", stack_id=stack.stack_id, change_set_name="c", template=NET,
                            parameters={"Word": "Other-secret1"})  # fmt: skip
    preview = shared.request(
        "preview_stack", stack_id=stack.stack_id, template=NET, parameters={"Word": "Third-secret1"}
    )
    found = shared.request("get_change_set", change_set_id=change.change_set_id)
    stack = shared.update(stack.stack_id, NET, parameters={"Word": "Other-secret1"})
    shown = str([preview.to_map(), found.to_map(), stack.to_map(), shared.events(stack.stack_id)])
    assert not [word for word in ("Pl4nted-secret", "Other-secret1", "Third-secret1") if word in shown]
    database = b"".join(path.read_bytes() for path in shared.folder.glob("state.sqlite3*"))
    assert not [word for word in (b"Pl4nted-secret", b"Other-secret1", b"Third-secret1") if word in database]


def test_an_update_goes_on_after_the_emulator_was_killed(own, machine, eventually) -> None:
    stack = own.create(NET)
    template = machine('while [ ! -e "$HOME/go" ]; do sleep 0.1; done; ' + SUCCESS, timeout=60, command_timeout=60)
    own.request("update_stack", stack_id=stack.stack_id, template=template)
    eventually(lambda: getattr(own.resources(stack.stack_id).get("Wait"), "status", "") == "CREATE_IN_PROGRESS")
    eventually(lambda: getattr(own.resources(stack.stack_id).get("Run"), "status", "") == "CREATE_COMPLETE")
    own.kill()
    own.start()
    (home,) = (own.folder / "instances").glob("*/root")
    (home / "go").touch()
    stack = own.ended(stack.stack_id)
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    assert set(own.resources(stack.stack_id)) == {"Group", "Handle", "Run", "Wait"}


def test_a_handle_forgets_the_signals_of_an_earlier_size(shared, machine) -> None:
    signal = """eval "$SIGNAL" -d "'"'{"status":"SUCCESS","id":"%d","data":%d}'"'"\n"""
    template = machine("".join(signal % (number, number) for number in (1, 2)), count=2)
    template["Resources"]["Handle"]["Properties"] = {"Mode": "Full", "Count": 2}
    stack = shared.create(template, name="sizes")
    assert shared.outputs(stack.stack_id)["Data"] == '{"1": 1, "2": 2}'
    template["Resources"]["Handle"]["Properties"]["Count"] = 1
    template["Resources"]["Wait"]["Properties"]["Count"] = 1
    stack = shared.update(stack.stack_id, template)
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    assert shared.outputs(stack.stack_id)["Data"] == '{"1": 1}'
    template["Resources"]["Wait"]["Properties"] |= {"Count": 2, "Timeout": 1}
    stack = shared.update(stack.stack_id, template)  # nobody signals any more
    assert stack.status == "ROLLBACK_COMPLETE"
    assert "WaitConditionTimeout: 1 of 2 received" in stack.status_reason


def test_deletion_takes_over_an_update_with_everything_it_set_aside(shared, machine, eventually) -> None:
    template = machine(SUCCESS, sync=True)
    stack = shared.create(template, name="overtaken")
    before = ids(shared, stack.stack_id)
    template = machine("sleep 600", sync=True, command_timeout=600)
    template["Resources"]["Group"]["Properties"]["ImageId"] = "other"
    shared.request("update_stack", stack_id=stack.stack_id, template=template, replacement_option="Enabled")
    eventually(lambda: (run := shared.resources(stack.stack_id).get("Run")) and run.status == "CREATE_IN_PROGRESS")
    machines = shared.folder / "instances"
    after = ids(shared, stack.stack_id)
    assert {before["Group"], after["Group"]} <= {path.name for path in machines.iterdir()}
    assert shared.delete(stack.stack_id).status == "DELETE_COMPLETE"
    assert not {before["Group"], after["Group"]} & {path.name for path in machines.iterdir()}


def test_protection_set_during_an_update_stays(shared, machine, eventually) -> None:
    stack = shared.create(NET, name="guarded")
    shared.request("update_stack", stack_id=stack.stack_id, template=machine("sleep 600", timeout=600))
    eventually(lambda: (wait := shared.resources(stack.stack_id).get("Wait")) and wait.status == "CREATE_IN_PROGRESS")
    shared.request("set_deletion_protection", stack_id=stack.stack_id, deletion_protection="Enabled")
    shared.request("cancel_update_stack", stack_id=stack.stack_id, cancel_type="Quick")
    stack = shared.ended(stack.stack_id)
    assert (stack.status, stack.deletion_protection) == ("ROLLBACK_COMPLETE", "Enabled")
