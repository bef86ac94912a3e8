"""The login address in a real browser, from outside, with a microphone: what HTTPS on a bare IP is for."""

from __future__ import annotations

from pathlib import Path

from tests.browser.page import browser
from tests.instance.conftest import PASSWORD, USER
from tests.instance.machine import Machine


def test_page_may_use_the_microphone(started: Machine, tmp_path: Path) -> None:
    microphone = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser_outside = tmp_path / "chromium"
    browser_outside.write_text(f'#!/bin/sh\nexec ip netns exec {started.outside} chromium "$@"\n')
    browser_outside.chmod(0o755)
    with browser(*microphone, program=browser_outside) as chromium:
        page = chromium.new_context(ignore_https_errors=True).new_page()  # "Advanced", "Proceed"
        page.goto(f"https://{started.public_address}/")
        page.fill("input[name=username]", USER)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"https://{started.public_address}/")
        assert page.evaluate("isSecureContext")
        recorded = page.evaluate(
            """async () => {
                const stream = await navigator.mediaDevices.getUserMedia({audio: true});
                const recorder = new MediaRecorder(stream);
                const first = new Promise((done) => { recorder.ondataavailable = (event) => done(event.data.size); });
                recorder.start(200);
                const size = await first;
                stream.getTracks().forEach((track) => track.stop());
                return size;
            }"""
        )
        assert recorded > 0
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert any(cookie["secure"] and cookie["httpOnly"] for cookie in cookies.values())
