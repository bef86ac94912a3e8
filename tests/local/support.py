"""What several files of tests share: a small template, and readings of answers."""

from __future__ import annotations

from typing import Any

import pytest

SUCCESS = """eval "$SIGNAL" -d "'"'{"status":"SUCCESS","id":"1","data":"hello"}'"'" """
FAILURE = """eval "$SIGNAL" -d "'"'{"status":"FAILURE","id":"1","data":"not yet"}'"'" """
NET: dict[str, Any] = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "a"},
        "Range": {"Type": "String", "Default": "10.0.0.0/8"},
        "Word": {"Type": "String", "NoEcho": True, "Default": "Pl4nted-secret"},
    },
    "Resources": {
        "Vpc": {
            "Type": "ALIYUN::ECS::VPC",
            "Properties": {"VpcName": {"Ref": "Name"}, "CidrBlock": {"Ref": "Range"}, "Description": {"Ref": "Word"}},
        },
        "Switch": {
            "Type": "ALIYUN::ECS::VSwitch",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": "cn-hangzhou-h", "CidrBlock": "10.1.0.0/16"},
        },
    },
    "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Vpc", "VpcName"]}}},
}


def ids(target: Any, stack_id: str) -> dict[str, str]:
    return {name: resource.physical_resource_id for name, resource in target.resources(stack_id).items()}


def code_of(error: pytest.ExceptionInfo[Exception]) -> tuple[int, str]:
    """HTTP status and error code."""
    return error.value.status_code, error.value.code  # type: ignore[attr-defined]
