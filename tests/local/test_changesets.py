"""Change sets and previews: what would change, before it does."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from .support import NET, code_of, ids


def proposed(target: Any, eventually: Any, **more: Any) -> Any:
    """The change set once the service has worked it out."""
    made = target.request("create_change_set", **{"change_set_name": "change", "template": NET, **more})
    return eventually(
        lambda: (
            (found := target.request("get_change_set", change_set_id=made.change_set_id))
            and found.status != "CREATE_IN_PROGRESS"
            and found
        )
    )


def test_a_diff_says_what_changes_how_and_why(shared, eventually) -> None:
    stack = shared.create(NET, name="diff")
    template = copy.deepcopy(NET)
    template["Resources"]["Group"] = {"Type": "ALIYUN::ECS::SecurityGroup"}
    template["Resources"]["Vpc"]["Properties"]["Tags"] = [{"Key": "k", "Value": "v"}]
    found = proposed(shared, eventually, stack_id=stack.stack_id, template=template, parameters={"Range": "10.0.0.0/9"})
    assert (found.status, found.execution_status, found.change_set_type) == ("CREATE_COMPLETE", "AVAILABLE", "UPDATE")
    changes = {change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in found.changes}
    assert {name: change["Action"] for name, change in changes.items()} == {
        "Vpc": "Modify", "Switch": "Modify", "Group": "Add",
    }  # fmt: skip
    vpc = {detail["Target"]["Name"]: detail for detail in changes["Vpc"]["Details"]}
    assert changes["Vpc"]["Replacement"] == "True"
    assert vpc["CidrBlock"]["Target"]["RequiresRecreation"] == "Always"
    assert (vpc["CidrBlock"]["ChangeSource"], vpc["CidrBlock"]["CausingEntity"]) == ("ParameterReference", "Range")
    assert (vpc["CidrBlock"]["Target"]["BeforeValue"], vpc["CidrBlock"]["Target"]["AfterValue"]) == (
        "10.0.0.0/8", "10.0.0.0/9",
    )  # fmt: skip
    assert (vpc["Tags"]["ChangeSource"], vpc["Tags"]["Target"]["RequiresRecreation"]) == ("DirectModification", "Never")
    (switch,) = changes["Switch"]["Details"]
    assert changes["Switch"]["Replacement"] == "Conditional"
    assert (switch["Evaluation"], switch["ChangeSource"], switch["CausingEntity"]) == (
        "Dynamic", "ResourceReference", "Vpc",
    )  # fmt: skip
    assert shared.get(stack.stack_id).status == "CREATE_COMPLETE"


def test_executing_does_what_was_shown_and_outdates_the_others(shared, eventually) -> None:
    stack = shared.create(NET, name="execute")
    one = proposed(shared, eventually, stack_id=stack.stack_id, change_set_name="one", parameters={"Name": "b"})
    two = proposed(shared, eventually, stack_id=stack.stack_id, change_set_name="two", parameters={"Name": "c"})
    shared.request("execute_change_set", change_set_id=one.change_set_id, client_token="t1")
    shared.request("execute_change_set", change_set_id=one.change_set_id, client_token="t1")
    assert shared.ended(stack.stack_id).status == "UPDATE_COMPLETE"
    assert shared.outputs(stack.stack_id) == {"Name": "b"}
    listed = shared.request("list_change_sets", stack_id=stack.stack_id).change_sets
    assert {c.change_set_name: c.execution_status for c in listed} == {"one": "EXECUTE_COMPLETE", "two": "OBSOLETE"}
    with pytest.raises(Exception, match="OBSOLETE is not supported"):
        shared.request("execute_change_set", change_set_id=two.change_set_id)
    shared.request("delete_change_set", change_set_id=two.change_set_id)
    with pytest.raises(Exception) as error:
        shared.request("get_change_set", change_set_id=two.change_set_id)
    assert code_of(error) == (404, "ChangeSetNotFound")


def test_a_stack_may_be_reviewed_before_it_is_made(shared, eventually) -> None:
    found = proposed(shared, eventually, stack_name="review", change_set_type="CREATE", parameters={"Name": "r"})
    assert shared.get(found.stack_id).status == "REVIEW_IN_PROGRESS"
    assert {c["ResourceChange"]["Action"] for c in found.changes} == {"Add"}
    with pytest.raises(Exception) as error:
        shared.begin(NET, name="review")
    assert code_of(error) == (409, "StackExists")
    shared.request("execute_change_set", change_set_id=found.change_set_id)
    assert shared.ended(found.stack_id).status == "CREATE_COMPLETE"
    assert shared.outputs(found.stack_id) == {"Name": "r"}


def test_a_change_set_that_changes_nothing_fails(shared, eventually) -> None:
    stack = shared.create(NET, name="nothing")
    found = proposed(shared, eventually, stack_id=stack.stack_id)
    assert (found.status, found.execution_status) == ("CREATE_FAILED", "UNAVAILABLE")
    assert "completely same" in found.status_reason


def test_names_types_and_states_are_checked(shared, eventually) -> None:
    stack = shared.create(NET, name="checked")
    proposed(shared, eventually, stack_id=stack.stack_id, parameters={"Name": "b"})
    for expected, more in (
        ((409, "ChangeSetExists"), {"stack_id": stack.stack_id, "parameters": {"Name": "c"}}),
        ((400, "InvalidParameter.ChangeSetName"), {"stack_id": stack.stack_id, "change_set_name": "a b"}),
        ((400, "InvalidParameter.ChangeSetType"), {"stack_name": "x", "change_set_type": "IMPORT"}),
        ((409, "StackExists"), {"stack_name": "checked", "change_set_type": "CREATE"}),
        ((404, "StackNotFound"), {"stack_id": "none"}),
        (
            (400, "UnknownUserParameter"),
            {"stack_id": stack.stack_id, "parameters": {"No": "1"}, "change_set_name": "n"},
        ),
    ):
        with pytest.raises(Exception) as error:
            shared.request("create_change_set", **{"change_set_name": "change", "template": NET, **more})
        assert code_of(error) == expected


def test_preview_of_a_stack_to_be(shared) -> None:
    found = shared.request("preview_stack", stack_name="new", template=NET).stack
    resources = {resource.logical_resource_id: resource for resource in found.resources}
    assert {resource.action for resource in found.resources} == {"Add"}
    assert resources["Vpc"].required_by == ["Switch"]
    assert resources["Vpc"].properties["CidrBlock"] == "10.0.0.0/8"
    assert resources["Vpc"].properties["Description"] == "****"
    assert resources["Switch"].properties["VpcId"] == {"Ref": "Vpc"}  # not known before it is made


def test_preview_of_a_change(shared) -> None:
    stack = shared.create(NET, name="preview")
    before = ids(shared, stack.stack_id)
    found = shared.request("preview_stack", stack_id=stack.stack_id, template=NET, parameters={"Name": "b"}).stack
    actions = {r.logical_resource_id: (r.action, r.replacement, r.physical_resource_id) for r in found.resources}
    assert actions == {"Vpc": ("Modify", "False", before["Vpc"]), "Switch": ("None", None, before["Switch"])}
