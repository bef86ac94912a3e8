"""A recording in Chinese: how it is written, its English translation beside it, and recordings from links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import Site, running
from tests.browser.page import PATIENCE, WhisperPage
from tests.support.axe import violations
from tests.support.linked import HERE, linked_site

pytestmark = [pytest.mark.browser, pytest.mark.weights]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = {"WHISPER_PRIVATE_NETWORKS": f"{HERE}/32"}
    site = Site(tmp_path_factory.mktemp("chinese"), settings, server=("tests.browser.two_tongues",))
    with running(site) as made:
        yield made


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "出行.mp3"
    path.write_text("SPEECH 2 0.01")
    return path


@pytest.fixture
def window(chromium: Browser, chinese: Site, recording: Path) -> Iterator[WhisperPage]:
    with WhisperPage.open(chromium, chinese.address, locale="zh-CN") as page:
        page.login(chinese.user, chinese.password)
        page.upload(recording)
        yield page
        page.assert_clean()


def choose(window: WhisperPage, box: str, choice: str) -> None:
    window.page.locator(f"#{box} input").click()
    window.page.get_by_role("option", name=choice, exact=True).click()


def test_a_chinese_page_writes_simplified_with_full_width_punctuation(window: WhisperPage) -> None:
    assert window.transcribe() == "done"
    assert window.text().split("\n")[:4] == ["我们在台湾，", "今天天气很好，", "出去走走吧！", "头发干了。"]
    assert "我们在台湾，今天天气很好" in window.download("txt").read_text("utf-8").replace("\n", "")


def test_traditional_and_no_punctuation_can_be_chosen(window: WhisperPage) -> None:
    window.page.locator("#wt-advanced > button").click()
    choose(window, "wt-script", "繁体")
    choose(window, "wt-punctuation", "去掉逗号句号")
    assert window.transcribe() == "done"
    assert window.text().split("\n")[:4] == ["我們在臺灣", "今天天氣很好", "出去走走吧", "頭髮乾了"]


def test_an_english_page_leaves_it_as_it_was_recognised(chromium: Browser, chinese: Site, recording: Path) -> None:
    with WhisperPage.open(chromium, chinese.address) as page:
        page.login(chinese.user, chinese.password)
        page.upload(recording)
        assert page.transcribe() == "done"
        assert page.text().startswith("我們在臺灣,")


def test_the_translation_beside_the_text(window: WhisperPage) -> None:
    page = window.page
    assert window.transcribe() == "done"
    original = page.url
    page.locator("#wt-view-both").click()
    expect(page.locator("#wt-beside-state")).to_have_text("英文（机器翻译）", timeout=PATIENCE)
    beside = page.locator(".wt-beside")
    expect(beside.nth(0)).to_have_text("We are in Taiwan.")
    expect(beside.nth(1)).to_have_text("It is fine today; let us go out!")
    expect(beside.nth(2)).to_be_empty()
    expect(beside.nth(3)).to_have_text("My hair is dry.")
    assert violations(page) == []

    page.locator("#wt-download").click()
    content = page.locator("#wt-download-content")
    assert window.download("srt").name == "出行.srt"
    page.locator("#wt-download").click()
    content.select_option("english")
    english = window.download("srt")
    assert (english.name, "我们" in english.read_text("utf-8")) == ("出行.en.srt", False)
    page.locator("#wt-download").click()
    content.select_option("both")
    both = window.download("srt")
    assert both.name == "出行.zh-en.srt"
    assert "\n我们在台湾，\nWe are in Taiwan.\n" in both.read_text("utf-8")

    page.reload()
    window.finished()
    page.locator("#wt-view-both").click()
    expect(beside.nth(0)).to_have_text("We are in Taiwan.")
    page.locator("#wt-beside-open").click()
    expect(page.locator("#wt-segments p").first).to_have_text("We are in Taiwan.")
    expect(page.locator("#wt-view-both")).to_be_hidden()
    page.goto(original)
    window.finished()
    page.locator("#wt-history-open").click()
    expect(page.locator("#wt-jobs > li", has_text="翻译成英文")).to_have_count(1)


def test_a_link_to_a_page(chromium: Browser, chinese: Site) -> None:
    with linked_site() as elsewhere, WhisperPage.open(chromium, chinese.address, locale="zh-CN") as window:
        window.login(chinese.user, chinese.password)
        link = window.page.locator("#wt-link-field")
        link.fill(elsewhere.url("/page-refused"))
        window.press()
        expect(window.page.locator("#wt-state")).to_have_text("正在从链接获取录音")
        expect(window.page.locator("#wt-error")).to_contain_text("该网站拒绝了下载", timeout=PATIENCE)
        expect(link).to_have_value(elsewhere.url("/page-refused"))
        assert all("400 (Bad Request)" in line for line in window.complaints)
        window.complaints.clear()
        link.fill(elsewhere.url("/page"))
        assert window.transcribe() == "done"
        expect(window.page.locator(".wt-titles h2")).to_contain_text("会议 / 一")
        window.assert_clean()


def test_a_model_that_cannot_translate_says_so(window: WhisperPage) -> None:
    """What was heard when the service still had a multilingual model; now it has one for English only."""
    assert window.transcribe() == "done"

    def english_only(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"multilingual": true', '"multilingual": false'))

    window.page.route(window.page.url, english_only)
    window.page.reload()
    window.ready()
    expect(window.page.locator("#wt-note")).to_contain_text("timed 只识别英语，也不能翻译")
    assert window.finished() == "done"
    window.page.locator("#wt-view-both").click()
    expect(window.page.locator(".wt-notice")).to_contain_text("timed 只会英语，不能翻译")
    expect(window.page.locator(".wt-beside")).to_have_count(0)
    window.page.locator("#wt-view-segments").click()
    expect(window.page.locator(".wt-notice")).to_be_hidden()


def test_an_english_recording_needs_no_translation(chromium: Browser, site: Site, beckett: Path) -> None:
    with WhisperPage.open(chromium, site.address) as page:
        page.login(site.user, site.password)
        page.upload(beckett)
        assert page.transcribe() == "done"
        page.page.locator("#wt-view-both").click()
        expect(page.page.locator(".wt-notice")).to_contain_text("in English already")
        page.page.locator("#wt-view-segments").click()
        expect(page.page.locator(".wt-notice")).to_be_hidden()
        page.assert_clean()
