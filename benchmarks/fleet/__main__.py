"""`python -m benchmarks.fleet [--gpus N…] [--load 0.45] [--hours 0 24] [--seed 1] [--json]`: the table of sizes.

--measure   what a window costs a real PostgreSQL here (limits.py has the figures of the last time)
--check     the simulation against real nodes here: fitted on one, foretold for four, then run
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

from .limits import Need, needs, posted
from .model import DAY, LANES, Failures, Outcome, Service, day, simulate

# An A10 with large-v2 in float16, after benchmarks/plan.md: 0.67 s for one window, 60 times real time in batches of 16.
A10 = Service(fixed=0.446, each=0.224, batch=16)
FAILURES = Failures(every=30 * 86400.0)
SIZES = (1, 2, 4, 16, 64, 256, 1000)
WHOLE_DAY = 64  # GPUs; of larger fleets only the busiest hours of an office are simulated
OFFICE = (9, 12)


@dataclass(frozen=True)
class Row:
    gpus: int
    hours: tuple[int, int]
    outcome: Outcome

    @property
    def whole_day(self) -> bool:
        return self.hours == (0, 24)

    @property
    def speed(self) -> float:
        """Hours of audio an hour."""
        return self.outcome.audio / 3600 / (self.hours[1] - self.hours[0])

    @property
    def used(self) -> float:
        return self.outcome.busy / self.gpus / (self.outcome.end - self.hours[0] * 3600)

    @property
    def cost(self) -> float:
        """GPU-hours paid for a hundred hours of audio."""
        return self.gpus * (self.hours[1] - self.hours[0]) / (self.outcome.audio / 360_000)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="From one GPU to a thousand.")
    parser.add_argument("--gpus", type=int, nargs="+", default=list(SIZES), help="sizes of the fleet")
    parser.add_argument("--load", type=float, default=0.45, help="of what the GPUs could do in a day")
    parser.add_argument("--hours", type=int, nargs=2, metavar=("FROM", "TO"), help="of the day (default: by size)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", action="store_true", help="ask a real PostgreSQL what windows cost it")
    parser.add_argument("--check", action="store_true", help="compare with real nodes")
    chosen = parser.parse_args(arguments)
    if chosen.measure:
        from .measure import measure

        print(json.dumps(asdict(measure()), indent=1))
        return 0
    if chosen.check:
        from .check import check

        return check(say=lambda line: print(line, flush=True))
    rows = []
    for gpus in chosen.gpus:
        print(f"{gpus} GPUs", file=sys.stderr, flush=True)
        rows.append(row(gpus, chosen.load, tuple(chosen.hours or ()), chosen.seed))
    print(
        json.dumps([_document(each, needs_of(each, rows)) for each in rows], indent=1) if chosen.json else table(rows)
    )
    return 0


def row(gpus: int, load: float, hours: tuple[int, ...], seed: int) -> Row:
    first, last = hours or ((0, 24) if gpus <= WHOLE_DAY else OFFICE)
    arrivals = day(load * A10.realtime * 86400 * gpus, seed, DAY, range(first, last))
    return Row(gpus, (first, last), simulate(arrivals, gpus, A10, FAILURES, seed))


def needs_of(each: Row, rows: list[Row]) -> list[Need]:
    """Where the night was not simulated its board is that of the smaller fleets, which grows as they do."""
    nights = [posted(other.outcome) / other.gpus for other in rows if other.whole_day]
    board = 0.0 if each.whole_day or not nights else each.gpus * max(nights)
    return needs(each.outcome, A10, board)


def first_limit(found: list[Need]) -> Need:
    return max(found, key=lambda need: need.share)


def table(rows: list[Row]) -> str:
    """Text, also good as Markdown."""
    waits = " | ".join(f"{lane} p50 / p95" for lane in LANES)
    lines = [f"| GPUs | Hours | Audio an hour | Used | GPU-hours for 100 h | {waits} | Scarcest | of it |",
             "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for each in rows:
        seen, scarce = each.outcome, first_limit(needs_of(each, rows))
        told = " | ".join(
            f"{_time(seen.percentile(lane, 0.5))} / {_time(seen.percentile(lane, 0.95))}" for lane in LANES
        )
        lines.append(
            f"| {each.gpus} | {each.hours[0]}–{each.hours[1]} | {each.speed:.0f} h | {each.used:.0%} "
            f"| {each.cost:.2f} | {told} | {scarce.what}: {scarce.needed} | {scarce.share:.0%} |"
        )
    lines += ["", f"What {rows[-1].gpus} GPUs ask for while all are busy:", "", "| What | Needed | of what there is |",
              "|---|---|---|"]  # fmt: skip
    lines += [f"| {need.what} | {need.needed} | {need.share:.0%} |" for need in needs_of(rows[-1], rows)]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    return f"{seconds:.0f} s" if seconds < 300 else f"{seconds / 60:.0f} min"


def _document(each: Row, found: list[Need]) -> dict[str, Any]:
    seen = each.outcome
    waits = {lane: [seen.percentile(lane, 0.5), seen.percentile(lane, 0.95)] for lane in LANES}
    return {"gpus": each.gpus, "hours": each.hours, "audio_per_hour": each.speed, "used": each.used, "cost": each.cost,
            "turnaround": waits, "again": seen.again, "needs": [asdict(need) for need in found]}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
