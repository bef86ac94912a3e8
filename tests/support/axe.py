"""axe-core on a page that Playwright drives: the rules of WCAG 2.0 to 2.2, level A and AA."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def violations(page: Page) -> list[str]:
    """One line for each: the rule, where, and what is wrong."""
    # Colours that are still fading would be measured half way.
    page.evaluate(
        "Promise.allSettled(document.getAnimations().filter((a) => a.playState === 'running' && "
        "a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished))"
    )
    found: list[dict[str, Any]] = Axe().run(page, options=_RULES).response["violations"]
    return [f"{rule['id']}: {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
