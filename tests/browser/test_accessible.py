"""No violation of WCAG level A or AA in any state of the page, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage
from tests.support.axe import violations

pytestmark = [pytest.mark.browser, pytest.mark.weights]


DESKTOP = {"locale": "en-US", "width": 1280, "dark": False}
PHONE = {"locale": "zh-CN", "width": 390, "dark": True}


@pytest.mark.parametrize("how", [DESKTOP, PHONE], ids=["light desktop", "dark phone"])
def test_every_state(chromium: Browser, site: Site, beckett: Path, how: dict[str, Any]) -> None:
    with WhisperPage.open(chromium, site.address, tour=True, **how) as window:
        page = window.page
        found: dict[str, list[str]] = {}

        def look(state: str) -> None:
            found[state] = violations(page)

        page.goto(site.address)
        look("login")
        window.login(site.user, site.password)
        look("first steps")
        page.locator("#wt-tour-skip").click()
        page.locator("#wt-advanced > button").click()
        page.locator("#wt-prompt textarea").wait_for()
        look("nothing chosen, all options")
        window.press()
        look("error")
        window.upload(beckett)
        assert window.transcribe() == "done"
        look("text")
        page.locator("#wt-edit").click()
        page.locator("#wt-download").click()
        page.locator("#wt-download-style").select_option("film")
        look("editing, downloads")
        page.keyboard.press("Escape")
        page.locator("#wt-history-open").click()
        page.locator("[data-tool=again]").first.click()
        look("history")
        page.keyboard.press("Escape")
        page.locator("#wt-settings-open").click()
        for tab in ("keys", "usage", "account", "look"):
            page.locator(f"#wt-tab-{tab}").click()
            look(tab)
        assert {state: lines for state, lines in found.items() if lines} == {}
        window.assert_clean()
