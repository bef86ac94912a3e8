"""Arguments that are written out and that the function would refuse: a table of function → what each must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from zoneinfo import available_timezones

from ..document import Report
from ..nodes import Scalar, call
from ..template import Template


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one argument must be; `holds` gets its text."""

    holds: Callable[[str], bool]
    expected: str
    expected_zh: str


def _between(low: int, high: int) -> Wanted:
    def holds(text: str) -> bool:
        return re.fullmatch(r"[+-]?\d+", text) is not None and low <= int(text) <= high

    return Wanted(holds, f"a whole number from {low} to {high}", f" {low} 到 {high} 的整数")


def _one_of(*values: str) -> Wanted:
    return Wanted(lambda text: text in values, " or ".join(values), " 或 ".join(values))


def _compiles(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _is_block(text: str) -> bool:
    try:
        IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_zone(text: str) -> bool:
    """Zones are named by region; forms such as UTC+8 and EST5EDT pass. So does all, where there is no list of zones."""
    return "/" not in text or text in (available_timezones() or {text})


def _is_position(text: str) -> bool:
    """An index, a slice, or any text: a key of a map."""
    parts = text.split(":")
    return not (len(parts) == 3 and parts[2] == "0" and all(re.fullmatch(r"-?\d*", part) for part in parts))


_WHOLE = _between(-15, 15)
_TABLE: Mapping[str, Mapping[int, Wanted]] = {
    "Fn::Avg": {0: _WHOLE},
    "Fn::Calculate": {
        0: Wanted(
            lambda text: "**" not in text and re.fullmatch(r"[\d.{}()+\-*/%\s]+", text) is not None,
            "numbers and {0} with + - * / // % and brackets", "由数字、{0}、+ - * / // % 和括号组成的算式",
        ),
        1: _WHOLE,
    },
    "Fn::Cidr": {
        0: Wanted(_is_block, "an IPv4 block such as 10.0.0.0/16", " IPv4 网段，如 10.0.0.0/16"),
        1: _between(1, 256),
        2: _between(1, 32),
    },
    "Fn::FormatTime": {1: Wanted(_is_zone, "a time zone such as Asia/Shanghai", "时区，如 Asia/Shanghai")},
    "Fn::Indent": {1: _between(0, 20), 2: _between(0, 4)},
    "Fn::Jq": {
        0: _one_of("First", "All"),
        1: Wanted(lambda text: "$ENV" not in text, "a script that does not read $ENV", "不读取 $ENV 的脚本"),
    },
    "Fn::MatchPattern": {0: Wanted(_compiles, "a regular expression", "正则表达式")},
    "Fn::Select": {0: Wanted(_is_position, "an index, a slice or a key", "下标、切片或键")},
    "Fn::Split": {0: Wanted(bool, "a delimiter that is not empty", "非空的分隔符")},
    "Fn::TransformNamespace": {0: _one_of("Condition", "DependsOn")},
}  # fmt: skip


def literals(template: Template, report: Report) -> None:
    for site in template.sites:
        wanted = {} if site.opaque else _TABLE.get(site.call.name, {})
        for position, argument in enumerate(site.call.arguments if wanted else ()):
            rule = wanted.get(position)
            if rule is None or not isinstance(argument, Scalar) or call(argument) is not None or argument.value is None:
                continue
            if not rule.holds(argument.text):
                report("WCN506", argument, name=site.call.name, position=str(position + 1),
                       expected=rule.expected, expected_zh=rule.expected_zh, found=argument.text)  # fmt: skip


RULES = (literals,)
