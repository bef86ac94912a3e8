"""Drift: what somebody changed behind the stack's back."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from .support import NET, code_of

FAULTS = """
rules:
  - {fault: drift, stack: drifting, resource: Vpc, property: CidrBlock, value: 192.168.0.0/16}
  - {fault: drift, stack: drifting, resource: Vpc, property: Tags, value: [{Key: a, Value: b}]}
  - {fault: vanish, stack: drifting, resource: Switch}
"""


def detected(target: Any, eventually: Any, stack_id: str) -> Any:
    """The detection once it is complete."""
    detection = target.request("detect_stack_drift", stack_id=stack_id).drift_detection_id
    return eventually(
        lambda: (
            (
                found := target.request("get_stack_drift_detection_status", drift_detection_id=detection)
            ).drift_detection_status
            == "DETECTION_COMPLETE"
            and found
        )
    )


def test_changed_and_vanished_resources_are_found(unlucky, eventually) -> None:
    target = unlucky(FAULTS)
    stack = target.create(NET, name="drifting")
    assert stack.stack_drift_status == "NOT_CHECKED"
    assert target.request("list_stack_resource_drifts", stack_id=stack.stack_id).resource_drifts == []
    found = detected(target, eventually, stack.stack_id)
    assert (found.stack_drift_status, found.drifted_stack_resource_count) == ("DRIFTED", 2)
    drifts = {
        drift.logical_resource_id: drift
        for drift in target.request("list_stack_resource_drifts", stack_id=stack.stack_id).resource_drifts
    }
    assert {name: drift.resource_drift_status for name, drift in drifts.items()} == {
        "Vpc": "MODIFIED", "Switch": "DELETED",
    }  # fmt: skip
    differences = [
        (d.property_path, d.difference_type, d.expected_value, d.actual_value)
        for d in drifts["Vpc"].property_differences
    ]
    assert ("/CidrBlock", "NOT_EQUAL", "10.0.0.0/8", "192.168.0.0/16") in differences
    assert json.loads(drifts["Vpc"].expected_properties)["Description"] == "****"
    assert target.get(stack.stack_id).stack_drift_status == "DRIFTED"
    assert target.resources(stack.stack_id)["Vpc"].resource_drift_status == "MODIFIED"
    only = target.request(
        "list_stack_resource_drifts", stack_id=stack.stack_id, resource_drift_status=["DELETED"]
    ).resource_drifts
    assert [drift.logical_resource_id for drift in only] == ["Switch"]
    one = target.request("detect_stack_resource_drift", stack_id=stack.stack_id, logical_resource_id="Switch")
    assert one.resource_drift_status == "DELETED"


def test_a_machine_that_is_gone_and_a_stack_in_sync(shared, eventually) -> None:
    stack = shared.create(
        {
            "Resources": {
                "Group": {
                    "Type": "ALIYUN::ECS::InstanceGroup",
                    "Properties": {"InstanceType": "ecs.gn7i-c16g1.4xlarge", "MaxAmount": 1},
                }
            }
        },
        name="machine",
    )
    assert detected(shared, eventually, stack.stack_id).stack_drift_status == "IN_SYNC"
    for path in (shared.folder / "instances").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert detected(shared, eventually, stack.stack_id).stack_drift_status == "DRIFTED"


def test_unknown_detections_and_resources(shared) -> None:
    stack = shared.create(NET, name="unknown")
    for expected, kind, more in (
        ((404, "DriftDetectionNotFound"), "get_stack_drift_detection_status", {"drift_detection_id": "none"}),
        (
            (404, "ResourceNotFound"),
            "detect_stack_resource_drift",
            {"stack_id": stack.stack_id, "logical_resource_id": "None"},
        ),
    ):
        with pytest.raises(Exception) as error:
            shared.request(kind, **more)
        assert code_of(error) == expected
