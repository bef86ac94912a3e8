"""The packages we are compared with, and our own engine, each in a process of its own with the model loaded.

    python -m benchmarks.peers NAME WEIGHTS DEVICE     one path a line on standard input, one JSON line for each

All take beam 5, English and their own temperature ladder. `seconds` are of the wall clock, `cpu` of all processors.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import processes

ROOT = Path(__file__).parents[1]
OURS, OURS_REFERENCE = "ours", "ours-openai"
ALONE, PINNED = "ours-one-device", "ours-pinned-devices"
SPLIT = "ours-workers-"  # and how many
OPENAI, SEQUENTIAL, BATCHED = "openai-whisper", "faster-whisper", "faster-whisper-batched"
Heard = Iterable[str]  # pieces of text as they come


@dataclass(frozen=True, slots=True)
class Run:
    """One recording through one engine."""

    seconds: float
    cpu: float
    first: float  # seconds until the first text
    text: str


class Peer:
    """A process that transcribes one file after another."""

    def __init__(self, name: str, weights: Path, device: str) -> None:
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers", name, str(weights), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._answer()  # loaded

    def run(self, *media: Path) -> list[Run]:
        """One after another."""
        return [self._transcribe(path) for path in media]

    def _transcribe(self, media: Path) -> Run:
        assert self._process.stdin
        self._process.stdin.write(f"{media}\n")
        self._process.stdin.flush()
        return Run(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))}: ended")  # type: ignore[arg-type]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate()


def _faster(weights: Path, device: str, batched: bool) -> Callable[[str], Heard]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    compute = "float16" if device == "cuda" else "int8"
    model = WhisperModel(str(weights), device=device, compute_type=compute, cpu_threads=os.cpu_count() or 1)
    if not batched:
        return lambda path: (s.text for s in model.transcribe(path, language="en", beam_size=5)[0])
    pipeline = BatchedInferencePipeline(model)
    # The setting that keeps most words: chunks of 15 s with time stamps.
    keep: dict[str, Any] = {"batch_size": 8, "chunk_length": 15, "without_timestamps": False}
    return lambda path: (s.text for s in pipeline.transcribe(path, language="en", beam_size=5, **keep)[0])


def _openai(checkpoint: Path, device: str) -> Callable[[str], Heard]:
    import numpy as np
    import whisper
    from faster_whisper.audio import decode_audio  # its own way would need the ffmpeg command

    model = whisper.load_model(str(checkpoint), device=device)

    def transcribe(path: str) -> Heard:
        samples: np.ndarray[Any, Any] = decode_audio(path)
        return [str(whisper.transcribe(model, samples, language="en", beam_size=5, fp16=device == "cuda")["text"])]

    return transcribe


def _ours(models: Path, name: str, device: str) -> Callable[[str], Heard]:
    from concurrent.futures import as_completed

    from service_app.engine import Engine
    from service_app.types import Lane, Options

    cores = os.sched_getaffinity(0)
    if name == ALONE and device == "cpu":
        os.sched_setaffinity(0, {min(cores)})  # one worker of one thread
    engine = Engine(
        models_dir=models,
        device="cuda:0" if (name, device) == (ALONE, "cuda") else device,
        engine="openai-whisper" if name == OURS_REFERENCE else "faster-whisper",
        workers=int(name.removeprefix(SPLIT)) if name.startswith(SPLIT) else None,
    )
    os.sched_setaffinity(0, cores)
    engine.start()
    atexit.register(engine.stop)
    while not engine.status().ready:
        time.sleep(0.05)
    if name in (ALONE, PINNED) and device == "cpu":
        processes.pin(engine.processes)
    options = Options(language="en")

    def transcribe(path: str) -> Heard:
        with TemporaryDirectory() as folder:
            media = Path(folder) / "media"
            media.symlink_to(path)
            plan = engine.plan(media, options)
            futures = [
                engine.decode(media, window, plan, options, lane=Lane.API, owner="bench") for window in plan.windows
            ]
            done = {}
            for future in as_completed(futures):
                result = future.result()
                done[result.window.index] = "".join(segment.text for segment in result.segments)
                yield ""
            yield "".join(done[window.index] for window in plan.windows)

    return transcribe


def _transcriber(name: str, weights: Path, device: str) -> Callable[[str], Heard]:
    match name:
        case _ if name.startswith(OURS):
            return _ours(weights, name, device)
        case "openai-whisper":
            return _openai(weights, device)
        case _:
            return _faster(weights, device, batched=name == BATCHED)


def main(name: str, weights: str, device: str) -> None:
    transcribe = _transcriber(name, Path(weights), device)
    print("{}", flush=True)
    for line in sys.stdin:
        began, burnt = time.perf_counter(), processes.cpu_seconds(os.getpid())
        first = 0.0
        parts = []
        for part in transcribe(line.strip()):
            first = first or time.perf_counter() - began
            parts.append(part)
        seconds = time.perf_counter() - began
        answer = {
            "seconds": seconds,
            "cpu": processes.cpu_seconds(os.getpid()) - burnt,
            "first": first or seconds,
            "text": "".join(parts),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
