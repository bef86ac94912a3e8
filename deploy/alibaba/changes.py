"""Change sets and drift: `cloud.Cloud`'s part over …ChangeSet, DetectStackDrift, ListStackResourceDrifts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from alibabacloud_ros20190910 import models

from ..changes import Change, ChangeSet, Drift, PropertyChange, Update
from ..errors import Failure
from .stacks import RosPart, keyed


class ChangesOfStacks(RosPart):
    def propose(self, update: Update) -> str:
        body = self._calls.body(
            self._client.create_change_set,
            models.CreateChangeSetRequest(
                region_id=self._region,
                stack_id=update.stack_id,
                change_set_type="UPDATE",
                change_set_name=f"cli-{update.client_token}",
                template_body=update.template,
                use_previous_parameters=True,
                parameters=keyed(models.CreateChangeSetRequestParameters, update.parameters) or None,
                client_token=update.client_token,
            ),
        )
        return str(body.change_set_id)

    def change_set(self, change_set_id: str) -> ChangeSet:
        body = self._calls.body(
            self._client.get_change_set,
            models.GetChangeSetRequest(region_id=self._region, change_set_id=change_set_id),
        )
        changes = tuple(_change(item.get("ResourceChange") or {}) for item in body.changes or [])
        return ChangeSet(change_set_id, body.status or "", body.status_reason or "", changes)

    def execute(self, change_set_id: str) -> None:
        self._calls.body(
            self._client.execute_change_set,
            models.ExecuteChangeSetRequest(
                region_id=self._region, change_set_id=change_set_id, client_token=uuid.uuid4().hex
            ),
            done=("ActionInProgress", "ChangeSetNotFound", "NotSupported"),
        )

    def discard(self, change_set_id: str) -> None:
        self._calls.body(
            self._client.delete_change_set,
            models.DeleteChangeSetRequest(region_id=self._region, change_set_id=change_set_id),
            done=("ChangeSetNotFound",),
        )

    def detect_drift(self, stack_id: str) -> str:
        body = self._calls.body(
            self._client.detect_stack_drift,
            models.DetectStackDriftRequest(region_id=self._region, stack_id=stack_id, client_token=uuid.uuid4().hex),
        )
        return str(body.drift_detection_id)

    def drift_detected(self, detection_id: str) -> bool:
        body = self._calls.body(
            self._client.get_stack_drift_detection_status,
            models.GetStackDriftDetectionStatusRequest(region_id=self._region, drift_detection_id=detection_id),
        )
        if body.drift_detection_status == "DETECTION_FAILED":
            raise Failure(
                f"drift could not be detected: {body.drift_detection_status_reason or 'no reason was given'}",
                "try again later",
                code="DriftDetectionFailed",
            )
        return bool(body.drift_detection_status == "DETECTION_COMPLETE")

    def drifts(self, stack_id: str) -> list[Drift]:
        found: list[Any] = []
        token: str | None = None
        while True:
            body = self._calls.body(
                self._client.list_stack_resource_drifts,
                models.ListStackResourceDriftsRequest(
                    region_id=self._region, stack_id=stack_id, max_results=100, next_token=token
                ),
            )
            found += body.resource_drifts or []
            token = body.next_token
            if not token:
                return [_drift(item) for item in found]


def _change(item: Mapping[str, Any]) -> Change:
    """ROS's ResourceChange ("Data structures" of change sets in its documentation)."""
    replacement = item.get("Replacement")
    return Change(
        resource=str(item.get("LogicalResourceId") or ""),
        type=str(item.get("ResourceType") or ""),
        action=str(item.get("Action") or ""),
        replacement="False" if replacement is None else str(replacement),
        properties=tuple(_property(detail) for detail in item.get("Details") or []),
    )


def _property(detail: Mapping[str, Any]) -> PropertyChange:
    target = detail.get("Target") or {}
    change = detail.get("ResourcePropertyChange") or detail.get("PropertyChange") or target
    path = target.get("Name") or change.get("PropertyPath") or target.get("Attribute") or ""
    before, after = (
        next((change[key] for key in keys if change.get(key) is not None), "")
        for keys in (
            ("BeforeValue", "PreviousValue", "OldValue", "ExpectedValue"),
            ("AfterValue", "NewValue", "ActualValue"),
        )
    )
    return PropertyChange(str(path), _text(before), _text(after))


def _drift(item: Any) -> Drift:
    return Drift(
        resource=item.logical_resource_id or "",
        type=item.resource_type or "",
        status=item.resource_drift_status or "",
        properties=tuple(
            PropertyChange(
                difference.property_path or "", _text(difference.expected_value), _text(difference.actual_value)
            )
            for difference in item.property_differences or []
        ),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
