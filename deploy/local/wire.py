"""The RPC style of Alibaba Cloud's APIs: flattened lists in the query and the form, JSON in the answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from .errors import ApiError, invalid_parameter


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower case, `query` is not decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Query and form parameters, which the service does not tell apart."""
        form = self.body.decode("utf-8", "replace") if self.body else ""
        if self.body and not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = ""
        return dict(
            parse_qsl(self.query, keep_blank_values=True, max_num_fields=4000)
            + parse_qsl(form, keep_blank_values=True, max_num_fields=4000)
        )


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def new_request_id() -> str:
    return str(uuid.uuid4()).upper()


def ok(body: Mapping[str, Any], request_id: str) -> Reply:
    return _json(200, {"RequestId": request_id, **body}, request_id)


def failed(error: ApiError, request_id: str, host: str) -> Reply:
    body = {"Code": error.code, "Message": error.message, "RequestId": request_id, "HostId": host}
    return _json(error.status, body, request_id)


def _json(status: int, body: Mapping[str, Any], request_id: str) -> Reply:
    text = json.dumps(body, ensure_ascii=False)
    return Reply(
        status, text.encode(), {"Content-Type": "application/json; charset=utf-8", "x-acs-request-id": request_id}
    )


class Arguments:
    """Typed access to the parameters of one call."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters

    def items(self) -> ItemsView[str, str]:
        return self._parameters.items()

    def text(self, name: str, default: str = "") -> str:
        return self._parameters.get(name, default)

    def required(self, name: str) -> str:
        value = self._parameters.get(name, "")
        if not value:
            message = f"The input parameter {name} that is mandatory for processing this request is not supplied."
            raise ApiError(f"Missing{name}", message)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._parameters.get(name, "").lower()
        if value not in ("", "true", "false"):
            raise invalid_parameter(name, "it should be true or false")
        return value == "true" if value else default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self._parameters.get(name, "")
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise invalid_parameter(name, f"it should be a whole number from {low} to {high}")
        return int(value)

    def texts(self, name: str) -> list[str]:
        """`Name.1`, `Name.2` …; some callers send one value under the bare name."""
        found = {int(k[len(name) + 1 :]): v for k, v in self._parameters.items() if _is_item(k, name)}
        values = [found[i] for i in sorted(found)]
        return values or ([self._parameters[name]] if self._parameters.get(name) else [])

    def listed(self, name: str) -> list[str]:
        """A list that comes as one JSON text."""
        text = self._parameters.get(name, "")
        try:
            values = json.loads(text) if text else []
        except ValueError:
            values = None
        if not isinstance(values, list):
            raise invalid_parameter(name, "it should be a JSON list")
        return [str(value) for value in values]

    def pairs(self, name: str, key: str, value: str) -> list[tuple[str, str]]:
        """`Name.1.Key` with `Name.1.Value`, in their order."""
        indexes = sorted({int(k.split(".")[1]) for k in self._parameters if _is_pair(k, name)})
        result = []
        for index in indexes:
            item = self._parameters.get(f"{name}.{index}.{key}", "")
            if not item:
                raise ApiError(
                    f"Missing{name}.{index}.{key}", f"The input parameter {name}.{index}.{key} is not supplied."
                )
            result.append((item, self._parameters.get(f"{name}.{index}.{value}", "")))
        return result


def _is_item(key: str, name: str) -> bool:
    return key.startswith(f"{name}.") and key[len(name) + 1 :].isdigit()


def _is_pair(key: str, name: str) -> bool:
    parts = key.split(".")
    return len(parts) == 3 and parts[0] == name and parts[1].isdigit()
