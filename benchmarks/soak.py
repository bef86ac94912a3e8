"""`python -m benchmarks.soak --minutes 30`: clips without end from several clients; nothing may grow.

One line for each turn. Exit status 1 when memory, files or threads are more in the last third of the turns than in the
middle one, or when a clip failed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from . import corpus, processes, serving
from .__main__ import FOLDER, weights_of

CLIENTS = 8
MARGIN = 1.05  # of the middle third's median: allocators breathe
FEWEST_TURNS = 6


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--models", type=Path, default=FOLDER / "models")
    parser.add_argument("--model", default="tiny.en")
    chosen = parser.parse_args(arguments)
    weights_of(chosen.models, chosen.model)
    clips = corpus.clips(FOLDER, (5, 8, 12, 20) * 4)
    turns: list[tuple[float, int, int]] = []
    failed = 0
    with serving.serving(chosen.models, chosen.device) as server:
        end = time.monotonic() + 60 * chosen.minutes
        while time.monotonic() < end or len(turns) < FEWEST_TURNS:
            seen = serving.load(server, clips, CLIENTS)
            failed += len(seen.errors)
            files, threads = processes.handles(server.pid)
            turns.append((processes.memory_mib(server.pid), files, threads))
            print(
                f"{time.strftime('%H:%M:%S')} {turns[-1][0]:.0f} MiB, {files} files, {threads} threads, "
                f"{sum(c.seconds for c in clips) / seen.seconds:.0f}x, {len(seen.errors)} failed",
                flush=True,
            )
    third = len(turns) // 3
    grown = []
    for number, name in enumerate(("MiB", "files", "threads")):
        middle, last = (
            statistics.median(turn[number] for turn in part) for part in (turns[third : 2 * third], turns[2 * third :])
        )
        print(f"{name}: {middle:.0f} in the middle third, {last:.0f} in the last")
        if last > MARGIN * middle:
            grown.append(name)
    if grown or failed:
        print(f"not flat: {', '.join(grown) or 'nothing'} grew, {failed} clips failed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
