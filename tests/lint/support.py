"""Templates with one fault: where the mark « stands in the new text, the finding must point."""

from __future__ import annotations

from pathlib import Path

from deploy.lint import Finding, lint

FOLDER = Path(__file__).parent
BASE = (FOLDER / "base.yaml").read_text(encoding="utf-8")
MARK = "«"


def planted(old: str, new: str, base: str = BASE) -> tuple[str, int, int]:
    """The template with `old` replaced, and the line and column of the mark. `old` must be there exactly once."""
    assert base.count(old) == 1, f"{old!r} is there {base.count(old)} times"
    marked = base.replace(old, new)
    before, _, _ = marked.partition(MARK)
    return marked.replace(MARK, ""), before.count("\n") + 1, len(before) - before.rfind("\n")


def places(findings: list[Finding]) -> list[tuple[str, int, int]]:
    return [(finding.code, finding.line, finding.column) for finding in findings]


def check(text: str) -> list[Finding]:
    return lint(text, "t.yaml")
