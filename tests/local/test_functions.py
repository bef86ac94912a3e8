"""Every template function, with the edges that templates meet."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.local.errors import ApiError
from deploy.local.evaluation import Scope, evaluate, references, zones
from deploy.local.template import read_template

TEMPLATE = """
ROSTemplateFormatVersion: '2015-09-01'
Parameters: {Name: {Type: String}, List: {Type: CommaDelimitedList}}
Mappings: {Images: {cn-hangzhou: {debian: m-1}}}
Conditions:
  'Yes': {Fn::Equals: [1, '1']}
  'No': {Fn::Not: 'Yes'}
  Both: {Fn::And: ['Yes', {Condition: 'No'}]}
  Loop: {Fn::Not: [Loop]}
Resources: {Vpc: {Type: 'ALIYUN::ECS::VPC'}}
"""


def scope() -> Scope:
    return Scope(
        read_template(TEMPLATE),
        {"Name": "neo", "List": ["a", "b"]},
        {"ALIYUN::Region": "cn-hangzhou", "ALIYUN::StackName": "s"},
        ref={"Vpc": "vpc-1"}.__getitem__,
        attribute=lambda name, key: {("Vpc", "Ids"): ["i-1", "i-2"], ("Vpc", "Map.Key"): "deep"}[(name, key)],
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Name"}, "neo"),
        ({"Ref": "Vpc"}, "vpc-1"),
        ({"Ref": "ALIYUN::Region"}, "cn-hangzhou"),
        ([1, {"Ref": "ALIYUN::NoValue"}, {"a": {"Ref": "ALIYUN::NoValue"}, "b": 2}], [1, {"b": 2}]),
        ({"Fn::GetAtt": ["Vpc", "Ids"]}, ["i-1", "i-2"]),
        ({"Fn::GetAtt": "Vpc.Map.Key"}, "deep"),
        ({"Fn::Sub": "${Name} ${ALIYUN::StackName} ${Vpc} ${Vpc.Ids}"}, 'neo s vpc-1 ["i-1", "i-2"]'),
        ({"Fn::Sub": "$X $(date) $$ ${!Name} ${!A:-b}"}, "$X $(date) $$ ${Name} ${A:-b}"),
        ({"Fn::Sub": ["${V} ${Name}", {"V": {"Ref": "Vpc"}}]}, "vpc-1 neo"),
        ({"Fn::Sub": ["${Name}", {"Name": "${Vpc}"}]}, "${Vpc}"),  # what is put in is not looked at again
        ({"Fn::If": ["Yes", 1, {"Ref": "Nobody"}]}, 1),
        ({"Fn::If": ["No", {"Ref": "Nobody"}, 2]}, 2),
        ({"Fn::If": [{"Fn::Or": ["No", "Yes"]}, 1, 2]}, 1),
        ({"Fn::FindInMap": ["Images", {"Ref": "ALIYUN::Region"}, "debian"]}, "m-1"),
        ({"Fn::FindInMap": ["Images", "mars", "debian", {"DefaultValue": "m-0"}]}, "m-0"),
        ({"Fn::GetAZs": ""}, ["cn-hangzhou-a", "cn-hangzhou-b", "cn-hangzhou-c"]),
        ({"Fn::Base64Encode": "é"}, "w6k="),
        ({"Fn::Base64Decode": "w6k="}, "é"),
        ({"Fn::Str": 1.5}, "1.5"),
        ({"Fn::Join": ["-", ["a", 1, True]]}, "a-1-true"),
        ({"Fn::Split": [",", "a,b,"]}, ["a", "b", ""]),
        ({"Fn::Replace": [{"$n": "x"}, "a$n"]}, "ax"),
        ({"Fn::Select": ["0", {"Fn::GetAtt": ["Vpc", "Ids"]}]}, "i-1"),
        ({"Fn::Select": [-1, [1, 2, 3]]}, 3),
        ({"Fn::Select": ["1:", [1, 2, 3]]}, [2, 3]),
        ({"Fn::Select": ["9", [1], "none"]}, "none"),
        ({"Fn::Select": ["9", [1]]}, ""),
        ({"Fn::Select": ["k", {"k": "v"}]}, "v"),
        ({"Fn::Select": [1, "a,b"]}, "b"),
        ({"Fn::Indent": ["a\n\nb", 1]}, "  a\n\n  b"),
        ({"Fn::Indent": ["a\nb", "2", 1, False]}, "a\n  b"),
        ({"Fn::GetStackOutput": ["x", "y"]}, ""),
        ({"Fn::Index": ["b", ["a", "b"]]}, 1),
        ({"Fn::Index": ["z", ["a", "b"]]}, None),
        ({"Fn::Length": {"Ref": "List"}}, 2),
        ({"Fn::Length": "四个字符"}, 4),
        ({"Fn::ListMerge": [[1], [], [2, 3]]}, [1, 2, 3]),
        ({"Fn::GetJsonValue": ["a", '{"a": {"b": 1}}']}, {"b": 1}),
        ({"Fn::GetJsonValue": ["a.b.0", '{"a": {"b": [7]}}']}, 7),
        ({"Fn::GetJsonValue": ["x", {"Fn::GetJsonValue": ["1", '{"1": "{\\"x\\": \\"http://h/\\"}"}']}]}, "http://h/"),
        ({"Fn::MergeMapToList": [{"a": [1, 2]}, {"b": [3]}]}, [{"a": 1, "b": 3}, {"a": 2}]),
        ({"Fn::SelectMapList": ["a", [{"a": 1}, {"b": 2}, {"a": 3}]]}, [1, 3]),
        ({"Fn::Avg": [1, [1, 2, "2"]]}, 1.7),
        ({"Fn::Add": [1, "2"]}, 3),
        ({"Fn::Add": [[1], [2]]}, [1, 2]),
        ({"Fn::Add": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"Fn::Calculate": ["({0} + {1}) * 2 / 3 % 5", 2, [1, -2]]}, -0.67),
        ({"Fn::Calculate": ["7/2", 0]}, 4),
        ({"Fn::Max": [1, "10", 9]}, 10),
        ({"Fn::Min": [1, "10", 9]}, 1),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::And": [True, "No"]}, False),
        ({"Fn::Or": [False, "Yes"]}, True),
        ({"Fn::Not": ["No"]}, True),
        ({"Fn::Any": [False, False]}, False),
        ({"Fn::Contains": [["a"], "a"]}, True),
        ({"Fn::EachMemberIn": [["a", "b"], ["b", "a", "c"]]}, True),
        ({"Fn::MatchPattern": ["[a-z]+", "abc1"]}, False),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Jq": ["First", ".a[0].b", '{"a": [{"b": 1}]}']}, 1),
        ({"Fn::Jq": ["All", ".a[] | .b", {"a": [{"b": 1}, {"b": 2}]}]}, [1, 2]),
        ({"Ref": "Name", "other": 1}, {"Ref": "Name", "other": 1}),  # two keys are a map, not a call
    ],
)  # fmt: skip
def test_values(expression: Any, value: Any) -> None:
    assert evaluate(expression, scope(), "here") == value


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ({"Ref": "Nobody"}, '"Nobody" (in here)'),
        ({"Fn::GetAtt": ["Vpc", "Colour"]}, '"Vpc.Colour"'),
        ({"Fn::GetAtt": ["Vpc"]}, "wants [resource, attribute]"),
        ({"Fn::Sub": "${Nobody}"}, '"Nobody"'),
        ({"Fn::Sub": {"a": 1}}, "Fn::Sub wants text"),
        ({"Fn::If": ["Nothing", 1, 2]}, '"Nothing"'),
        ({"Fn::If": ["Loop", 1, 2]}, "Circular Dependency Found"),
        ({"Fn::If": ["Yes", 1]}, "wants [condition, value, value]"),
        ({"Fn::FindInMap": ["Images", "mars", "debian"]}, "no Images.mars.debian"),
        ({"Fn::Base64Decode": "%"}, "wants Base64"),
        ({"Fn::Join": ["-", "ab"]}, "wants [delimiter, [values]]"),
        ({"Fn::Select": ["x", [1]]}, "wants a whole number"),
        ({"Fn::GetJsonValue": ["a", "{}"]}, "finds no key 'a'"),
        ({"Fn::GetJsonValue": ["a", "text"]}, "wants JSON text"),
        ({"Fn::Calculate": ["__import__('os')", 0]}, "wants numbers"),
        ({"Fn::Calculate": ["1/0", 0]}, "cannot calculate"),
        ({"Fn::Calculate": ["{3}", 0, [1]]}, "without a value"),
        ({"Fn::Not": ["maybe"]}, "wants true or false"),
        ({"Fn::Max": []}, "at least one number"),
        ({"Fn::FormatTime": ["%Y", "Mars/Olympus"]}, "time zone"),
        ({"Fn::Jq": ["First", "map(.a)", "[]"]}, "knows only paths"),
        ({"Fn::GetStackOutput": ["x"]}, "wants [stack, output, region]"),
        ({"Fn::Indent": ["a", 21]}, "level from 0 to 20"),
        ({"Fn::MarketplaceImage": "cmjj"}, "not known to the local target"),
        ({"Fn::Frobnicate": 1}, "is not a function of ROS"),
    ],
)
def test_problems_say_where_and_what(expression: Any, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        evaluate(expression, scope(), "here")
    assert problem in error.value.message
    assert error.value.status == 400


def test_format_time_uses_the_zone() -> None:
    assert len(evaluate({"Fn::FormatTime": ["%Y-%m-%d", "Asia/Shanghai"]}, scope(), "here")) == 10


def test_zones_are_spelled_as_the_service_does() -> None:
    assert zones("ap-southeast-1")[0] == "ap-southeast-1a"


def test_references_are_found_in_every_form() -> None:
    tree = {
        "a": [{"Ref": "A"}, {"Fn::GetAtt": ["B", "x"]}],
        "b": {"Fn::Sub": ["${C} ${D.y} ${V} ${!E}", {"V": {"Ref": "F"}}]},
        "c": {"Fn::If": ["Yes", {"Ref": "G"}, {"Ref": "H"}]},
    }
    assert {r.name for r in references(tree, "")} == set("ABCDFGH")
    assert {r.name for r in references(tree, "", lambda condition: True)} == set("ABCDFG")
