"""ALIYUN::ROS::WaitConditionHandle and ALIYUN::ROS::WaitCondition: a real address on the emulator, and the wait for
what is sent to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import ResourceError
from . import Context, Property, random_id


class WaitConditionHandle:
    type = "ALIYUN::ROS::WaitConditionHandle"
    repeatable = True
    attributes = frozenset({"CurlCli", "Headers", "Url", "URL"})
    properties: Mapping[str, Property] = {
        "Mode": Property("text", allowed=("Full", "Increment"), editable=True),
        "Count": Property("number", editable=True),
    }

    def new_id(self, context: Context) -> str:
        return random_id("wch")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        url, signals = context.signals.address(physical_id), context.signals
        return {"CurlCli": signals.curl(physical_id), "Headers": signals.headers(physical_id), "Url": url, "URL": url}

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """In mode Full, signals whose id is a number above Count belong to an earlier size and go."""
        if properties.get("Mode", "Full") == "Full" and int(properties.get("Count", -1)) >= 0:
            context.signals.forget_above(physical_id, int(properties["Count"]))
        return attributes

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        context.signals.forget(physical_id)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True


class WaitCondition:
    type = "ALIYUN::ROS::WaitCondition"
    repeatable = True
    attributes = frozenset({"Data", "ErrorData", "JoinedErrorData"})
    properties: Mapping[str, Property] = {
        "Handle": Property("text", required=True),
        "Timeout": Property("number", required=True, editable=True),
        "Count": Property("number", editable=True, gives=True),
        "ShowProgressEvent": Property("text", allowed=("Disabled", "EnabledIfCreateStack"), editable=True),
    }

    def new_id(self, context: Context) -> str:
        return random_id("wc")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        timeout, count = float(properties["Timeout"]), int(properties.get("Count", 1))
        if not 1 <= timeout <= 43_200:
            raise ResourceError(f"Timeout is {timeout:g}; it should be 1 to 43200 seconds")
        signals = context.signals.wait(str(properties["Handle"]), count, context.since + timeout, context.cancelled)
        failures = [s for s in signals if s.status == "FAILURE"]
        good = {s.id: s.data for s in signals if s.status == "SUCCESS"}
        if failures:
            raise ResourceError(f"WaitConditionFailure: {';'.join(_text(s.data) for s in failures)}")
        if len(good) < count:
            said = "".join(f"; {outcome}" for outcome in context.outcomes.values())
            raise ResourceError(
                f"WaitConditionTimeout: {len(good)} of {count} received within {timeout:g} seconds{said}"
            )
        return {"Data": json.dumps(good, ensure_ascii=False), "ErrorData": "{}", "JoinedErrorData": ""}

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Waits again: a Count that is already reached is reached at once."""
        return self.create(context, physical_id, properties)

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        """Its good signals go with the handle. Failures go now, or a new attempt would end by the old one's."""
        context.signals.forget_failures(str(context.properties.get("Handle", "")))

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
