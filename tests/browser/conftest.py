"""The real server in a process of its own, with real weights, and one browser for the tests of this folder.

The browser must be closed with the folder: while it is open no other can be opened in this thread, nor asyncio be run.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from service_app.auth.passwords import hash_password
from tests.browser.page import WhisperPage, browser
from tests.support import recordings

ROOT = Path(__file__).parents[2]
LIMIT_MB = 24


@dataclass
class Site:
    """A server of its own on a free port, which stays the same when it is started again."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    under: tuple[str, ...] = ()  # a command to run it under
    server: tuple[str, ...] = ("service_app", "serve")  # the module and its arguments
    user: str = "ann"
    password: str = "Correct-horse-1"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings = {
            "WHISPER_PORT": str(self.port),
            "WHISPER_DATA_DIR": str(self.folder / "data"),
            "WHISPER_MODELS_DIR": str(self.folder / "models"),  # none: the demo package serves
            "WHISPER_MODEL": "tiny.en",
            "WHISPER_ADMIN_USER": self.user,
            "WHISPER_ADMIN_PASSWORD_HASH": hash_password(self.password),
            "WHISPER_MAX_UPLOAD_MB": str(LIMIT_MB),
            **self.settings,
        }

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log = self.folder / "app.log"
        command = [*self.under, sys.executable, "-m", *self.server]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **self.settings}
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        deadline = time.monotonic() + 60
        while not self._ready():
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process
        self.process.send_signal(how)
        self.process.wait(30)

    def _ready(self) -> bool:
        """The page is loaded too (it answers 503 before), and every device."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        try:
            for path in ("/readyz", "/"):
                request = urllib.request.Request(self.address + path, headers={"Authorization": f"Basic {login}"})
                with urllib.request.urlopen(request, timeout=10):
                    pass
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    site.start()
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(Site(tmp_path_factory.mktemp("site"))) as made:
        yield made


@pytest.fixture(scope="package")
def chromium(beckett: Path) -> Iterator[Browser]:
    """With a microphone that hears the recording over and over."""
    with browser("--host-resolver-rules=MAP whisper.test 127.0.0.1", microphone=beckett) as made:
        yield made


@pytest.fixture(scope="package")
def desk(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """Logged in; where every `window` opens: what the first has loaded, the others have at once."""
    with WhisperPage.open(chromium, site.address) as first:
        first.login(site.user, site.password)
        first.page.close()
        yield first.context


@pytest.fixture(scope="package")
def login(desk: BrowserContext) -> Any:
    """The cookies of one login."""
    return desk.storage_state()


@pytest.fixture
def window(desk: BrowserContext, site: Site, login: Any) -> Iterator[WhisperPage]:
    """Logged in, English, on a desktop. At the end: nothing on the console, no other host asked."""
    desk.add_cookies(login["cookies"])
    page = WhisperPage.tab(desk, site.address)
    try:
        page.visit()
        yield page
        page.assert_clean()
    finally:
        page.page.evaluate("localStorage.clear()")
        desk.remove_listener("request", page._request)
        desk.set_offline(False)
        desk.clear_permissions()
        desk.clear_cookies()
        page.page.close()


@pytest.fixture(scope="session")
def beckett() -> Path:
    return recordings.beckett()


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory: pytest.TempPathFactory, beckett: Path) -> Path:
    """The recording six times, about a minute: long enough to look at the page while it works."""
    path = tmp_path_factory.mktemp("media") / "minute.wav"
    with wave.open(str(beckett), "rb") as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        once = source.readframes(source.getnframes())
        for _ in range(6):
            target.writeframes(once)
    return path


@pytest.fixture(scope="session")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "silence.wav"
    with wave.open(str(path), "wb") as target:
        target.setparams((1, 2, 16000, 0, "NONE", ""))
        target.writeframes(bytes(2 * 16000 * 5))
    return path
