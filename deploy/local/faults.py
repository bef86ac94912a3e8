"""Scripted misfortune: which calls, resources, commands and signals go wrong, from a YAML file.

`faults.example.yaml` beside this module shows and explains every kind and key; a test keeps the two equal. With the
same seed and the same order of events the same ones are hit.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import yaml

_CHANCE = {"nth": "numbers", "probability": "share", "times": "count", "in_a_row": "count"}
_RESOURCE = {"stack": "text", "resource": "text", "type": "text"}
_OPERATION = {"operation": "text"}
# Fault → its keys and their kinds. Keys that hold patterns say what is hit, the others what happens.
KINDS: Mapping[str, Mapping[str, str]] = {
    "throttle": {"action": "text", "status": "count", **_CHANCE},
    "error": {"action": "text", "status": "count", "code": "text", "message": "text", **_CHANCE},
    "reset-before": {"action": "text", **_CHANCE},
    "reset-after": {"action": "text", **_CHANCE},
    "delay": {"action": "text", "seconds": "number", **_CHANCE},
    "slow": {**_RESOURCE, **_OPERATION, "seconds": "number", **_CHANCE},
    "fail": {**_RESOURCE, **_OPERATION, "message": "text", **_CHANCE},
    "command": {"resource": "text", "exit_code": "count", "output": "text", **_CHANCE},
    "lose-signal": {"status_is": "text", **_CHANCE},
    "double-signal": {"status_is": "text", **_CHANCE},
    "no-stock": {"zone": "text", "instance_type": "text"},
    "drift": {**_RESOURCE, "property": "text", "value": "any"},
    "vanish": {**_RESOURCE},
}
_PATTERNS = frozenset({"action", "stack", "resource", "type", "operation", "status_is", "zone", "instance_type"})


class FaultFileError(Exception):
    """The file cannot be used; one line that says where, what and what to write instead."""


@dataclass(frozen=True)
class Rule:
    fault: str
    patterns: Mapping[str, str]
    values: Mapping[str, Any]

    def fits(self, event: Mapping[str, str]) -> bool:
        return all(fnmatchcase(event.get(key, ""), pattern) for key, pattern in self.patterns.items())


@dataclass(frozen=True)
class CallFault:
    """What happens to one call: an error instead of an answer, or a connection cut before or after the work."""

    kind: Literal["error", "reset-before", "reset-after"]
    code: str = ""
    message: str = ""
    status: int = 0


@dataclass(frozen=True)
class CommandFault:
    exit_code: int
    output: str


@dataclass
class _Luck:
    """When one rule hits. Each action (or resource) has its own stream of chances, so that one more call of another
    kind changes nothing."""

    seed: str
    drawn: dict[str, random.Random] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0
    row: int = 0

    def hit(self, stream: str, values: Mapping[str, Any]) -> bool:
        self.seen += 1
        chance = self.drawn.setdefault(stream, random.Random(f"{self.seed}/{stream}")).random()  # noqa: S311
        wanted = self.seen in values["nth"] if "nth" in values else chance < values.get("probability", 1)
        if self.hits >= values.get("times", self.hits + 1) or self.row >= values.get("in_a_row", self.row + 1):
            wanted = False
        self.hits += wanted
        self.row = self.row + 1 if wanted else 0
        return wanted


class Faults:
    """The rules and how often each has hit. Without rules nothing goes wrong."""

    def __init__(self, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        self._rules = [(rule, _Luck(f"{seed}/{number}")) for number, rule in enumerate(rules)]
        self._lock = threading.Lock()

    def call(self, action: str) -> tuple[float, CallFault | None]:
        """Seconds to wait, and what then happens to this call of an action."""
        delay = sum(float(values.get("seconds", 1)) for _, values in self._hits(("delay",), {"action": action}, action))
        for kind, values in self._hits(
            ("throttle", "error", "reset-before", "reset-after"), {"action": action}, action
        ):
            if kind == "throttle":
                message = "Request was denied due to user flow control."
                return delay, CallFault("error", "Throttling.User", message, values.get("status", 429))
            if kind == "error":
                message = values.get("message", "The request has failed due to a temporary failure of the server.")
                code = values.get("code", "ServiceUnavailable")
                return delay, CallFault("error", code, message, values.get("status", 503))
            return delay, CallFault("reset-before" if kind == "reset-before" else "reset-after")
        return delay, None

    def resource(self, stack: str, name: str, kind: str, operation: str) -> tuple[float, str]:
        """Seconds for which work on a resource takes longer, and why it fails, if it does. `operation` is create,
        update or delete."""
        event = {"stack": stack, "resource": name, "type": kind, "operation": operation}
        seconds = sum(float(values.get("seconds", 1)) for _, values in self._hits(("slow",), event, name))
        failed = next((values for _, values in self._hits(("fail",), event, name)), None)
        default = "InternalError: The request processing has failed due to some unknown error"
        return seconds, "" if failed is None else str(failed.get("message", default))

    def command(self, resource: str) -> CommandFault | None:
        """The result that a command has instead of being run; `resource` is empty for ECS's own RunCommand."""
        for _, values in self._hits(("command",), {"resource": resource}, resource):
            return CommandFault(values.get("exit_code", 1), values.get("output", ""))
        return None

    def signal_copies(self, status: str) -> int:
        """How often a signal arrives: 0 lost, 1, or 2."""
        kinds = [kind for kind, _ in self._hits(("lose-signal", "double-signal"), {"status_is": status}, status)]
        return 1 if not kinds else 0 if "lose-signal" in kinds else 2

    def in_stock(self, zone: str, instance_type: str) -> bool:
        event = {"zone": zone, "instance_type": instance_type}
        return not any(rule.fault == "no-stock" and rule.fits(event) for rule, _ in self._rules)

    def drift(self, stack: str, name: str, kind: str) -> tuple[bool, dict[str, Any]]:
        """Whether somebody removed a resource behind the stack's back, and which properties somebody changed."""
        event = {"stack": stack, "resource": name, "type": kind}
        rules = [rule for rule, _ in self._rules if rule.fits(event)]
        changed = {rule.values["property"]: rule.values.get("value") for rule in rules if rule.fault == "drift"}
        return any(rule.fault == "vanish" for rule in rules), changed

    def _hits(
        self, kinds: tuple[str, ...], event: Mapping[str, str], stream: str
    ) -> list[tuple[str, Mapping[str, Any]]]:
        with self._lock:
            return [
                (rule.fault, rule.values)
                for rule, luck in self._rules
                if rule.fault in kinds and rule.fits(event) and luck.hit(stream, rule.values)
            ]


