"""Parameters keep to their constraints, and templates to their rules, in the service's wording."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ros20190910 import models

from deploy.local.errors import ApiError
from deploy.local.parameters import read_parameters, resolve
from deploy.local.resources import handlers
from deploy.local.template import read_template
from deploy.local.validation import validate

HEAD = "ROSTemplateFormatVersion: '2015-09-01'\n"
VPC = "Type: 'ALIYUN::ECS::VPC'"


def one(resource: str) -> str:
    """A template whose only resource, A, is `resource`."""
    return f"{HEAD}Resources: {{A: {{{resource}}}}}"


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ({"Type": "String"}, "x", "x"),
        ({"Type": "String", "Default": 5}, None, "5"),
        ({"Type": "String", "Default": ""}, None, ""),
        ({"Type": "String", "AllowedValues": [10, 20]}, "10", "10"),
        ({"Type": "String", "Required": False}, None, ""),
        ({"Type": "Number", "AllowedValues": [1, 2]}, "2", 2),
        ({"Type": "Number", "MinValue": 0.5}, "0.5", 0.5),
        ({"Type": "Boolean"}, "True", True),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "b,a", ["b", "a"]),
        ({"Type": "Json"}, '{"a": 1}', {"a": 1}),
    ],
)
def test_values(declaration: dict[str, Any], given: str | None, value: Any) -> None:
    declared = read_parameters({"P": declaration})
    assert resolve(declared, {} if given is None else {"P": given}) == {"P": value}


@pytest.mark.parametrize(
    ("declaration", "given", "problem"),
    [
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "'b' is not in the list of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "ab1", "does not match the AllowedPattern"),
        ({"Type": "String", "AllowedPattern": "^a$"}, "a\n", "does not match the AllowedPattern"),
        ({"Type": "String", "MinLength": 3}, "ab", "less than the MinLength 3"),
        ({"Type": "String", "MaxLength": 1}, "ab", "greater than the MaxLength 1"),
        ({"Type": "Number"}, "two", "could not convert 'two' to Number"),
        ({"Type": "Number", "MinValue": 200}, "199", "less than the MinValue 200"),
        ({"Type": "Number", "MaxValue": 200}, "200.5", "greater than the MaxValue 200"),
        ({"Type": "Boolean"}, "yes", "could not convert"),
        ({"Type": "Json"}, "{", "could not convert"),
        ({"Type": "String", "MinLength": 3, "ConstraintDescription": {"en": "Three or more.", "zh-cn": "三"}}, "a",
         "Parameter 'P' is invalid: Three or more."),
    ],
)  # fmt: skip
def test_broken_constraints(declaration: dict[str, Any], given: str, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        resolve(read_parameters({"P": declaration}), {"P": given})
    assert error.value.code == "StackValidationFailed"
    assert problem in error.value.message


def test_secret_is_not_in_its_own_complaint() -> None:
    for declaration in (
        {"Type": "String", "AllowedPattern": "x"},
        {"Type": "String", "AllowedValues": ["x"]},
        {"Type": "Number"},
    ):
        with pytest.raises(ApiError) as error:
            resolve(read_parameters({"P": {**declaration, "NoEcho": True}}), {"P": "hunter22"})
        assert "hunter22" not in error.value.message


def test_missing_and_unknown_parameters_over_the_wire(target) -> None:
    template = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"Vpc": {"Type": "ALIYUN::ECS::VPC"}}}
    for given, code in (({}, "UserParameterMissing"), ({"P": "1", "Q": "2"}, "UnknownUserParameter")):
        with pytest.raises(Exception) as error:
            target.begin(template, parameters=given)
        assert error.value.code == code
    body = target.client.validate_template(
        models.ValidateTemplateRequest(
            region_id="cn-hangzhou",
            template_body=HEAD
            + "Parameters: {P: {Type: String, MinLength: 2}}\nResources: {V: {Type: 'ALIYUN::ECS::VPC'}}",
        )
    ).body
    assert body.parameters == [{"ParameterKey": "P", "Type": "String", "MinLength": 2}]
    assert body.resource_types.resources == ["ALIYUN::ECS::VPC"]


@pytest.mark.parametrize(
    ("text", "code", "problem"),
    [
        ("", "MissingTemplateBody", "must be specified"),
        ("[1]", "InvalidSchema", "should be a JSON or YAML map"),
        ("a: [\nb: }", "InvalidSchema", "at line 2"),
        ("Resources: {}", "InvalidTemplateVersion", "2015-09-01"),
        (HEAD + "Resources: {}", "StackValidationFailed", "no resources"),
        (HEAD + "Locals: [a]", "InvalidTemplateSection", "Locals"),
        (
            HEAD + "Transform: Aliyun::Terraform-v1.5",
            "InvalidTemplateSection",
            "(Transform) is not known to the local target. ROS itself carries out Transform: Aliyun::Terraform-v1.5. "
            "Create such a stack on the real service",
        ),
        (one("Type: 'ALIYUN::REDIS::Instance'"), "ResourceTypeNotFound", "REDIS"),
        (one(f"{VPC}, Properties: {{Size: 1}}"), "StackValidationFailed", "Unknown Property Size"),
        (one("Type: 'ALIYUN::ECS::VSwitch'"), "StackValidationFailed", "Property VpcId not assigned"),
        (
            one("Type: 'ALIYUN::ECS::SecurityGroup', Properties: {SecurityGroupType: big}"),
            "StackValidationFailed",
            '"big" is not an allowed value [normal, enterprise]',
        ),
        (one(f"{VPC}, DependsOn: B"), "InvalidTemplateReference", '"B"'),
        (one(f"{VPC}, Condition: C"), "InvalidTemplateReference", '"C"'),
        (one(f"{VPC}, Properties: {{VpcName: !Ref B}}"), "InvalidTemplateReference", '"B"'),
        (one(VPC) + "\nOutputs: {O: {Value: !GetAtt A.Colour}}", "InvalidTemplateAttribute", "(A Colour)"),
        (
            one(f"{VPC}, DependsOn: B}}, B: {{{VPC}, Properties: {{VpcName: !Ref A}}"),
            "StackValidationFailed",
            "Circular Dependency Found: A -> B -> A",
        ),
    ],
)
def test_bad_templates(text: str, code: str, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        validate(read_template(text), handlers())
    assert error.value.code == code
    assert problem in error.value.message
