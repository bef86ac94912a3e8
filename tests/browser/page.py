"""Drives the Whisper page in headless Chromium, as a person would: by what is on the screen.

with open_page(address) as page:
    page.login("admin", "secret")
    page.upload(path)
    page.transcribe()
    print(page.text(), page.download("srt").read_text())
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

# The browser itself must not ask for anything either.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FINAL = ".wt-job:is([data-state=done], [data-state=failed], [data-state=cancelled])"
PATIENCE = 60_000  # ms; for a busy machine, never waited in full


@contextlib.contextmanager
def browser(
    *arguments: str, microphone: Path | None = None, program: Path = Path("/usr/bin/chromium")
) -> Iterator[Browser]:
    """Debian's Chromium. `microphone` is a WAV that it hears in a loop, with the permission granted."""
    if microphone:
        arguments += (
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=[*QUIET, *arguments])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def open_page(address: str, **window: Any) -> Iterator[WhisperPage]:
    """A browser of its own with one window; `window` as in `WhisperPage.open`."""
    with browser() as chromium, WhisperPage.open(chromium, address, **window) as page:
        yield page


@dataclass
class WhisperPage:
    """One user's window. `complaints` are the console's errors and warnings, `hosts` all hosts that were asked."""

    page: Page
    context: BrowserContext
    address: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    @classmethod
    def open(
        cls,
        chromium: Browser,
        address: str,
        *,
        locale: str = "en-US",
        width: int = 1280,
        height: int = 860,
        dark: bool = False,
        tour: bool = False,
        **more: Any,
    ) -> WhisperPage:
        context = chromium.new_context(
            locale=locale,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            **more,
        )
        if not tour:  # the first steps, shown at a first visit
            context.add_init_script("location.protocol === 'about:' || localStorage.setItem('wt-tour', 'seen')")
        return cls.tab(context, address)

    @classmethod
    def tab(cls, context: BrowserContext, address: str) -> WhisperPage:
        """A window of a context that is there."""
        window = cls(context.new_page(), context, address.rstrip("/"))
        window.page.on("console", window._console)
        window.page.on("pageerror", lambda error: window.complaints.append(f"error: {error}"))
        context.on("request", window._request)
        return window

    def __enter__(self) -> WhisperPage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"}:
            self.hosts.add(parts.netloc)

    # -- what a person does --------------------------------------------------------------------------------------

    def login(self, user: str, password: str, path: str = "/") -> None:
        self.page.goto(self.address + path)
        self.page.locator("input[name=username]").fill(user)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("form button[type=submit], form button:not([type])").first.click()
        self.ready()

    def visit(self, path: str = "/") -> None:
        """Opens the page with the login that the window was given."""
        self.page.goto(self.address + path)
        self.ready()

    def ready(self) -> None:
        """Both cards and the button are there, and nothing stands before them."""
        expect(self.page.locator("#wt-browse, .wt-chosen").first).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#wt-start")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#wt-opening")).to_have_count(0, timeout=PATIENCE)

    def upload(self, path: Path) -> None:
        """Chooses a file of the disk; `press` or `transcribe` sends it."""
        self.page.locator("#wt-file").set_input_files(path)

    def press(self) -> None:
        """The button, without waiting for what comes of it."""
        self.page.locator("#wt-start").click()

    def transcribe(self) -> str:
        """Presses the button and waits for the end; the state: "done", "failed" or "cancelled"."""
        self.press()
        return self.finished()

    def finished(self) -> str:
        card = self.page.locator(FINAL)
        card.wait_for(timeout=PATIENCE)
        return card.get_attribute("data-state") or ""

    def text(self) -> str:
        """The words shown, one line for each segment."""
        return "\n".join(line.strip() for line in self.page.locator("#wt-segments p").all_text_contents())

    def times(self) -> list[str]:
        return self.page.locator("#wt-segments .wt-time").all_text_contents()

    def download(self, kind: str) -> Path:
        """A file of the download menu, under the name that the page gives it."""
        if not self.page.locator("#wt-downloads").is_visible():
            self.page.locator("#wt-download").click()
        with self.page.expect_download() as got:
            self.page.locator(f"#wt-download-{kind}").click()
        path = Path(got.value.path()).parent / "named" / got.value.suggested_filename
        got.value.save_as(path)  # lives as long as the browser
        return path

    def choose_language(self, own_name: str) -> None:
        box = self.page.locator("#wt-language input")
        box.click()
        box.fill(own_name)
        self.page.get_by_role("option", name=own_name, exact=True).click()

    def assert_clean(self) -> None:
        """Nothing on the console (a policy violation would be there), and no host asked but the page's own."""
        assert self.complaints == []
        assert self.hosts <= {urlsplit(self.address).netloc}

    def logout(self) -> None:
        self.page.locator("#wt-logout").click()
        self.page.wait_for_url("**/login*")
