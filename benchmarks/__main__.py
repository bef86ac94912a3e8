"""`python -m benchmarks [--json] [--short] [--only MEASURE] [--rounds N] [--device cpu|cuda]`

One run: peers and ours in turn on the same recordings, medians, ratios against the goals. Progress, with each row as it
is known, goes to standard error. Exit status 1 when a goal was missed. The demo weights (Whisper tiny.en) serve, or
`--models FOLDER --model NAME`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .measures import MEASURES, Bench, Row

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".cache" / "bench"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against peers and limits.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--short", action="store_true", help="a minute instead of half an hour: for CI, ratios only")
    parser.add_argument("--only", choices=sorted(MEASURES), help="one of the measures")
    parser.add_argument("--rounds", type=int, help="how often everything is repeated (default: 3, short: 1)")
    parser.add_argument("--seconds", type=float, help="of the long recording (default: 600, short: 60)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--models", type=Path, default=FOLDER / "models", help="folder with both engines' weights")
    parser.add_argument("--model", default="tiny.en", help="whose weights are in it (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    bench = Bench(
        folder=FOLDER,
        weights=weights_of(chosen.models, chosen.model),
        models=chosen.models,
        device=chosen.device,
        rounds=chosen.rounds or (1 if chosen.short else 3),
        short=chosen.short,
        seconds=chosen.seconds or (60.0 if chosen.short else 600.0),
        say=lambda what: print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True),
    )
    facts = machine()  # before: the load is others'
    rows = []
    for name, measure in MEASURES.items():
        if chosen.only in (None, name):
            for row in measure(bench):
                rows.append(row)
                bench.say(line(row))  # should a later measure fail, this one is not lost
    print(json.dumps(_document(rows, facts), indent=1) if chosen.json else table(rows, facts))
    return 0 if all(row.reached for row in rows) else 1


def weights_of(models: Path, model: str) -> Path:
    """The fast engine's weights, with the reference engine's beside them: made from them where they are missing."""
    from service_app.engine.convert import write_checkpoint
    from service_app.engine.models import installed

    for weights in installed(models):
        if weights.name == model and weights.engine == "faster-whisper":
            checkpoint = models / "openai-whisper" / f"{model}.pt"
            if not checkpoint.exists():
                write_checkpoint(weights.path, checkpoint)
            return weights.path
    raise SystemExit(f"{models}: has no weights of {model} for faster-whisper; install them or name another --model")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    from importlib.metadata import PackageNotFoundError, version

    packages = {}
    for package in ("faster-whisper", "ctranslate2", "openai-whisper", "torch", "openvino"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {
        "processor": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "load_average": round(os.getloadavg()[1], 1),  # of the five minutes before: what others were at
        "python": platform.python_version(),
        "packages": packages,
        "commit": commit.strip(),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _document(rows: list[Row], facts: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "machine": facts, "rows": [asdict(row) | {"reached": row.reached} for row in rows]}


def line(row: Row) -> str:
    sign = "≤" if row.low else "≥"
    digits = 0 if row.unit in (" ms", " MiB", " words", "") else 2
    mark = "reached" if row.reached else "**missed**"
    value, goal = f"{row.value:.{digits}f}{row.unit}", f"{sign} {row.goal:g}{row.unit}"
    return f"| {row.work} | {row.against} | {value} | {goal} | {mark} | {row.detail} |"


def table(rows: list[Row], facts: dict[str, Any]) -> str:
    """Text, also good as Markdown."""
    lines = ["| Work | Against | Result | Goal | | Details |", "|---|---|---|---|---|---|", *map(line, rows)]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    lines += ["", ", ".join(f"{name}: {value}" for name, value in facts.items() if name != "packages"), packages]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
