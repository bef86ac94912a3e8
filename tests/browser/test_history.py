"""What was transcribed before: found, opened, renamed, run again, deleted; and seen by nobody else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage

pytestmark = [pytest.mark.browser, pytest.mark.weights]


def test_history_from_search_to_delete(window: WhisperPage, beckett: Path, tmp_path: Path) -> None:
    page = window.page
    window.upload(Path(shutil.copy(beckett, tmp_path / "interview with the baker.wav")))
    assert window.transcribe() == "done"
    page.locator("#wt-history-open").click()
    dialog = page.get_by_role("dialog", name="History")
    expect(dialog).to_contain_text("kept for 30 days")
    page.locator("#wt-history-search").fill("baker")
    row = page.locator("#wt-jobs > li")
    expect(row).to_have_count(1)

    row.locator("[data-tool=rename]").click()
    row.get_by_role("textbox").fill("Baker & <b>sons</b>")
    row.get_by_role("button", name="Save").click()
    expect(row.locator("strong")).to_have_text("Baker & <b>sons</b>")

    row.locator("[data-tool=again]").click()
    row.locator("select").nth(1).select_option("en")
    row.locator("[data-tool=run]").click()
    expect(dialog).to_be_hidden()
    page.wait_for_function("document.querySelector('[data-state=done] h2')?.textContent.startsWith('Baker')")

    page.locator("#wt-history-open").click()
    page.locator("#wt-history-search").fill("baker")
    expect(row).to_have_count(2)
    row.last.locator(".wt-job-open").click()
    expect(dialog).to_be_hidden()
    assert window.finished() == "done"

    page.locator("#wt-history-open").click()
    page.locator("#wt-history-search").fill("baker")
    for left in (1, 0):
        row.first.locator("[data-tool=delete]").click()
        row.first.locator("[data-tool=delete-now]").click()
        expect(page.locator("#wt-jobs > li:not(.wt-none)")).to_have_count(left)
    expect(page.locator(".wt-none")).to_have_text("Nothing matches.")
    page.keyboard.press("Escape")
    expect(page.locator(".wt-empty h2")).to_have_text("Your text appears here")


def test_the_name_of_the_open_job(window: WhisperPage, beckett: Path) -> None:
    window.upload(beckett)
    window.transcribe()
    window.page.locator("#wt-rename").click()
    window.page.locator(".wt-name").fill("Worstward Ho.wav")
    window.page.locator(".wt-name").press("Enter")
    expect(window.page.locator(".wt-titles h2")).to_have_text("Worstward Ho.wav")
    assert window.download("srt").name == "Worstward Ho.srt"


def test_two_users_with_the_same_file_name_see_their_own(
    window: WhisperPage, site: Site, beckett: Path, silence: Path, tmp_path: Path
) -> None:
    password = "Another-horse-2"
    made = httpx.post(
        f"{site.address}/api/users", json={"name": "ben", "password": password}, auth=(site.user, site.password)
    )
    assert made.status_code == 201, made.text
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for folder, recording in ((mine, beckett), (theirs, silence)):
        folder.mkdir()
        shutil.copy(recording, folder / "meeting.wav")
    window.upload(mine / "meeting.wav")
    assert window.transcribe() == "done"
    assert window.context.browser
    with WhisperPage.open(window.context.browser, site.address) as other:
        other.login("ben", password)
        other.upload(theirs / "meeting.wav")
        assert other.transcribe() == "done"
        expect(other.page.locator("#wt-no-speech")).to_be_visible()
        other.page.locator("#wt-history-open").click()
        expect(other.page.locator("#wt-jobs > li")).to_have_count(1)
        other.page.goto(window.page.url)
        expect(other.page.locator("#wt-error")).to_contain_text("no such job")
        job = re.sub(r".*job=", "", window.page.url)
        for path in (f"/api/jobs/{job}/media", f"/ui/peaks/{job}", f"/api/jobs/{job}/export/txt"):
            assert other.page.request.get(site.address + path).status == 404
