"""An engine for tests that need no speech: it follows the contract of docs/architecture.md, takes the time that the
"recording" asks for, and writes every decoded window into a file, which outlives a killed server.

A recording for it is the text `SPEECH <windows> <seconds for each>`; anything else is refused as not audio. Where the
text before is the prompt, each window says what came before it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI

from service_app.app import Services, create_app
from service_app.errors import UnsupportedMedia
from service_app.settings import Settings
from service_app.types import (
    DeviceStatus,
    EngineStatus,
    Lane,
    ModelInfo,
    Options,
    Plan,
    Segment,
    Window,
    WindowResult,
    Word,
)

WINDOW_SECONDS = 10.0


class TimedEngine:
    def __init__(self, settings: Settings) -> None:
        self._record = settings.data_dir / "decoded.txt"
        self._lock = threading.Lock()
        self._device = ThreadPoolExecutor(2)
        self._loaded = not os.environ.get("TIMED_ENGINE_NEVER_READY")

    def start(self) -> None: ...

    def stop(self) -> None:
        self._device.shutdown(wait=False, cancel_futures=True)

    def status(self) -> EngineStatus:
        reason = "" if self._loaded else "loading the model"
        return EngineStatus(self._loaded, reason, "timed", "timed", (DeviceStatus("cpu:0", self._loaded),))

    def models(self) -> tuple[ModelInfo, ...]:
        return (ModelInfo("timed", ("timed",), multilingual=True, default=True),)

    def plan(self, path: Path, options: Options, *, cancelled: Callable[[], bool]) -> Plan:
        words = path.read_bytes()[:100].split()
        if not words or words[0] != b"SPEECH":
            raise UnsupportedMedia("not_audio", zh="不是音频文件。", en="This is not audio.", param="file")
        if words[1] == b"DIE":
            os._exit(9)
        windows = tuple(Window(n, n * WINDOW_SECONDS, (n + 1) * WINDOW_SECONDS) for n in range(int(words[1])))
        seconds = len(windows) * WINDOW_SECONDS
        return Plan(seconds, seconds, options.language or "en", 1.0, windows)

    def decode(
        self,
        path: Path,
        window: Window,
        plan: Plan,
        options: Options,
        *,
        lane: Lane,
        owner: str,
        previous: tuple[int, ...] = (),
        cancelled: Callable[[], bool],
    ) -> Future[WindowResult]:
        if options.condition_on_previous_text:
            return self._device.submit(lambda: _after(previous, self._decode(path, window, options, cancelled)))
        return self._device.submit(self._decode, path, window, options, cancelled)

    def move(self, path: Path, lane: Lane) -> None:
        with self._lock, self._record.with_name("moved.txt").open("a") as record:
            record.write(f"{path.parent.name} {lane}\n")

    def _decode(self, path: Path, window: Window, options: Options, cancelled: Callable[[], bool]) -> WindowResult:
        if not cancelled():
            threading.Event().wait(float(path.read_bytes()[:100].split()[2]))
            with self._lock, self._record.open("a") as record:
                record.write(f"{path.parent.name} {window.index}\n")
        text = f" window {window.index} <b>一</b>"
        words = (Word(window.start, window.start + 1, " window", 0.9),) if options.word_timestamps else ()
        return WindowResult(window, (Segment(window.start, window.end, text, words=words),))


def _after(previous: tuple[int, ...], result: WindowResult) -> WindowResult:
    """Says what was said before it; a window's only token is its number."""
    before = " ".join(map(str, previous)) or "nothing"
    (segment,) = result.segments
    said = replace(segment, text=f" {result.window.index} after {before}.", tokens=(result.window.index,))
    return WindowResult(result.window, (said,))


def bare_page(app: FastAPI, _services: Services) -> None:
    """Stands where the Gradio page would be."""

    @app.get("/")
    async def index() -> dict[str, str]:
        return {"page": "here"}


if __name__ == "__main__":
    from service_app import serve

    serve.create_app = lambda settings: create_app(
        settings, engine=TimedEngine, page=bare_page, canary_clip=Path(__file__).with_name("clip.wav")
    )  # type: ignore[assignment]
    sys.exit(serve.serve(Settings.from_environment()))
