"""Checks ROS templates without the cloud.

    text ─▶ document (nodes with places) ─▶ template (sections, calls) ─▶ rules ─▶ findings, in the order of the file

`lint` is pure: it reads no file but the schema data in this package. Codes and their words are in codes.py, what
functions take in functions.py, what resources have in schema/.
"""

from __future__ import annotations

from .codes import CODES, Severity
from .findings import Finding, Language, Place

__all__ = ["CODES", "Finding", "Language", "Severity", "lint"]


def lint(text: str, file: str) -> list[Finding]:
    """What is wrong with a template, YAML or JSON. `file` is only the name to show."""
    from .document import UnreadableError, parse
    from .nodes import Mapping
    from .rules import RULES
    from .template import Template

    findings: dict[Finding, None] = {}

    def report(code: str, place: Place, **words: object) -> None:
        given = tuple((name, str(word)) for name, word in words.items())
        findings[Finding(code, file, place.line, place.column, given)] = None

    try:
        root = parse(text, report)
    except UnreadableError:
        return list(findings)
    if isinstance(root, Mapping):
        template = Template(root, text)
        for rule in RULES:
            rule(template, report)
    else:
        report("WCN107", root or Mapping(1, 1), name="a template", expected="a mapping", expected_zh="映射")
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))
