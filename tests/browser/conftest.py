"""The real server in a process of its own, with real weights, and a browser for the whole run."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from service_app.auth.passwords import hash_password
from tests.browser.page import WhisperPage, browser
from tests.support import recordings

ROOT = Path(__file__).parents[2]
LIMIT_MB = 24


@dataclass(frozen=True)
class Site:
    address: str
    data_dir: Path
    user: str = "ann"
    password: str = "Correct-horse-1"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Site(f"http://127.0.0.1:{port}", folder / "data")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WHISPER_PORT": str(port),
        "WHISPER_DATA_DIR": str(made.data_dir),
        "WHISPER_MODELS_DIR": str(folder / "models"),  # none: the demo package serves
        "WHISPER_MODEL": "tiny.en",
        "WHISPER_ADMIN_USER": made.user,
        "WHISPER_ADMIN_PASSWORD_HASH": hash_password(made.password),
        "WHISPER_MAX_UPLOAD_MB": str(LIMIT_MB),
    }
    log = folder / "app.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "service_app", "serve"], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while not _ready(made):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield made
    finally:
        server.terminate()
        server.wait(30)


def _ready(site: Site) -> bool:
    """The page is loaded too (it answers 503 before), and every device."""
    login = base64.b64encode(f"{site.user}:{site.password}".encode()).decode()
    try:
        for path in ("/readyz", "/"):
            request = urllib.request.Request(site.address + path, headers={"Authorization": f"Basic {login}"})
            with urllib.request.urlopen(request, timeout=10):
                pass
    except urllib.error.URLError:
        return False
    return True


@pytest.fixture(scope="session")
def chromium(beckett: Path) -> Iterator[Browser]:
    """With a microphone that hears the recording over and over."""
    with browser("--host-resolver-rules=MAP whisper.test 127.0.0.1", microphone=beckett) as made:
        yield made


@pytest.fixture
def window(chromium: Browser, site: Site) -> Iterator[WhisperPage]:
    """Logged in, English, on a desktop. At the end: nothing on the console, no other host asked."""
    with WhisperPage.open(chromium, site.address) as page:
        page.login(site.user, site.password)
        yield page
        page.assert_clean()


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
