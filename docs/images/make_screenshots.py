"""Takes the pictures of the page that the documents show, from a running server:

python -m docs.images.make_screenshots http://127.0.0.1:7860 USER < password-file
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser.page import WhisperPage, browser
from tests.support import recordings

FOLDER = Path(__file__).parent
LOCALES = {"en": "en-US", "zh": "zh-CN"}


def main(address: str, user: str) -> None:
    password = sys.stdin.readline().removesuffix("\n")
    with browser() as chromium:
        for language, locale in LOCALES.items():
            with WhisperPage.open(chromium, address, locale=locale, width=1200, height=700) as window:
                _shoot(window, FOLDER / language, user, password)


def _shoot(window: WhisperPage, folder: Path, user: str, password: str) -> None:
    page = window.page
    folder.mkdir(exist_ok=True)

    def shoot(name: str) -> None:
        page.mouse.move(600, 690)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png")

    page.goto(f"{window.address}/login")
    shoot("login")
    window.login(user, password)
    window.upload(recordings.sonnet())
    window.transcribe()
    # The recording is read and its waveform drawn.
    page.wait_for_function("document.querySelector('.wt-player video').duration > 0")
    page.evaluate("document.querySelector('.wt-player video').currentTime = 15.5")
    shoot("page")
    page.locator("#wt-edit").click()
    page.locator("#wt-download").click()
    shoot("edit")
    page.keyboard.press("Escape")
    page.locator("#wt-settings-open").click()
    shoot("settings")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m docs.images.make_screenshots ADDRESS USER < password-file")
    main(sys.argv[1], sys.argv[2])
