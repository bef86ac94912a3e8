"""Several recordings at once, large ones in pieces, video, links."""

from __future__ import annotations

import re
import subprocess
import wave
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import Site
from tests.browser.page import PATIENCE, WhisperPage

pytestmark = [pytest.mark.browser, pytest.mark.weights]


def test_three_files_get_a_row_each_and_one_zip(
    window: WhisperPage, beckett: Path, silence: Path, tmp_path: Path
) -> None:
    page = window.page
    letter = tmp_path / "letter.mp3"
    letter.write_text("no music at all " * 99, "utf-8")
    page.locator("#wt-file").set_input_files([beckett, silence, letter])
    expect(page.locator(".wt-file")).to_have_count(3)
    assert window.transcribe() == "done"
    expect(page.locator("#wt-batch-state")).to_have_text("3 of 3 done", timeout=60_000)
    rows = page.locator(".wt-batch li")
    expect(rows.nth(2)).to_contain_text("no audio")
    rows.nth(1).get_by_role("button").click()
    expect(page.locator("#wt-no-speech")).to_be_visible()
    page.locator("#wt-zip").click()
    with page.expect_download() as got:
        page.locator("#wt-zip-srt").click()
    with zipfile.ZipFile(got.value.path()) as archive:
        assert sorted(archive.namelist()) == ["beckett.srt", "silence.srt"]
        assert b"Fail better" in archive.read("beckett.srt")


def test_files_can_be_added_and_taken_away(window: WhisperPage, beckett: Path, silence: Path) -> None:
    page = window.page
    window.upload(beckett)
    with page.expect_file_chooser() as chooser:
        page.locator("#wt-more").click()
    chooser.value.set_files(silence)
    expect(page.locator(".wt-file strong")).to_have_text(["beckett.wav", "silence.wav"])
    page.get_by_role("button", name="Remove: beckett.wav").click()
    expect(page.locator(".wt-file strong")).to_have_text(["silence.wav"])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, beckett: Path) -> Path:
    """The recording and much silence: three pieces."""
    path = tmp_path_factory.mktemp("media") / "large.wav"
    with wave.open(str(beckett), "rb") as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        speech = source.readframes(source.getnframes())
        target.writeframes(speech + bytes(18 * 1024 * 1024))
    return path


def test_a_login_that_expires_during_an_upload(chromium: Browser, site: Site, large: Path) -> None:
    with WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        page = window.page
        offsets: list[str] = []

        def end_the_session_once(route: Route) -> None:
            if route.request.method == "PATCH":
                offsets.append(route.request.headers["upload-offset"])
                if len(offsets) == 2:
                    page.request.post(f"{site.address}/logout")
            route.continue_()

        page.route("**/api/uploads/*", end_the_session_once)
        window.upload(large)
        window.press()
        waits = "The login has expired and the upload waits"
        expect(page.locator(".wt-notice")).to_contain_text(waits, timeout=PATIENCE)
        WhisperPage(window.context.new_page(), window.context, site.address).login(site.user, site.password)
        assert window.finished() == "done"
        assert window.text().endswith("Fail better.")
        assert offsets.count("0") == 1, "what had arrived was not sent again"


def test_a_large_file_goes_in_pieces_through_a_lost_network(window: WhisperPage, large: Path) -> None:
    page = window.page
    # The second piece breaks once, as when a network is lost and comes back.
    broken: list[str] = []

    def break_once(route: Route) -> None:
        request = route.request
        if request.method == "PATCH" and request.headers["upload-offset"] != "0" and not broken:
            broken.append(request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/uploads/*", break_once)
    window.upload(large)
    assert window.transcribe() == "done"
    assert broken and window.text().endswith("Fail better.")
    assert all("ERR_CONNECTION_RESET" in line for line in window.complaints)
    window.complaints.clear()


def test_video_is_shown_with_its_subtitles(window: WhisperPage, beckett: Path, tmp_path: Path) -> None:
    video = tmp_path / "talk.webm"
    picture = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=5")
    codecs = ("-shortest", "-c:v", "libvpx", "-c:a", "libopus")
    subprocess.run(["ffmpeg", "-v", "error", *picture, "-i", str(beckett), *codecs, str(video)], check=True)
    window.upload(video)
    assert window.transcribe() == "done"
    page = window.page
    expect(page.locator(".wt-player video")).to_be_visible()
    page.wait_for_function("document.querySelector('.wt-player video').textTracks[0].cues.length > 0")
    cue = page.evaluate("document.querySelector('.wt-player video').textTracks[0].cues[0].text")
    assert cue.startswith("Ever tried.")
    assert page.evaluate("document.querySelector('.wt-player video').textTracks[0].mode") == "showing"


def test_a_link_into_the_private_network_is_refused(window: WhisperPage) -> None:
    window.page.locator("#wt-link-field").fill("http://100.100.100.200/latest/meta-data/a.mp3")
    window.press()
    shown = window.page.locator("#wt-error, .wt-notice-error").first
    expect(shown).to_be_visible()
    expect(shown).to_have_text(re.compile("address|link|URL", re.IGNORECASE))
    window.complaints.clear()  # the browser notes the refusal


def test_cues_in_the_chosen_size(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    window.transcribe()
    window.page.locator("#wt-download").click()
    window.page.locator("#wt-download-style").select_option("phone")
    cues = window.download("srt").read_text("utf-8").strip().split("\n\n")
    assert len(cues) > 2
    assert all(len(line) <= 24 for cue in cues for line in cue.split("\n")[2:])