def read_faults(path: Path) -> Faults:
    """Raises FaultFileError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultFileError(f"{path}: cannot be read ({error.strerror}); give a file with --faults") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise FaultFileError(f"{path}{where}: is not YAML; compare deploy/local/faults.example.yaml") from None
    if not isinstance(document, dict) or set(document) - {"seed", "rules"}:
        raise FaultFileError(f"{path}: should be a map with seed and rules; compare deploy/local/faults.example.yaml")
    seed, rules = document.get("seed", 0), document.get("rules") or []
    if isinstance(seed, bool) or not isinstance(seed, int) or not isinstance(rules, list):
        raise FaultFileError(
            f"{path}: seed should be a whole number, rules a list; compare deploy/local/faults.example.yaml"
        )
    return Faults([_rule(body, f"{path}: rules/{number}") for number, body in enumerate(rules)], seed)


def _rule(body: Any, where: str) -> Rule:
    fault = str(body.get("fault")) if isinstance(body, dict) else ""
    if fault not in KINDS:
        raise FaultFileError(f"{where}/fault: should be one of {', '.join(KINDS)}")
    known = KINDS[fault]
    for key, value in body.items():
        if key == "fault":
            continue
        if key not in known:
            raise FaultFileError(f"{where}/{key}: {fault} knows {', '.join(known)}")
        if not _CHECKS[known[key]](value):
            raise FaultFileError(f"{where}/{key}: should be {_WORDS[known[key]]}")
    if fault == "drift" and "property" not in body:
        raise FaultFileError(f"{where}/property: say which property was changed")
    patterns = {key: value for key, value in body.items() if key in _PATTERNS}
    values = {key: value for key, value in body.items() if key in known and key not in _PATTERNS}
    return Rule(fault, patterns, values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "count": _is_count,
    "numbers": lambda value: isinstance(value, list) and bool(value) and all(_is_count(v) and v for v in value),
    "share": lambda value: _is_number(value) and value <= 1,
    "any": lambda value: True,
}
_WORDS = {
    "text": "text",
    "number": "a number of seconds, 0 or more",
    "count": "a whole number, 0 or more",
    "numbers": "a list of whole numbers from 1",
    "share": "a number from 0 to 1",
    "any": "a value",
}
