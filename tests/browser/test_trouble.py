"""Bad luck, on servers of their own: what the page says, and that nothing is lost."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import Site, running
from tests.browser.page import QUIET, WhisperPage
from tests.support.recordings import BECKETT_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.weights]
DEVICE = "--use-fake-device-for-media-stream"


def test_the_server_is_killed_during_a_job(chromium: Browser, tmp_path: Path, long_recording: Path) -> None:
    with running(Site(tmp_path)) as site, WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        window.upload(long_recording)
        window.press()
        window.page.wait_for_url("**/?job=*")
        site.stop(signal.SIGKILL)
        expect(window.page.locator(".wt-notice")).to_contain_text("The connection is gone")
        site.start()
        assert window.finished() == "done"
        assert window.text().lower().count("fail") == 6 * 3, "from before and after, none lost, none twice"
        assert window.times()[0] == "0:00" and window.times()[-1] > "0:30"


@pytest.fixture(scope="module")
def small(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Any]]:
    """A server whose files may not grow over 4 MB, for it as if the disk were full; and the cookies of one login."""
    site = Site(tmp_path_factory.mktemp("small"), under=("prlimit", "--fsize=4000000"))
    with running(site), WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        yield site, window.context.storage_state()


def test_a_full_disk_is_told_and_the_file_kept(chromium: Browser, small: tuple[Site, Any], tmp_path: Path) -> None:
    site, login = small
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(6_000_000))
    with WhisperPage.open(chromium, site.address, locale="zh-CN", storage_state=login) as window:
        window.visit()
        window.upload(large)
        window.press()
        expect(window.page.locator("#wt-error")).to_contain_text("磁盘空间不足")
        expect(window.page.locator(".wt-file strong")).to_have_text("large.wav")


def test_wrong_password_then_too_many(chromium: Browser, small: tuple[Site, Any]) -> None:
    site, _ = small
    with WhisperPage.open(chromium, site.address, locale="zh-CN") as window:
        page = window.page
        page.goto(site.address)
        for _ in range(6):
            page.locator("#username").fill(site.user)
            page.locator("#password").fill("not it")
            page.locator("button[type=submit]").click()
            expect(page.get_by_role("alert")).to_be_visible()
            if "次数" in page.get_by_role("alert").inner_text():
                break
            expect(page.get_by_role("alert")).to_contain_text("密码")
        expect(page.get_by_role("alert")).to_contain_text("秒")
        expect(page.locator("#username")).to_have_value(site.user)


def test_the_network_is_away_when_the_button_is_pressed(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    window.context.set_offline(True)
    window.press()
    expect(window.page.locator(".wt-notice")).to_contain_text("The connection is gone")
    window.context.set_offline(False)
    assert window.finished() == "done"
    assert window.text() == BECKETT_TEXT
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in window.complaints)
    window.complaints.clear()


def test_a_part_of_the_page_is_lost_while_it_opens(chromium: Browser, site: Site, login: Any) -> None:
    """As when a network changes: the page is fetched again; when that does not help, it says so. Nothing of it can be
    pressed before it works."""
    with WhisperPage.open(chromium, site.address, storage_state=login) as window:
        page, part = window.page, "**/assets/Blocks-*.js"
        lost: list[str] = []

        def lose(route: Route) -> None:
            lost.append(route.request.url)
            route.abort("connectionreset")

        page.route(part, lose, times=1)
        window.visit()
        assert len(lost) == 1
        page.route(part, lose)
        page.reload()
        expect(page.locator("#wt-opening")).to_contain_text("did not arrive")
        assert page.evaluate("sessionStorage['wt-opened-again']") == "2", "it had tried by itself"
        page.unroute(part)
        page.get_by_role("button", name="Load again").click()
        window.ready()
        window.press()
        expect(page.get_by_role("alert")).to_contain_text("First choose a file")


def test_a_damaged_file_keeps_what_could_be_read(window: WhisperPage, beckett: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "half.flac"
    whole = tmp_path / "whole.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(beckett), str(whole)], check=True)
    data = whole.read_bytes()
    damaged.write_bytes(data[: len(data) * 2 // 3])
    window.upload(damaged)
    assert window.transcribe() == "done"
    assert window.text().startswith("Ever tried. Ever failed.")
    assert len(window.text()) < len(BECKETT_TEXT)
    expect(window.page.locator(".wt-notice")).to_contain_text("The file is damaged")


def test_a_video_without_sound(window: WhisperPage, tmp_path: Path) -> None:
    mute = tmp_path / "mute.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=2:rate=5", str(mute)], check=True)
    window.upload(mute)
    assert window.transcribe() == "failed"
    expect(window.page.get_by_role("alert")).to_contain_text("no audio track")
    expect(window.page.locator("#wt-again")).to_be_visible()


def test_the_microphone_is_refused(chromium: Browser, site: Site, login: Any) -> None:
    """A browser whose user says no to every question."""
    path, no = "/usr/bin/chromium", "--deny-permission-prompts"
    refusing = chromium.browser_type.launch(executable_path=path, args=[*QUIET, DEVICE, no])
    with WhisperPage.open(refusing, site.address, storage_state=login) as window:
        window.visit()
        window.page.locator("#wt-record").click()
        expect(window.page.get_by_role("alert")).to_contain_text("allow the microphone")
        expect(window.page.locator("#wt-browse")).to_be_visible()
    refusing.close()
