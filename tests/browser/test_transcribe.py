"""From a recording to its text, as people do it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage
from tests.support.recordings import BECKETT_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.weights]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_an_uploaded_recording_becomes_text_and_files(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    assert window.transcribe() == "done"
    assert words(window.text()) == words(BECKETT_TEXT)

    srt = window.download("srt")
    assert srt.name == "beckett.srt"
    assert re.match(r"1\n00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}\n", srt.read_text("utf-8"))
    assert words(re.sub(r"[\d:,>-]+", " ", srt.read_text("utf-8"))) == words(BECKETT_TEXT)
    assert words(window.download("txt").read_text("utf-8")) == words(BECKETT_TEXT)
    assert window.download("vtt").read_text("utf-8").startswith("WEBVTT\n")
    assert words(json.loads(window.download("json").read_text("utf-8"))["text"]) == words(BECKETT_TEXT)


def test_copy_and_the_view_without_times(window: WhisperPage, beckett: Path) -> None:
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.upload(beckett)
    window.transcribe()
    window.page.locator("#wt-copy").click()
    expect(window.page.locator("#wt-copy")).to_have_text("Copied")
    assert words(window.page.evaluate("navigator.clipboard.readText()")) == words(BECKETT_TEXT)
    window.page.locator("#wt-view-text").click()
    expect(window.page.locator("#wt-segments")).to_be_hidden()
    assert words(window.page.locator("#wt-text").inner_text()) == words(BECKETT_TEXT)


def test_text_grows_while_the_recording_is_worked_on_and_a_time_plays_it(
    window: WhisperPage, long_recording: Path
) -> None:
    window.upload(long_recording)
    window.press()
    expect(window.page.locator("#wt-start")).to_be_disabled()
    assert window.finished() == "done"
    assert len(words(window.text())) > 5 * len(words(BECKETT_TEXT)), "all of it; the engine's tests count the words"
    assert len(window.times()) > 1
    expect(window.page.locator("#wt-start")).to_be_enabled()

    line = window.page.locator("#wt-segments li").last
    line.locator(".wt-time").click()
    expect(line).to_have_attribute("aria-current", "true")
    assert window.page.evaluate("document.querySelector('.wt-player video').currentTime") > 20


def test_the_page_can_be_left_and_found_again(window: WhisperPage, long_recording: Path) -> None:
    window.upload(long_recording)
    window.press()
    window.page.wait_for_url("**/?job=*")
    address = window.page.url
    window.page.goto("about:blank")
    window.page.goto(address)
    assert window.finished() == "done"
    assert len(words(window.text())) > 5 * len(words(BECKETT_TEXT)), "all of it; the engine's tests count the words"
    window.page.locator("#wt-new").click()
    expect(window.page.locator(".wt-empty h2")).to_have_text("Your text appears here")
    assert "job=" not in window.page.url


def test_a_running_job_can_be_cancelled(window: WhisperPage, long_recording: Path) -> None:
    window.upload(long_recording)
    window.press()
    window.page.wait_for_url("**/?job=*")
    window.page.locator("#wt-cancel").click()
    assert window.finished() == "cancelled"
    expect(window.page.locator(".wt-notice")).to_contain_text("was cancelled")


def test_the_microphone(window: WhisperPage) -> None:
    window.page.locator("#wt-record").click()
    clock = window.page.locator(".wt-clock")
    expect(clock).to_have_text("0:11", timeout=30_000)  # the recording once, from wherever it was
    window.page.locator("#wt-record-stop").click()
    expect(window.page.locator(".wt-file-name strong")).to_contain_text("recording-")
    assert window.transcribe() == "done"
    heard = set(words(window.text()))
    assert {"fail", "again", "try"} <= heard | {"trying"}


def test_the_english_clip(window: WhisperPage, site: Site) -> None:
    window.page.locator("#wt-demo-en").click()
    expect(window.page.locator(".wt-file-name strong")).to_have_text("demo-en.wav")
    assert window.transcribe() == "done"
    said = Path(__file__).parents[2] / "service_app/assets/clips/demo-en.txt"
    assert words(window.text()) == words(said.read_text("utf-8"))


def test_both_clips_are_there(window: WhisperPage) -> None:
    window.page.locator("#wt-demo-zh").click()
    expect(window.page.locator(".wt-file-name strong")).to_have_text("demo-zh.wav")


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_in_chinese(chromium: Browser, site: Site, beckett: Path, width: int) -> None:
    with WhisperPage.open(chromium, site.address, locale="zh-CN", width=width, height=780, has_touch=True) as page:
        page.login(site.user, site.password)
        expect(page.page.locator("#wt-start")).to_have_text("开始转写")
        page.upload(beckett)
        assert page.transcribe() == "done"
        assert words(page.text()) == words(BECKETT_TEXT)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
        expect(page.page.locator("#wt-state")).to_be_hidden()
        page.assert_clean()
