"""The server with its real page and an engine that "hears" Chinese: what is said in Chinese when it transcribes, in
English when it translates. A recording for it is a text as for `TimedEngine`.
"""

from __future__ import annotations

import array
import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path

from service_app import serve
from service_app.app import create_app
from service_app.engine.pcm import pcm_path
from service_app.settings import Settings
from service_app.types import Options, Plan, Segment, WindowResult, Word
from tests.app.timed_engine import TimedEngine

CHINESE = ("我們在臺灣,", "今天天氣很好,", "出去走走吧!", "頭髮乾了.")
ENGLISH = (" We are in Taiwan.", " It is fine today; let us go out!", " My hair is dry.")


class Interpreter(TimedEngine):
    def plan(self, path: Path, options: Options, *, cancelled: Callable[[], bool]) -> Plan:
        plan = dataclasses.replace(super().plan(path, options, cancelled=cancelled), language="zh")
        loud = (int(9000 * math.sin(at / 7) * math.sin(at / 300)) for at in range(4000))
        pcm_path(path).write_bytes(array.array("h", loud).tobytes())
        return plan

    def _decode(self, path, window, options: Options, cancelled) -> WindowResult:  # type: ignore[no-untyped-def]
        super()._decode(path, window, options, cancelled)
        said = ENGLISH if options.task == "translate" else CHINESE
        step = (window.end - window.start) / 4
        segments = []
        for number, text in enumerate(said):
            # The second English sentence is the second and the third Chinese one.
            begin = number if said is CHINESE or number < 2 else number + 1
            end = number + 1 if said is CHINESE or number < 1 else number + 2
            start, finish = window.start + begin * step, window.start + end * step
            words = tuple(Word(start, finish, letter, 0.9) for letter in text) if said is CHINESE else ()
            segments.append(Segment(start, finish, text, words=words))
        return WindowResult(window, tuple(segments))


if __name__ == "__main__":
    serve.create_app = lambda settings: create_app(settings, engine=Interpreter)  # type: ignore[assignment]
    sys.exit(serve.serve(Settings.from_environment()))
