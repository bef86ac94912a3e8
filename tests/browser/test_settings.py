"""Settings: keys and examples that work as they are shown, use, the password, how the page looks."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage

pytestmark = [pytest.mark.browser, pytest.mark.weights]


def test_a_key_is_shown_once_works_as_in_the_example_and_is_revoked(
    window: WhisperPage, site: Site, beckett: Path
) -> None:
    page = window.page
    page.locator("#wt-settings-open").click()
    page.locator("#wt-key-name").fill("minutes")
    page.locator("#wt-key-make").click()
    key = page.locator("#wt-key").inner_text().strip()
    example = page.locator("#wt-example").inner_text()
    assert site.address in example and key in example
    command = shlex.split(example.replace("\\\n", " ").replace("recording.mp3", str(beckett)))
    assert "Fail better" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name, says in (("Python", "base_url="), ("Node.js", "baseURL:")):
        page.get_by_role("button", name=name).click()
        expect(page.locator("#wt-example")).to_contain_text(says)
        expect(page.locator("#wt-example")).to_contain_text(key)

    page.locator("#wt-tab-usage").click()
    page.locator("#wt-tab-keys").click()
    row = page.locator("#wt-keys li", has_text="minutes")
    expect(row).to_contain_text("last used")
    assert page.locator("#wt-key").count() == 0, "shown once"
    assert key not in page.content()
    row.get_by_role("button", name="Revoke").click()
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    refused = httpx.get(f"{site.address}/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 401


def test_usage(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    window.transcribe()
    window.page.locator("#wt-settings-open").click()
    window.page.locator("#wt-tab-usage").click()
    tiles = window.page.locator("#wt-usage")
    expect(tiles).to_contain_text("Audio in 30 days")
    expect(tiles).to_contain_text("Free disk")
    expect(window.page.locator(".wt-devices")).to_contain_text("cpu:0")


def test_the_password(chromium: Browser, site: Site) -> None:
    first, second = "First-horse-31", "Second-horse-32"
    made = httpx.post(
        f"{site.address}/api/users", json={"name": "carla", "password": first}, auth=(site.user, site.password)
    )
    assert made.status_code == 201, made.text

    def change(window: WhisperPage, current: str, new: str, again: str) -> None:
        for name, text in (("current", current), ("new", new), ("again", again)):
            window.page.locator(f"#wt-password-{name}").fill(text)
        window.page.locator("#wt-password-save").click()

    with WhisperPage.open(chromium, site.address) as window, WhisperPage.open(chromium, site.address) as elsewhere:
        elsewhere.login("carla", first)
        window.login("carla", first)
        window.page.locator("#wt-settings-open").click()
        window.page.locator("#wt-tab-account").click()
        change(window, first, second, second + "x")
        expect(window.page.get_by_role("alert")).to_contain_text("differ")
        change(window, "Wrong-horse-30", second, second)
        expect(window.page.get_by_role("alert")).to_contain_text("current password is wrong")
        change(window, first, second, second)
        expect(window.page.locator("#wt-password-saved")).to_be_visible()
        elsewhere.page.reload()
        elsewhere.page.wait_for_url("**/login")
        elsewhere.login("carla", second)


def test_theme_and_language_are_remembered(window: WhisperPage) -> None:
    window.page.locator("#wt-settings-open").click()
    window.page.locator("#wt-tab-look").click()
    light, dark = (window.page.get_by_label(name, exact=True) for name in ("Light", "Dark"))
    dark.check()
    drawn = "(input) => getComputedStyle(input).borderWidth"
    assert dark.evaluate(drawn) != light.evaluate(drawn), "the choice is seen"
    expect(window.page.locator("body")).to_contain_class("dark")
    window.page.get_by_role("radio", name="中文").click()
    expect(window.page.locator("#wt-start")).to_have_text("开始转写")
    expect(window.page.locator("body")).to_contain_class("dark")


def test_first_steps_are_shown_once(chromium: Browser, site: Site) -> None:
    with WhisperPage.open(chromium, site.address, tour=True) as window:
        window.login(site.user, site.password)
        text = window.page.locator("#wt-tour-text")
        for says in ("drop files", "Press this button", "The text grows here"):
            expect(text).to_contain_text(says)
            window.page.locator("#wt-tour-next").click()
        expect(text).to_be_hidden()
        window.page.reload()
        window.ready()
        expect(text).to_be_hidden()
        window.page.locator("#wt-tour-start").click()
        expect(text).to_be_visible()
        window.assert_clean()
