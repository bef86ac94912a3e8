"""The short form of `make torture`."""

from __future__ import annotations

import random
from pathlib import Path

from .torture import torture


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    outcome = torture(tmp_path, jobs=24, kills=3, chance=random.Random(7))
    assert (outcome.jobs, outcome.kills) == (24, 3)
    assert outcome.good, f"{outcome} {outcome.lost} {outcome.wrong}"
