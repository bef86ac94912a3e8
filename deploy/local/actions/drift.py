"""Drift detection."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..drift import drift_status, look
from ..engine import Engine
from ..errors import ApiError, resource_not_found
from ..evaluation import hidden
from ..store import Resource, Stack
from ..wire import Arguments
from . import Action, Body, region_of, stack_of, timestamp

_KIND = "drift"
_SECONDS = 0.2  # for which a detection counts as going on: callers must be able to wait


class DriftActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "DetectStackDrift": self.detect_stack_drift,
            "DetectStackResourceDrift": self.detect_stack_resource_drift,
            "GetStackDriftDetectionStatus": self.get_stack_drift_detection_status,
            "ListStackResourceDrifts": self.list_stack_resource_drifts,
        }

    def detect_stack_drift(self, arguments: Arguments) -> Body:
        stack = stack_of(self._engine, arguments)
        self._engine.require_idle(stack)
        resources = self._engine.resources(stack)
        chosen = arguments.texts("LogicalResourceId") or list(resources)
        for name in chosen:
            if name not in resources:
                raise resource_not_found(name, stack.name)
        looked = [self._look(stack, resources[name], resources) for name in chosen if resources[name].ready]
        drifted = sum(resource.drift["status"] != "IN_SYNC" for resource in looked)
        now, detection = time.time(), str(uuid.uuid4())
        body = {"stack": stack.id, "region": stack.region, "time": now, "drifted": drifted,
                "status": drift_status(self._engine.resources(stack))}  # fmt: skip
        self._engine.store.save_document(_KIND, detection, stack.id, now, body)
        return {"DriftDetectionId": detection}

    def get_stack_drift_detection_status(self, arguments: Arguments) -> Body:
        region, detection = region_of(arguments), arguments.required("DriftDetectionId")
        found = self._engine.store.document(_KIND, detection)
        if found is None or found["region"] != region:
            raise ApiError("DriftDetectionNotFound", f"The drift detection ({detection}) could not be found.", 404)
        body = {
            "DriftDetectionId": detection,
            "DriftDetectionStatus": "DETECTION_IN_PROGRESS",
            "DriftDetectionStatusReason": "",
            "DriftDetectionTime": timestamp(found["time"]),
            "StackId": found["stack"],
        }
        if time.time() < found["time"] + _SECONDS:
            return body
        return {
            **body,
            "DriftDetectionStatus": "DETECTION_COMPLETE",
            "StackDriftStatus": found["status"],
            "DriftedStackResourceCount": found["drifted"],
        }

    def detect_stack_resource_drift(self, arguments: Arguments) -> Body:
        stack, name = stack_of(self._engine, arguments), arguments.required("LogicalResourceId")
        self._engine.require_idle(stack)
        resources = self._engine.resources(stack)
        if name not in resources:
            raise resource_not_found(name, stack.name)
        return self._shown(stack, self._look(stack, resources[name], resources))

    def list_stack_resource_drifts(self, arguments: Arguments) -> Body:
        stack, statuses = stack_of(self._engine, arguments), arguments.texts("ResourceDriftStatus")
        start, size = arguments.number("NextToken", 0, 0, 1_000_000), arguments.number("MaxResults", 50, 1, 100)
        found = [
            self._shown(stack, resource)
            for resource in self._engine.resources(stack).values()
            if resource.drift and (not statuses or resource.drift["status"] in statuses)
        ]
        following = start + size
        more = {"NextToken": str(following)} if following < len(found) else {}
        return {"ResourceDrifts": found[start:following], **more}

    def _look(self, stack: Stack, resource: Resource, resources: Mapping[str, Resource]) -> Resource:
        found = self._engine.look(lambda means, records: look(stack, resource, means, records, resources), stack)
        looked = replace(resource, drift=found)
        self._engine.store.save_resource(looked)
        return looked

    def _shown(self, stack: Stack, resource: Resource) -> dict[str, Any]:
        hide, drift = self._engine.secrets_of(stack), resource.drift

        def text(value: Any) -> str:
            shown = hidden(value, hide)
            return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)

        return {
            "StackId": stack.id,
            "LogicalResourceId": resource.name,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type,
            "ResourceDriftStatus": drift["status"],
            "DriftDetectionTime": timestamp(drift["time"]),
            "ExpectedProperties": text(drift["expected"]),
            "ActualProperties": text(drift["actual"]),
            "PropertyDifferences": [
                {**d, "ExpectedValue": text(d["ExpectedValue"]), "ActualValue": text(d["ActualValue"])}
                for d in drift["differences"]
            ],
        }
