"""What the page says: languages, themes, refusals, and what it must never do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service_app.languages import LANGUAGES
from service_app.ui.spoken import OWN_NAMES
from tests.browser.conftest import LIMIT_MB, Site
from tests.browser.page import WhisperPage

pytestmark = [pytest.mark.browser, pytest.mark.weights]
ASSETS = Path(__file__).parents[2] / "service_app" / "ui" / "assets"


def test_every_text_is_there_in_both_languages() -> None:
    messages = json.loads((ASSETS / "messages.json").read_text("utf-8"))
    assert messages["zh-CN"].keys() == messages["en"].keys()
    assert all(text for texts in messages.values() for text in texts.values())


def test_every_language_has_its_own_name() -> None:
    assert list(OWN_NAMES) == list(LANGUAGES)


def test_language_follows_the_browser_and_can_be_switched(chromium: Browser, site: Site) -> None:
    with WhisperPage.open(chromium, site.address, locale="zh-TW") as page:
        page.login(site.user, site.password)
        expect(page.page.locator("#wt-start")).to_have_text("开始转写")
        expect(page.page).to_have_title("Whisper 语音转文字")
        expect(page.page.locator("html")).to_have_attribute("lang", "zh-CN")
        page.page.locator("#wt-language-switch").click()
        expect(page.page.locator("#wt-start")).to_have_text("Transcribe")
        expect(page.page.locator("html")).to_have_attribute("lang", "en")
        assert "__i18n__" not in page.page.locator("body").inner_text()
        page.assert_clean()


def test_dark_follows_the_system_and_can_be_switched(chromium: Browser, site: Site) -> None:
    with WhisperPage.open(chromium, site.address, dark=True) as page:
        page.login(site.user, site.password)
        body = page.page.locator("body")
        expect(body).to_contain_class("dark")
        page.page.get_by_role("button", name="Switch to light").click()
        expect(body).not_to_contain_class("dark")
        page.page.reload()
        page.ready()
        expect(body).not_to_contain_class("dark")
        page.assert_clean()


def test_nothing_chosen(window: WhisperPage) -> None:
    window.press()
    expect(window.page.get_by_role("alert")).to_contain_text("First choose a file")


def test_a_file_over_the_limit_and_an_empty_one_are_told_before_the_upload(window: WhisperPage, tmp_path: Path) -> None:
    big, empty = tmp_path / "big.wav", tmp_path / "empty.wav"
    big.write_bytes(bytes(LIMIT_MB * 1024 * 1024 + 1))
    empty.touch()
    window.upload(big)
    expect(window.page.get_by_role("alert")).to_contain_text(f"the limit is {LIMIT_MB} MB")
    window.upload(empty)
    expect(window.page.get_by_role("alert")).to_contain_text("The file is empty: empty.wav")


@pytest.mark.parametrize(("locale", "says"), [("en-US", "audio"), ("zh-CN", "音频")])
def test_a_file_that_is_no_audio(chromium: Browser, site: Site, tmp_path: Path, locale: str, says: str) -> None:
    path = tmp_path / "letter <img src=x onerror=alert(1)>.mp3"
    path.write_text("Dear Sir or Madam, this is no music. " * 50, "utf-8")
    with WhisperPage.open(chromium, site.address, locale=locale) as page:
        page.login(site.user, site.password)
        page.upload(path)
        assert page.transcribe() == "failed"
        expect(page.page.get_by_role("alert")).to_contain_text(says)
        expect(page.page.locator(".wt-titles h2")).to_have_text(path.name)
        assert page.page.locator(".wt-result img").count() == 0, "a file name is text, never markup"
        page.assert_clean()


def test_silence_is_no_error(window: WhisperPage, silence: Path) -> None:
    window.upload(silence)
    assert window.transcribe() == "done"
    expect(window.page.locator("#wt-no-speech h2")).to_have_text("No speech was found")


def test_what_the_model_cannot_do_is_refused_with_the_reason(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    window.choose_language("中文")
    window.press()
    expect(window.page.locator("#wt-error")).to_contain_text("English only")
    window.choose_language("Detect automatically")
    window.page.get_by_role("radio", name="Translate to English").check()
    window.press()
    expect(window.page.locator("#wt-error")).to_contain_text("cannot translate")
    # the browser itself notes each refused request; nothing else may be there
    assert all("400 (Bad Request)" in line for line in window.complaints)
    window.complaints.clear()


def test_an_expired_login_keeps_the_file(window: WhisperPage, site: Site, beckett: Path) -> None:
    window.upload(beckett)
    window.context.clear_cookies()
    window.press()
    expect(window.page.locator(".wt-notice")).to_contain_text("The login has expired")
    second = window.context.new_page()
    second.goto(f"{site.address}/login")
    second.locator("input[name=username]").fill(site.user)
    second.locator("input[name=password]").fill(site.password)
    second.locator("form button[type=submit], form button:not([type])").first.click()
    second.wait_for_url(f"{site.address}/")
    second.close()
    assert window.finished() == "done", "it went on by itself"
    assert all("401 (Unauthorized)" in line for line in window.complaints)
    window.complaints.clear()


def test_the_microphone_without_https_is_explained(chromium: Browser, site: Site) -> None:
    port = site.address.rsplit(":", 1)[1]
    with WhisperPage.open(chromium, f"http://whisper.test:{port}") as page:
        page.login(site.user, site.password)
        page.page.locator("#wt-record").click()
        expect(page.page.get_by_role("alert")).to_contain_text("https://whisper.test/")


def test_another_user_s_job_or_none(window: WhisperPage, site: Site) -> None:
    window.page.goto(f"{site.address}/?job=00000000-0000-0000-0000-000000000000")
    expect(window.page.locator("#wt-error")).to_be_visible()
    assert all("404 (Not Found)" in line for line in window.complaints)
    window.complaints.clear()


def test_logout(chromium: Browser, site: Site) -> None:
    with WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        window.logout()
        window.page.goto(site.address)
        window.page.wait_for_url("**/login")


def test_weight_and_hosts(chromium: Browser, site: Site) -> None:
    """Everything that a first visit brings, compressed, is under 1 MB, and comes from here."""
    with WhisperPage.open(chromium, site.address) as window:
        session = window.context.new_cdp_session(window.page)
        received: list[float] = []
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        session.send("Network.enable")
        window.login(site.user, site.password)
        window.page.wait_for_load_state("networkidle")
        assert 100_000 < sum(received) < 1_000_000
        window.assert_clean()
