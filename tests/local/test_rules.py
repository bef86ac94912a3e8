"""Rules between parameters, and parameters whose Default is null."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.local import rules
from deploy.local.errors import ApiError
from deploy.local.parameters import read_parameters, resolve

VPC = {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": "10.0.0.0/8"}}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Choice": {"Type": "String", "Default": "New", "AllowedValues": ["New", "Existing"]},
        "Id": {"Type": "String", "Default": None, "AllowedPattern": "^id-[0-9]+$", "MinLength": 4},
    },
    "Conditions": {"Existing": {"Fn::Equals": [{"Ref": "Choice"}, "Existing"]}},
    "Rules": {
        "IdIsGiven": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Choice"}, "Existing"]},
            "Assertions": [
                {"Assert": {"Fn::Not": {"Fn::Equals": [{"Ref": "Id"}, ""]}}, "AssertDescription": "Existing needs Id"}
            ],
        }
    },
    "Resources": {"Vpc": VPC},
}


def test_a_rule_is_checked_before_anything_is_made(target) -> None:
    with pytest.raises(Exception, match="Rule 'IdIsGiven' is broken: Existing needs Id") as error:
        target.begin(TEMPLATE, parameters={"Choice": "Existing"})
    assert (error.value.status_code, error.value.code) == (400, "StackValidationFailed")  # type: ignore[attr-defined]
    stack = target.create(TEMPLATE, parameters={"Choice": "Existing", "Id": "id-1"})
    assert stack.status == "CREATE_COMPLETE"


def test_a_rule_whose_condition_is_false_asks_for_nothing(target) -> None:
    assert target.create(TEMPLATE).status == "CREATE_COMPLETE"


def test_a_null_default_is_empty_and_held_against_no_constraint() -> None:
    declared = read_parameters(
        {
            "Text": {"Type": "String", "Default": None, "AllowedPattern": "^x+$", "MinLength": 1},
            "Amount": {"Type": "Number", "Default": None, "MinValue": 1},
        }
    )
    assert resolve(declared, {}) == {"Text": "", "Amount": None}
    with pytest.raises(ApiError, match="AllowedPattern"):
        resolve(declared, {"Text": "y"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("text", "Rules.R: a rule is a map"),
        ({"Assertions": [{"Assert": True}], "Other": 1}, "Rules.R: a rule is a map"),
        ({"RuleCondition": True}, "Rules.R.Assertions: should be a list of 1 to 100"),
        ({"Assertions": [{"AssertDescription": "x"}]}, "each is a map with Assert"),
    ],
)
def test_a_rule_of_another_form_is_refused(body: Any, said: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.read_rules({"R": body})
    assert said in error.value.message


def test_a_rule_cannot_look_at_resources(target) -> None:
    broken = {**TEMPLATE, "Rules": {"R": {"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "Vpc"}, ""]}}]}}}
    with pytest.raises(Exception, match="Vpc"):
        target.begin(broken)
