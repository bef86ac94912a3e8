"""Reading and correcting: words that play, lines that are typed in, parted and joined, and what is exported then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage
from tests.support.recordings import BECKETT_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.weights]
LIT = "[...CSS.highlights.get('wt-now')].map(String).join()"


@pytest.fixture(scope="module")
def read(chromium: Browser, site: Site, beckett: Path) -> Iterator[WhisperPage]:
    """A window with a transcript; each test begins with what was recognised."""
    with WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        window.upload(beckett)
        assert window.transcribe() == "done"
        yield window
        window.assert_clean()


@pytest.fixture
def editor(read: WhisperPage) -> Iterator[WhisperPage]:
    """In edit mode, the cursor in the only line."""
    read.page.locator("#wt-edit").click()
    yield read
    read.page.locator("#wt-revert").click()
    expect(read.page.locator("#wt-revert")).to_be_hidden()
    assert read.text() == BECKETT_TEXT
    read.page.locator("#wt-edit").click()


def saved(window: WhisperPage) -> None:
    expect(window.page.locator("#wt-saved")).to_have_text("Saved", timeout=20_000)


def cursor(window: WhisperPage, line: int, offset: int) -> None:
    window.page.evaluate(
        """([line, offset]) => {
          const text = document.querySelectorAll('#wt-segments p')[line];
          text.focus();
          getSelection().collapse(text.firstChild, offset);
        }""",
        [line, offset],
    )


def click_word(window: WhisperPage, word: str) -> None:
    x, y = window.page.evaluate(
        """(word) => {
          const node = document.querySelector('#wt-segments p').firstChild;
          const range = document.createRange();
          range.setStart(node, node.data.indexOf(word) + 1);
          range.setEnd(node, node.data.indexOf(word) + word.length - 1);
          const box = range.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }""",
        word,
    )
    window.page.mouse.click(x, y)


def test_a_click_on_a_word_plays_it_and_it_is_lit(read: WhisperPage) -> None:
    click_word(read, "matter")
    read.page.wait_for_function(f"{LIT} === 'matter.' || {LIT} === 'matter'")
    assert read.page.evaluate("document.querySelector('.wt-player video').currentTime") > 1
    read.page.evaluate("document.querySelector('.wt-player video').pause()")


def test_the_waveform_is_of_the_recording(read: WhisperPage) -> None:
    job = read.page.url.split("job=")[1]
    peaks = read.page.evaluate(
        "async (id) => [...new Uint8Array(await (await fetch(`/ui/peaks/${id}`)).arrayBuffer())]", job
    )
    assert 900 <= len(peaks) <= 1000 and max(peaks) == 255 and min(peaks) < 100


def test_the_player_by_keyboard(read: WhisperPage) -> None:
    slider = read.page.get_by_role("slider", name="Position")
    slider.press("Home")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "5")


def test_typing_is_saved_and_exported(editor: WhisperPage) -> None:
    cursor(editor, 0, len("Ever tried"))
    editor.page.keyboard.type(" and tested")
    saved(editor)
    edited = BECKETT_TEXT.replace("Ever tried", "Ever tried and tested")
    assert editor.download("txt").read_text("utf-8").strip() == edited
    assert edited in editor.download("srt").read_text("utf-8")
    words = [word["word"] for word in json.loads(editor.download("json").read_text("utf-8"))["words"]]
    assert words[:5] == ["Ever", "tried", "and", "tested.", "Ever"], "words keep their places in time"
    editor.page.reload()
    assert editor.finished() == "done"
    assert editor.text() == edited
    editor.page.locator("#wt-edit").click()


def test_a_line_is_parted_joined_and_every_step_undone(editor: WhisperPage) -> None:
    cursor(editor, 0, len("Ever tried."))
    editor.page.keyboard.press("Enter")
    assert editor.text().split("\n") == ["Ever tried.", BECKETT_TEXT.removeprefix("Ever tried. ")]
    editor.page.keyboard.press("Control+z")
    assert editor.text() == BECKETT_TEXT
    editor.page.locator("#wt-redo").click()
    assert len(editor.times()) == 2
    cursor(editor, 1, 0)
    editor.page.keyboard.press("Backspace")
    assert editor.text() == BECKETT_TEXT
    cursor(editor, 0, 4)
    editor.page.keyboard.type("x")
    editor.page.keyboard.press("Control+z")
    assert editor.text() == BECKETT_TEXT
    cursor(editor, 0, len("Ever tried."))
    editor.page.locator("#wt-split").click()
    saved(editor)
    assert editor.download("srt").read_text("utf-8").count("-->") == 2


def test_two_windows_that_edit_the_same_text(editor: WhisperPage, chromium: Browser, site: Site) -> None:
    with WhisperPage.open(chromium, site.address) as other:
        other.login(site.user, site.password, "/?" + editor.page.url.split("?")[1])
        assert other.finished() == "done"
        other.page.locator("#wt-edit").click()
        cursor(other, 0, 4)
        other.page.keyboard.type(" theirs")
        saved(other)
    cursor(editor, 0, 4)
    editor.page.keyboard.type(" mine")
    editor.page.get_by_role("button", name="Keep mine").click()
    saved(editor)
    assert "Ever mine tried" in editor.download("txt").read_text("utf-8")
    assert all("409" in line for line in editor.complaints)
    editor.complaints.clear()


def test_edits_wait_while_the_network_is_away(editor: WhisperPage) -> None:
    editor.context.set_offline(True)
    cursor(editor, 0, 4)
    editor.page.keyboard.type(" offline")
    expect(editor.page.locator(".wt-notice")).to_contain_text("Your edits are safe")
    editor.context.set_offline(False)
    saved(editor)
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in editor.complaints)
    editor.complaints.clear()


def test_finding_words(read: WhisperPage) -> None:
    read.page.locator("#wt-find").fill("fail")
    expect(read.page.locator(".wt-count")).to_have_text("1/3")
    read.page.locator("#wt-find").press("Enter")
    expect(read.page.locator(".wt-count")).to_have_text("2/3")
    read.page.locator("#wt-find").fill("")


def test_an_hour_of_text_is_there_at_once_and_can_be_typed_in(read: WhisperPage) -> None:
    """10,800 words with their times; `python -m benchmarks.page` measures how long a key takes."""
    address = read.page.url
    job = address.split("job=")[1]
    version = read.page.evaluate(
        """async (id) => {
          const words = (start) => Array.from({length: 9}, (_, at) =>
            ({start: start + at / 3, end: start + at / 3 + 0.3, text: " word", probability: at ? 0.9 : 0.2}));
          const segments = Array.from({length: 1200}, (_, at) =>
            ({start: 3 * at, end: 3 * at + 3, text: " word".repeat(9), words: words(3 * at)}));
          const {version} = await (await fetch(`/api/jobs/${id}/segments`)).json();
          const answer = await fetch(`/api/jobs/${id}/segments`, {method: "PUT",
            headers: {"Content-Type": "application/json"}, body: JSON.stringify({version, segments})});
          return (await answer.json()).version;
        }""",
        job,
    )
    assert version >= 1
    read.page.reload()
    assert read.finished() == "done"
    expect(read.page.locator("#wt-segments li")).to_have_count(1200)
    first, last = read.page.locator("#wt-segments p").first, read.page.locator("#wt-segments p").last
    marked = (
        "(line) => [...CSS.highlights.get('wt-doubt')].filter((mark) => mark.intersectsNode(line)).join() === 'word'"
    )
    for line in (first, last, first):
        line.scroll_into_view_if_needed()
        read.page.wait_for_function(marked, arg=line.element_handle())
    assert read.page.evaluate("CSS.highlights.get('wt-doubt').size") < 200, "of the lines in sight alone"
    assert read.page.evaluate("document.querySelectorAll('#wt-result *').length") < 9000, "light enough to type in"
    read.page.locator("#wt-edit").click()
    cursor(read, 600, 4)
    read.page.keyboard.type(" typed")
    read.page.keyboard.press("Enter")
    expect(read.page.locator("#wt-segments li")).to_have_count(1201)
    saved(read)
    read.page.locator("#wt-revert").click()
    expect(read.page.locator("#wt-segments li")).to_have_count(1)
