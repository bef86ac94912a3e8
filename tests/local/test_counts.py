"""Count and Locals: what a template with them comes to, and a stack that has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.local.counts import with_counts
from deploy.local.errors import ApiError
from deploy.local.evaluation import Scope
from deploy.local.template import MAX_RESOURCES, Template, read_template
from tests.local.support import ids

VPC = "ALIYUN::ECS::VPC"


def template(**sections: Any) -> Template:
    return read_template(json.dumps({"ROSTemplateFormatVersion": "2015-09-01", **sections}))


def counted(properties: dict[str, Any], count: Any = 2, **sections: Any) -> Template:
    """A resource A of which there are `count`, and a resource B with these properties."""
    resources = {"A": {"Type": VPC, "Count": count}, "B": {"Type": VPC, "Properties": properties}}
    raw = template(Resources=resources, **sections)

    def nothing(*_: str) -> Any:
        raise KeyError

    return with_counts(raw, Scope(raw, {"N": 2, "Text": "1"}, {}, ref=nothing, attribute=nothing))


FIRST, SECOND = {"Ref": "A[0]"}, {"Ref": "A[1]"}


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        ({"Ref": "A"}, [FIRST, SECOND]),
        ({"Ref": "A[1]"}, SECOND),
        ({"Fn::GetAtt": ["A", "VpcId"]}, [{"Fn::GetAtt": ["A[0]", "VpcId"]}, {"Fn::GetAtt": ["A[1]", "VpcId"]}]),
        ({"Fn::GetAtt": "A.VpcId"}, [{"Fn::GetAtt": ["A[0]", "VpcId"]}, {"Fn::GetAtt": ["A[1]", "VpcId"]}]),
        ({"Fn::Select": [1, {"Ref": "A"}]}, SECOND),  # waits for this one only
        ({"Fn::Select": [{"Ref": "Text"}, {"Ref": "A"}]}, SECOND),
        ({"Fn::Select": ["-1", {"Ref": "A"}, "none"]}, SECOND),
        ({"Fn::Select": [7, {"Ref": "A"}, "none"]}, {"Fn::Select": [7, [FIRST, SECOND], "none"]}),
        ({"Fn::Select": [{"Ref": "Nobody"}, {"Ref": "A"}]}, {"Fn::Select": [{"Ref": "Nobody"}, [FIRST, SECOND]]}),
        ({"Fn::Sub": "${A} ${!A}"}, {"Fn::Sub": ["${A} ${!A}", {"A": [FIRST, SECOND]}]}),
        ({"Fn::Sub": ["${A}", {"A": 1}]}, {"Fn::Sub": ["${A}", {"A": 1}]}),
        ({"Fn::Sub": "${B.VpcId}"}, {"Fn::Sub": "${B.VpcId}"}),
        ({"Fn::Length": {"Ref": "A"}}, {"Fn::Length": [FIRST, SECOND]}),
        ([{"deep": {"Ref": "A"}}], [{"deep": [FIRST, SECOND]}]),
        ({"Ref": "ALIYUN::Index"}, {"Ref": "ALIYUN::Index"}),  # of B there is only one
    ],
)  # fmt: skip
def test_who_names_it_gets_the_list(value: Any, bound: Any) -> None:
    assert counted({"VpcName": value}).resources["B"].properties == {"VpcName": bound}


def test_each_one_knows_its_number() -> None:
    name = {"Fn::Sub": "n${ALIYUN::Index}"}
    both = {"Servers": {"Type": VPC, "Count": "2", "Properties": {"VpcName": name, "Tags": [{"Ref": "ALIYUN::Index"}]}},
            "After": {"Type": VPC, "DependsOn": "Servers"}}  # fmt: skip
    raw = template(Resources=both)
    found = with_counts(raw, Scope(raw, {}, {}, ref={}.__getitem__, attribute=lambda name, key: None)).resources
    assert list(found) == ["Servers[0]", "Servers[1]", "After"]
    assert [found[f"Servers[{i}]"].properties["Tags"] for i in (0, 1)] == [[0], [1]]
    assert found["Servers[1]"].properties["VpcName"] == {"Fn::Sub": ["n${ALIYUN::Index}", {"ALIYUN::Index": 1}]}
    assert found["After"].depends_on == ("Servers[0]", "Servers[1]")


@pytest.mark.parametrize("count", [{"Ref": "N"}, {"Fn::Length": ["a", "b"]}, {"Fn::Calculate": ["{0}", 0, ["2"]]}, "2"])
def test_a_count_is_an_expression(count: Any) -> None:
    assert list(counted({}, count).resources) == ["A[0]", "A[1]", "B"]


def test_none_of_them() -> None:
    assert counted({"VpcName": {"Ref": "A"}}, 0).resources["B"].properties == {"VpcName": []}


@pytest.mark.parametrize(
    ("count", "problem"),
    [
        (-1, "not negative"),
        ("two", "whole number"),
        (1.5, "whole number"),
        (True, "whole number"),
        ([1], "whole number"),
        (MAX_RESOURCES, "exceeds"),
        (10**30, "exceeds"),
        ({"Ref": "Nobody"}, '"Nobody"'),
    ],
)
def test_a_count_that_is_none(count: Any, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        counted({}, count)
    assert problem in error.value.message


def test_a_name_is_taken() -> None:
    raw = template(Resources={"A": {"Type": VPC, "Count": 1}, "A[0]": {"Type": VPC}})
    with pytest.raises(ApiError, match=r"A\[0\] already"):
        with_counts(raw, Scope(raw, {}, {}, ref={}.__getitem__, attribute=lambda name, key: None))


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"Ref": "Plain"}, "x"),
        ({"Ref": "Twice"}, ["x", {"Ref": "B"}]),
        ({"Fn::Sub": "${Plain} ${B}"}, {"Fn::Sub": ["${Plain} ${B}", {"Plain": "x"}]}),
        ({"Fn::Sub": ["${Plain}", {"Plain": "own"}]}, {"Fn::Sub": ["${Plain}", {"Plain": "own"}]}),
        ({"Fn::Sub": "${!Plain}"}, {"Fn::Sub": "${!Plain}"}),
        ({"Ref": "Other"}, {"Ref": "Other"}),
    ],
)
def test_a_local_stands_where_it_is_named(value: Any, becomes: Any) -> None:
    found = template(
        Locals={
            "Plain": {"Value": "x"},
            "Twice": {"Type": "Macro", "Value": [{"Ref": "Plain"}, {"Ref": "B"}]},
            "Sum": {"Type": "Eval", "Value": {"Fn::Add": [1, 2]}},
        },
        Conditions={"Three": {"Fn::Equals": [{"Ref": "Sum"}, 3]}},
        Resources={"B": {"Type": VPC, "Properties": {"VpcName": value}}},
    )
    assert found.resources["B"].properties == {"VpcName": becomes}
    assert found.conditions["Three"] == {"Fn::Equals": [{"Fn::Add": [1, 2]}, 3]}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ([], "should be a map"),
        ({"A": 1}, "a map of Type"),
        ({"A": {"Type": "Eval"}}, "a map of Type"),
        ({"A": {"Type": "Mystery", "Value": 1}}, "a map of Type"),
        ({"A": {"Type": "DATASOURCE::VPC::Vpcs", "Properties": {}}}, "DATASOURCE::VPC::Vpcs is not known"),
        ({"B": {"Value": 1}}, "resource of that name"),
        ({"A": {"Value": {"Ref": "C"}}, "C": {"Value": {"Fn::Sub": "${A}"}}}, "A -> C -> A"),
        ({f"L{n}": {"Value": [{"Ref": f"L{n + 1}"}] * 2} for n in range(40)}, "too often"),
        ({f"L{n}": {"Value": {"Ref": f"L{n + 1}"}} for n in range(2000)}, "too often"),
    ],
)
def test_locals_that_cannot_be(section: Any, problem: str) -> None:
    with pytest.raises(ApiError) as error:
        template(Locals=section or ["a"], Resources={"B": {"Type": VPC}})
    assert problem in error.value.message


SERVERS: dict[str, Any] = {
    "Parameters": {"Many": {"Type": "Number", "Default": 2}},
    "Locals": {"Block": {"Value": "10.0.0.0/8"}},
    "Resources": {
        "Net": {
            "Type": VPC,
            "Count": {"Ref": "Many"},
            "Properties": {"VpcName": {"Fn::Sub": "net-${ALIYUN::Index}"}, "CidrBlock": {"Ref": "Block"}},
        },
        "Switch": {
            "Type": "ALIYUN::ECS::VSwitch",
            "Count": {"Ref": "Many"},
            "Properties": {
                "VpcId": {"Fn::Select": [{"Ref": "ALIYUN::Index"}, {"Ref": "Net"}]},
                "ZoneId": "cn-hangzhou-h",
                "CidrBlock": {"Fn::Select": [{"Ref": "ALIYUN::Index"}, {"Fn::Cidr": ["10.1.0.0/16", 4, 8]}]},
            },
        },
    },
    "Outputs": {
        "Names": {"Value": {"Fn::Join": [",", {"Fn::GetAtt": ["Net", "VpcName"]}]}},
        "First": {"Value": {"Ref": "Switch[0]"}},
    },
}


def test_a_stack_grows_and_shrinks(target) -> None:
    stack = target.create(SERVERS)
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    before = ids(target, stack.stack_id)
    assert set(before) == {"Net[0]", "Net[1]", "Switch[0]", "Switch[1]"}
    assert target.outputs(stack.stack_id) == {"Names": "net-0,net-1", "First": before["Switch[0]"]}
    events = target.events(stack.stack_id)
    assert events.index(("Net[1]", "CREATE_COMPLETE")) < events.index(("Switch[1]", "CREATE_IN_PROGRESS"))
    assert target.update(stack.stack_id, SERVERS, parameters={"Many": "3"}).status == "UPDATE_COMPLETE"
    more = ids(target, stack.stack_id)
    assert more.items() >= before.items()
    assert set(more) - set(before) == {"Net[2]", "Switch[2]"}
    assert target.update(stack.stack_id, SERVERS, parameters={"Many": "1"}).status == "UPDATE_COMPLETE"
    assert ids(target, stack.stack_id) == {name: before[name] for name in ("Net[0]", "Switch[0]")}


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("Count", {"Type": VPC, "Count": {"Ref": "Net"}}, '"Net"'),
        ("Index", {"Type": VPC, "Properties": {"VpcName": {"Ref": "ALIYUN::Index"}}}, '"ALIYUN::Index"'),
        ("Instance", {"Type": VPC, "DependsOn": "Plain[0]"}, '"Plain[0]"'),
        ("Beyond", {"Type": VPC, "DependsOn": "Net[2]"}, '"Net[2]"'),
    ],
)
def test_what_count_cannot(target, name: str, body: dict[str, Any], problem: str) -> None:
    resources = {**SERVERS["Resources"], "Plain": {"Type": VPC, "Properties": {"CidrBlock": "10.0.0.0/8"}}, name: body}
    with pytest.raises(Exception, match=r"StackValidationFailed|InvalidTemplateReference") as error:
        target.begin({**SERVERS, "Resources": resources})
    assert problem in str(error.value)
