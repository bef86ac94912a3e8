"""Every template function, with the edges that templates meet."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from deploy.local.errors import ApiError
from deploy.local.evaluation import STACK_FUNCTIONS, Scope, evaluate, references, zones
from deploy.local.functions import TABLE
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
        ({"Fn::Select": [1, '["a", "b"]']}, "b"),  # JSON text
        ({"Fn::Select": ["1.0", ["a", "b"]]}, "b"),
        ({"Fn::Select": [-3, [1, 2], "none"]}, "none"),
        ({"Fn::Select": ["::-1", [1, 2, 3]]}, [3, 2, 1]),
        ({"Fn::Select": ["5:9", [1]]}, []),
        ({"Fn::Select": ["k", {"j": 1}]}, ""),
        ({"Fn::Select": ["0", ""]}, ""),
        ({"Fn::Select": ["0", None, "none"]}, "none"),
        ({"Fn::Select": [None, [1], "none"]}, "none"),
        ({"Fn::Select": ["0", [1], "none", "a complaint"]}, 1),
        ({"Fn::Select": ["9", [1], "none", None]}, "none"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", {"Fn::Join": [",", {"Ref": "List"}]}]}]}, "b"),  # one in another
        ({"Fn::Indent": ["a\n\nb", 1]}, "  a\n\n  b"),
        ({"Fn::Indent": ["a\nb", "2", 1, False]}, "a\n  b"),
        ({"Fn::GetStackOutput": ["x", "y"]}, ""),
        ({"Fn::Index": ["b", ["a", "b"]]}, 1),
        ({"Fn::Index": ["z", ["a", "b"]]}, None),
        ({"Fn::Length": {"Ref": "List"}}, 2),
        ({"Fn::Length": "四个字符"}, 4),
        ({"Fn::ListMerge": [[1], [], [2, 3]]}, [1, 2, 3]),
        ({"Fn::GetJsonValue": ["a", '{"a": {"b": 1}}']}, '{"b": 1}'),  # always text
        ({"Fn::GetJsonValue": ["a", {"a": True}]}, "true"),
        ({"Fn::GetJsonValue": ["a.b", '{"a": {"b": 7}, "a.b": "c"}']}, "c"),  # a key and no path
        ({"Fn::GetJsonValue": ["b", '{"a": 1}']}, None),
        ({"Fn::GetJsonValue": ["b", ""]}, None),
        ({"Fn::GetJsonValue": ["b", None]}, None),
        ({"Fn::GetJsonValue": ["x", {"Fn::GetJsonValue": ["1", '{"1": "{\\"x\\": \\"http://h/\\"}"}']}]}, "http://h/"),
        ({"Fn::MergeMapToList": [{"a": [1, 2]}, {"b": [3]}]}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        ({"Fn::MergeMapToList": [{"a": []}, {"b": None}, {"c": [1]}]}, [{"b": "", "c": 1}]),
        ({"Fn::MergeMapToList": []}, None),
        ({"Fn::MergeMap": [{"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}}]}, {"a": {"x": 1, "y": 3}, "b": 1}),
        ({"Fn::MemberListToMap": ["K", "V", ["a=1", "b=c=d", "e="]]}, {"a": "1", "b": "c=d", "e": ""}),
        ({"Fn::SelectMapList": ["a", [{"a": 1}, {"b": 2}, {"a": 3}]]}, [1, 3]),
        ({"Fn::SelectMapList": ["a", [None, {"a": None}]]}, [None]),
        ({"Fn::SelectMapList": [None, []]}, None),
        ({"Fn::Avg": [1, [1, 2, "2"]]}, 1.7),
        ({"Fn::Avg": [0, [1, None]]}, 0),
        ({"Fn::Avg": [-1, [14, 16]]}, 20),
        ({"Fn::Add": [1, 2.5]}, 3.5),
        ({"Fn::Add": [1, None]}, None),
        ({"Fn::Add": [[1], [2]]}, [1, 2]),
        ({"Fn::Add": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"Fn::Calculate": ["({0} + {1}) * 2 / 3 % 5", 2, [1, -2]]}, 4.33),  # the remainder has the sign of the divisor
        ({"Fn::Calculate": ["7/2", 0]}, 4),
        ({"Fn::Calculate": [" -{0}//3 ", 0, "7"]}, -3),
        ({"Fn::Calculate": ["{0} + {1}", 1, ["1.5", None]]}, 1.5),
        ({"Fn::Max": [1, 10, 9.5]}, 10),
        ({"Fn::Max": []}, None),
        ({"Fn::Min": [1, 10, -9]}, -9),
        ({"Fn::Min": [1, None]}, None),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::And": [True, "No"]}, False),
        ({"Fn::Or": [False, "Yes"]}, True),
        ({"Fn::Not": ["No"]}, True),
        ({"Fn::Any": [False, False]}, False),
        ({"Fn::Any": [False, "Yes"]}, True),
        ({"Fn::Any": []}, False),
        ({"Fn::Any": None}, None),
        ({"Fn::Contains": [["a"], "a"]}, True),
        ({"Fn::EachMemberIn": [["a", "b"], ["b", "a", "c"]]}, True),
        ({"Fn::EachMemberIn": [[], []]}, True),
        ({"Fn::EachMemberIn": [["a"], []]}, False),
        ({"Fn::Contains": [[], "a"]}, False),
        ({"Fn::MatchPattern": ["[a-z]+", "abc1"]}, False),
        ({"Fn::MatchPattern": ["a|ab", "ab"]}, True),  # the whole text
        ({"Fn::MatchPattern": ["", ""]}, True),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Cidr": ["10.0.3.7/24", "1", "8"]}, ["10.0.3.0/24"]),  # host bits are let go
        ({"Fn::Jq": ["First", ".a[1:][0] + 1", {"a": [1, 2]}]}, 3),
        ({"Fn::Jq": ["All", "map(select(.n > 1) | .n)[]", '[{"n": 1}, {"n": 2}, {"n": 3}]']}, [2, 3]),
        ({"Fn::Jq": ["First", "to_entries | map(.key) | sort | join(\"-\")", {"b": 1, "a": 2}]}, "a-b"),
        ({"Fn::Jq": ["First", "empty", {}]}, None),
        ({"Fn::Jq": ["All", "empty", {}]}, []),
        ({"Fn::Jq": ["First", ".", ""]}, None),
        ({"Fn::Jq": ["First", None, {}]}, None),
        ({"Fn::Jq": ["First", ".env", {"env": "a key"}]}, "a key"),
        ({"Fn::MarketplaceImage": "cmjj018250"}, "m-3c396282836dfacf4689"),
        ({"Fn::Base64Encode": None}, None),
        ({"Fn::Base64Encode": ""}, ""),
        ({"Fn::Base64Decode": None}, None),
        ({"Fn::Base64Decode": "w6k=\n"}, "é"),
        ({"Fn::Str": [1, {"a": True}]}, '[1, {"a": true}]'),
        ({"Fn::Join": [",", None]}, ""),
        ({"Fn::Join": ["", ["a", None, 1.5]]}, "a1.5"),
        ({"Fn::Split": [",", None]}, []),
        ({"Fn::Split": [", ", ""]}, [""]),
        ({"Fn::Replace": [{"a": None, "b": 2}, "abc"]}, "2c"),
        ({"Fn::Replace": [{"a": "b"}, None]}, None),
        ({"Fn::Indent": None}, None),
        ({"Fn::Indent": ["a", 0]}, "a"),
        ({"Fn::Length": None}, 0),
        ({"Fn::Length": {"a": 1}}, 1),
        ({"Fn::Index": [1, None]}, None),
        ({"Fn::Index": [1, ["1"]]}, None),  # a number is not its text
        ({"Fn::ListMerge": [None, [1]]}, [1]),
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
        ({"Fn::Sub": ["${Name}"]}, "Fn::Sub wants text"),
        ({"Fn::Sub": ["${Name}", "x"]}, "Fn::Sub wants text"),
        ({"Fn::FindInMap": ["Images", "cn-hangzhou"]}, "wants [mapping, key, key]"),
        ({"Fn::Base64Decode": ""}, "wants Base64"),
        ({"Fn::Base64Decode": "/w=="}, "wants Base64 of UTF-8"),
        ({"Fn::Base64Encode": ["a"]}, "wants text"),
        ({"Fn::Join": ["-", [["a"]]]}, "wants [delimiter, [values]]"),
        ({"Fn::Join": [1, ["a"]]}, "wants [delimiter, [values]]"),
        ({"Fn::Split": ["", "a"]}, "a delimiter that is not empty"),
        ({"Fn::Split": [",", ["a"]]}, "wants [delimiter, text]"),
        ({"Fn::Replace": [[], "a"]}, "wants [{old: new}, text]"),
        ({"Fn::Replace": [{"a": {}}, "a"]}, "wants [{old: new}, text]"),
        ({"Fn::Select": ["x", [1]]}, "wants a whole number"),
        ({"Fn::Select": ["1.5", [1]]}, "wants a whole number"),
        ({"Fn::Select": ["::0", [1]]}, "cannot read the slice"),
        ({"Fn::Select": [0, "a,b"]}, "wants [index, list]"),
        ({"Fn::Select": [0, {"0": 1}]}, "wants [index, list]"),
        ({"Fn::Select": ["3", [1], "", "no third zone"]}, "finds nothing: no third zone"),
        ({"Fn::Select": [0]}, "wants [index, list]"),
        ({"Fn::GetJsonValue": ["a", "text"]}, "wants JSON text"),
        ({"Fn::GetJsonValue": ["a", "[1]"]}, "wants the JSON of a map"),
        ({"Fn::GetJsonValue": [1, "{}"]}, "wants text as its first"),
        ({"Fn::MergeMap": [{}]}, "wants [map, map]"),
        ({"Fn::MergeMap": [{}, []]}, "wants [map, map]"),
        ({"Fn::MergeMapToList": [{"a": [1], "b": [2]}]}, "one list each"),
        ({"Fn::MergeMapToList": [{"a": 1}]}, "one list each"),
        ({"Fn::MemberListToMap": ["K", "V", ["a"]]}, "members such as k=v"),
        ({"Fn::SelectMapList": ["a", [1]]}, "wants [key, list of maps]"),
        ({"Fn::ListMerge": [1]}, "wants a list of lists"),
        ({"Fn::Length": 1}, "wants text, a list or a map"),
        ({"Fn::Add": [1]}, "two or more"),
        ({"Fn::Add": [1, "2"]}, "not '2'"),
        ({"Fn::Add": [1, [2]]}, "all of one kind"),
        ({"Fn::Avg": [0, []]}, "at least one number"),
        ({"Fn::Avg": [0, ["x"]]}, "wants a number, not 'x'"),
        ({"Fn::Avg": ["0.5", [1]]}, "whole number of decimal places"),
        ({"Fn::Max": [1, "10"]}, "not '10'"),
        ({"Fn::Min": {"a": 1}}, "wants a list of numbers"),
        ({"Fn::Calculate": ["2**9", 0]}, "wants numbers"),
        ({"Fn::Calculate": [5, 0]}, "text as its expression"),
        ({"Fn::Contains": ["a,b", "a"]}, "wants [list, item]"),
        ({"Fn::EachMemberIn": [["a"], "a"]}, "wants [list, list]"),
        ({"Fn::MatchPattern": ["[", "a"]}, "cannot read the pattern"),
        ({"Fn::MatchPattern": ["1", 1]}, "wants [pattern, text]"),
        ({"Fn::Cidr": ["10.0.0.0/24", 2]}, "wants [block, count"),
        ({"Fn::Cidr": ["10.0.0.0/24", 257, 4]}, "from 1 to 256"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 7]}, "room for 2 only"),
        ({"Fn::Cidr": ["10.0.0.0/24", 1, 16]}, "cannot divide"),
        ({"Fn::Cidr": ["fd00::/64", 1, 8]}, "cannot divide"),
        ({"Fn::And": ["Yes"]}, "at least two conditions"),
        ({"Fn::Or": "Yes"}, "a list of conditions"),
        ({"Fn::Equals": [1]}, "wants [value, value]"),
        ({"Fn::ResourceFacade": "Metadata"}, "modules only"),
        ({"Fn::FormatTime": []}, "wants [format, time zone]"),
        ({"Fn::FormatTime": ["%Y", ["UTC"]]}, "wants [format, time zone]"),
        ({"Fn::Calculate": ["__import__('os')", 0]}, "wants numbers"),
        ({"Fn::Calculate": ["1/0", 0]}, "cannot calculate"),
        ({"Fn::Calculate": ["{3}", 0, [1]]}, "without a value"),
        ({"Fn::Not": ["maybe"]}, "wants true or false"),
        ({"Fn::FormatTime": ["%Y", "Mars/Olympus"]}, "time zone"),
        ({"Fn::Jq": ["First", ".a[", "{}"]}, "cannot run '.a['"),
        ({"Fn::Jq": ["First", ".a.b", {"a": 1}]}, "cannot run '.a.b'"),
        ({"Fn::Jq": ["Last", ".", {}]}, "First or All"),
        ({"Fn::Jq": ["First", ".", "text"]}, "wants JSON"),
        ({"Fn::Jq": ["First", "$ENV.HOME", {}]}, "may not read the environment"),
        ({"Fn::Jq": ["First", "env | .HOME", {}]}, "may not read the environment"),
        ({"Fn::GetStackOutput": ["x"]}, "wants [stack, output, region]"),
        ({"Fn::Indent": ["a", 21]}, "level from 0 to 20"),
        ({"Fn::MarketplaceImage": ""}, "the code of a product"),
        ({"Fn::Frobnicate": 1}, "is not a function of ROS"),
    ],
)
def test_problems_say_where_and_what(expression: Any, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        evaluate(expression, scope(), "here")
    assert problem in error.value.message
    assert error.value.status == 400


ODD: list[Any] = [
    None, True, -1, 1.5, 10**30, float("inf"), "", "a,b", '{"a": 1}', "é\x00", "(((", "9" * 500, "10.0.0.0/8", "First",
    [], [None], [[1]], {}, {"a": [1]}, {"a": None},
]  # fmt: skip


@pytest.mark.parametrize("name", sorted({*TABLE, *STACK_FUNCTIONS}))
def test_whatever_comes_there_is_an_answer_or_a_complaint(name: str) -> None:
    for argument in (*ODD, *([first, second] for first in ODD for second in ODD), *([0, odd, odd] for odd in ODD)):
        with contextlib.suppress(ApiError):
            evaluate({name: argument}, scope(), "here")


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
