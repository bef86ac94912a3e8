"""Job values as JSON for the database. Rows outlive releases: unknown keys are ignored, missing ones get defaults."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from ..types import Failure, Options, Plan, Segment, Window, Word


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _known(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def dump_options(options: Options) -> str:
    return _dump(dataclasses.asdict(options))


def load_options(text: str) -> Options:
    data = _known(Options, json.loads(text))
    for name in ("hotwords", "languages", "temperature"):
        if name in data:
            data[name] = tuple(data[name])
    return Options(**data)


def dump_failure(failure: Failure | None) -> str | None:
    return None if failure is None else _dump(dataclasses.asdict(failure))


def load_failure(text: str | None) -> Failure | None:
    return None if text is None else Failure(**_known(Failure, json.loads(text)))


def dump_plan(plan: Plan) -> str:
    return _dump(dataclasses.asdict(plan))


def load_plan(text: str) -> Plan:
    data = _known(Plan, json.loads(text))
    data["windows"] = tuple(Window(**_known(Window, window)) for window in data["windows"])
    return Plan(**data)


def dump_segments(segments: Iterable[Segment]) -> str:
    return _dump([dataclasses.asdict(segment) for segment in segments])


def load_segments(text: str) -> list[Segment]:
    return [_segment(data) for data in json.loads(text)]


def _segment(data: dict[str, Any]) -> Segment:
    data = _known(Segment, data)
    data["tokens"] = tuple(data.get("tokens", ()))
    data["words"] = tuple(Word(**_known(Word, word)) for word in data.get("words", ()))
    return Segment(**data)
