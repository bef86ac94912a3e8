"""Drift: how what there is differs from what the stack made. On this machine an instance drifts when its folder is
gone; everything else drifts as the fault file says."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from .making import context
from .records import Records
from .resources import Means
from .store import Resource, Stack

Look = dict[str, Any]


def look(stack: Stack, resource: Resource, means: Means, records: Records, siblings: Mapping[str, Resource]) -> Look:
    """Status, expected and actual properties, and the differences, of one resource now."""
    vanished, changed = means.faults.drift(stack.name, resource.name, resource.type)
    handler = means.handlers[resource.type]
    surroundings = context(stack, resource.name, means, records, siblings, threading.Event(), resource)
    there = not vanished and handler.exists(surroundings, resource.physical_id, resource.attributes)
    actual = {**resource.properties, **changed} if there else {}
    differences = [
        difference
        for key in sorted({*resource.properties, *actual} if there else ())
        for difference in _differences(f"/{key}", resource.properties.get(key), actual.get(key))
    ]
    status = "DELETED" if not there else "MODIFIED" if differences else "IN_SYNC"
    return {
        "status": status,
        "time": time.time(),
        "expected": dict(resource.properties),
        "actual": actual,
        "differences": differences,
    }


def drift_status(resources: Mapping[str, Resource]) -> str:
    """The stack's, from its resources'."""
    looks = {resource.drift.get("status", "NOT_CHECKED") for resource in resources.values()}
    if looks <= {"NOT_CHECKED"}:
        return "NOT_CHECKED"
    return "DRIFTED" if looks & {"DELETED", "MODIFIED"} else "IN_SYNC"


def _differences(path: str, expected: Any, actual: Any) -> list[dict[str, Any]]:
    if expected == actual:
        return []
    if isinstance(expected, list) and isinstance(actual, list):
        found = [
            _difference(f"{path}/{i}", "REMOVE", item, None) for i, item in enumerate(expected) if item not in actual
        ]
        return found + [
            _difference(f"{path}/{i}", "ADD", None, item) for i, item in enumerate(actual) if item not in expected
        ]
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted({*expected, *actual})
        return [d for key in keys for d in _differences(f"{path}/{key}", expected.get(key), actual.get(key))]
    return [_difference(path, "REMOVE" if actual is None else "NOT_EQUAL", expected, actual)]


def _difference(path: str, kind: str, expected: Any, actual: Any) -> dict[str, Any]:
    return {"PropertyPath": path, "DifferenceType": kind, "ExpectedValue": expected, "ActualValue": actual}
