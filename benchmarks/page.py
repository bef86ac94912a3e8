"""How fast the page is, measured in real Chromium against a server of its own:

    python -m benchmarks.page [--json]

Times hold for a quiet machine; tests/browser asserts what does not depend on it (transfer, hosts, no violations).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.conftest import Site
from tests.browser.page import WhisperPage, browser
from tests.support import recordings

WINDOWS = 20
HOUR = """async (id) => {
  const words = (start) => Array.from({length: 9}, (_, at) =>
    ({start: start + at / 3, end: start + at / 3 + 0.3, text: " word", probability: at % 4 ? 0.9 : 0.2}));
  const segments = Array.from({length: 1200}, (_, at) =>
    ({start: 3 * at, end: 3 * at + 3, text: " word".repeat(9), words: words(3 * at)}));
  await fetch(`/api/jobs/${id}/segments`, {method: "PUT", headers: {"Content-Type": "application/json"},
    body: JSON.stringify({version: 0, segments})});
}"""
# From the key to the picture: the frame after the change has been produced when the message arrives.
KEYS = """async () => {
  document.querySelectorAll("#wt-segments p")[600].focus();
  const lags = [];
  for (let count = 0; count < 100; count += 1) {
    const begun = performance.now();
    document.execCommand("insertText", false, "a");
    await new Promise((done) => requestAnimationFrame(() => {
      const {port1, port2} = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    }));
    lags.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 60));
  }
  return lags.sort((a, b) => a - b);
}"""


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        figures = starting(site)
        try:
            with browser() as chromium:
                for part in (loading, first_text, typing, together):
                    figures |= part(chromium, site)
        finally:
            site.stop()
        return {name: round(value, 3) for name, value in figures.items()}


def starting(site: Site) -> dict[str, float]:
    """From the process's start to its first answer, and until the page and the model are loaded."""
    begun = time.monotonic()

    def answered() -> float:
        while True:
            try:
                with urllib.request.urlopen(f"{site.address}/login", timeout=10):
                    return time.monotonic() - begun
            except OSError:
                time.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(answered)
        site.start()
        return {"start to first answer, s": first.result(), "start to page and model, s": time.monotonic() - begun}


def loading(chromium: Browser, site: Site) -> dict[str, float]:
    """Usable: both cards and the button are there. Transfer: bytes on the wire, by the browser."""
    with WhisperPage.open(chromium, site.address) as window:
        session = window.context.new_cdp_session(window.page)
        received: list[float] = []
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        session.send("Network.enable")
        window.page.goto(site.address)
        window.page.locator("#username").fill(site.user)
        window.page.locator("#password").fill(site.password)
        received.clear()
        begun = time.monotonic()
        window.page.locator("button[type=submit]").click()
        window.ready()
        cold = time.monotonic() - begun
        window.page.wait_for_load_state("networkidle")
        transfer, requests = sum(received), len(received)
        warm = []
        for _ in range(5):
            begun = time.monotonic()
            window.page.goto(site.address)
            window.ready()
            warm.append(time.monotonic() - begun)
        return {
            "usable cold (with the login), s": cold,
            "usable warm, s": statistics.median(warm),
            "transfer, kB": transfer / 1000,
            "requests": requests,
            "other hosts": len(window.hosts) - 1,
        }


def first_text(chromium: Browser, site: Site) -> dict[str, float]:
    with WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        window.upload(recordings.sonnet())
        begun = time.monotonic()
        window.press()
        window.page.locator("#wt-segments p").first.wait_for(state="attached")
        shown, first = time.time(), time.monotonic() - begun
        window.finished()
        job = window.page.request.get(f"{site.address}/api/jobs/{window.page.url.split('job=')[1]}").json()
        return {"first text after the press, s": first, "first text after the job's start, s": shown - job["started"]}


def typing(chromium: Browser, site: Site) -> dict[str, float]:
    with WhisperPage.open(chromium, site.address) as window:
        window.login(site.user, site.password)
        window.upload(recordings.beckett())
        window.transcribe()
        window.page.evaluate(HOUR, window.page.url.split("job=")[1])
        window.page.reload()
        window.finished()
        window.page.locator("#wt-edit").click()
        lags: list[float] = window.page.evaluate(KEYS)
        return {"a key in 10,800 words, median ms": lags[50], "a key in 10,800 words, p95 ms": lags[95]}


def together(chromium: Browser, site: Site) -> dict[str, float]:
    """Twenty logged-in windows, each following a job; how long the server's answers to one more take meanwhile."""
    windows = []
    for _ in range(WINDOWS):
        window = WhisperPage.open(chromium, site.address)
        window.login(site.user, site.password)
        window.upload(recordings.beckett())
        windows.append(window)
    for window in windows:
        window.press()
    times = []
    for _ in range(100):
        begun = time.monotonic()
        with urllib.request.urlopen(f"{site.address}/healthz", timeout=10):
            times.append(time.monotonic() - begun)
    states = [window.finished() for window in windows]
    for window in windows:
        window.context.close()
    return {
        f"{WINDOWS} windows, jobs done": states.count("done"),
        f"{WINDOWS} windows, answer p95 ms": sorted(times)[94] * 1000,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="How fast the page is.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = measure()
    if chosen.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36}{value:>10}")


if __name__ == "__main__":
    main()
