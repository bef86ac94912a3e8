"""Takes the pictures of the page that the documents show, from a running server:

python -m docs.images.make_screenshots http://127.0.0.1:7860 USER < password-file
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser.page import open_page
from tests.support import recordings


def main(address: str, user: str) -> None:
    password = sys.stdin.readline().removesuffix("\n")
    with open_page(address, width=1200, height=640) as window:
        window.login(user, password)
        window.upload(recordings.beckett())
        window.transcribe()
        # The player has read the recording's length.
        window.page.wait_for_function("document.querySelector('.wt-transcript audio').duration > 0")
        window.page.mouse.move(600, 620)
        window.page.screenshot(path=Path(__file__).with_name("page.png"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m docs.images.make_screenshots ADDRESS USER < password-file")
    main(sys.argv[1], sys.argv[2])
