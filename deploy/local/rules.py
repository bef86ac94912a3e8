"""A template's Rules: what must hold between parameters before anything is made ("Rules" in the ROS user guide)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import invalid

MAX_ASSERTIONS = 100
_KEYS = {"RuleCondition", "Assertions"}


@dataclass(frozen=True)
class Rule:
    """`condition` is None for a rule that always holds; each assertion has its text for people, which may be empty."""

    condition: Any
    assertions: tuple[tuple[Any, str], ...]

    def parts(self, where: str) -> Iterator[tuple[str, Any]]:
        """The expressions and their places."""
        if self.condition is not None:
            yield f"{where}.RuleCondition", self.condition
        for index, (assertion, _) in enumerate(self.assertions):
            yield f"{where}.Assertions.{index}.Assert", assertion


def read_rules(section: Mapping[str, Any]) -> dict[str, Rule]:
    """Raises ApiError where a rule has another form."""
    rules = {}
    for name, body in section.items():
        if not isinstance(body, dict) or body.keys() - _KEYS:
            raise invalid(f"Rules.{name}: a rule is a map of RuleCondition and Assertions.")
        given = body.get("Assertions")
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_ASSERTIONS:
            raise invalid(f"Rules.{name}.Assertions: should be a list of 1 to {MAX_ASSERTIONS}.")
        if not all(isinstance(each, dict) and "Assert" in each for each in given):
            raise invalid(f"Rules.{name}.Assertions: each is a map with Assert.")
        assertions = tuple((each["Assert"], str(each.get("AssertDescription", ""))) for each in given)
        rules[name] = Rule(body.get("RuleCondition"), assertions)
    return rules


def check(rules: Mapping[str, Rule], holds: Callable[[Any, str], bool]) -> None:
    """Raises ApiError for the first assertion that is false; `holds` works out a condition, given its place."""
    for name, rule in rules.items():
        where = f"Rules.{name}"
        if rule.condition is not None and not holds(rule.condition, f"{where}.RuleCondition"):
            continue
        for index, (assertion, text) in enumerate(rule.assertions):
            if not holds(assertion, f"{where}.Assertions.{index}.Assert"):
                raise invalid(f"Rule '{name}' is broken: {text or 'its assertion is false'}")
