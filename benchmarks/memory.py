"""`python -m benchmarks.memory --hours 10`: what a very long recording costs in memory above the loaded model.

Reads the whole recording, cuts it, and decodes its first windows, enough to fill every device several times. Exit
status 1 when the peak is more than 300 MiB above what engine and model take before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path
from tempfile import TemporaryDirectory

from service_app.engine import Engine, pcm_path
from service_app.types import Lane, Options

from . import corpus, processes
from .__main__ import FOLDER, weights_of

LIMIT = 300.0  # MiB
MINUTE = 60
LOOK_SECONDS = 0.25


def repeated(clip: Path, times: int, target: Path) -> Path:
    """An MP3 that plays `clip`, an MP3, so many times: its frames stand alone, so the bytes may be strung together."""
    with clip.open("rb") as once, target.open("wb") as out:
        for _ in range(times):
            once.seek(0)
            shutil.copyfileobj(once, out)
    return target


def peak_above(engine: Engine, media: Path, windows: int) -> tuple[float, float, float]:
    """MiB before, MiB above that at the worst, and seconds of the recording."""
    before = processes.memory_mib(os.getpid())
    peak, over = before, threading.Event()

    def weigh() -> None:
        nonlocal peak
        while not over.wait(LOOK_SECONDS):
            peak = max(peak, processes.memory_mib(os.getpid()))

    watcher = threading.Thread(target=weigh)
    watcher.start()
    try:
        options = Options(language="en")
        plan = engine.plan(media, options)
        some = plan.windows[:windows]
        wait([engine.decode(media, w, plan, options, lane=Lane.API, owner="bench") for w in some])
    finally:
        over.set()
        watcher.join()
        pcm_path(media).unlink(missing_ok=True)
    return before, peak - before, plan.duration


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=10)
    parser.add_argument("--windows", type=int, default=64, help="decoded after the reading (default: %(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--models", type=Path, default=FOLDER / "models")
    parser.add_argument("--model", default="tiny.en")
    chosen = parser.parse_args(arguments)
    weights_of(chosen.models, chosen.model)
    clip = corpus.encoded(FOLDER, MINUTE, 1, "mp3", "libmp3lame")
    engine = Engine(models_dir=chosen.models, model=chosen.model, device=chosen.device, engine="faster-whisper")
    with TemporaryDirectory(dir=FOLDER) as folder:
        media = repeated(clip.path, round(chosen.hours * 60), Path(folder) / "long.mp3")
        engine.start()
        try:
            while not engine.status().ready:
                time.sleep(LOOK_SECONDS)
            warm = corpus.recording(FOLDER, 10 * MINUTE)
            peak_above(engine, warm.path, chosen.windows)  # libraries keep what their first full batches take
            began = time.monotonic()
            before, above, seconds = peak_above(engine, media, chosen.windows)
        finally:
            engine.stop()
    print(
        f"{seconds / 3600:.2f} hours: {above:.0f} MiB above {before:.0f} MiB (limit {LIMIT:.0f}), "
        f"read and {chosen.windows} windows decoded in {time.monotonic() - began:.0f} s"
    )
    return 0 if above <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
