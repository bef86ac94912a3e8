"""A very long recording in small; `python -m benchmarks.memory --hours 10` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.memory import peak_above, repeated
from service_app.engine import Engine
from service_app.types import Options
from tests.support import recordings

from . import sounds
from .conftest import transcribe

pytestmark = pytest.mark.weights

MINUTES = 20  # 73 MiB as the numbers that the model takes
MOST = 75.0  # MiB


def test_a_long_recording_is_never_in_memory_as_a_whole(fast: Engine, tmp_path: Path) -> None:
    minute = sounds.joined([recordings.sonnet()], pause=7.0)[: 60 * sounds.RATE]
    once = sounds.encode(tmp_path / "once.mp3", minute, form="mp3", codec="libmp3lame", rate=sounds.RATE)
    transcribe(fast, once, Options(language="en"))  # what libraries keep from their first batch
    _, above, seconds = peak_above(fast, repeated(once, MINUTES, tmp_path / "long.mp3"), windows=4)
    assert seconds == pytest.approx(60 * MINUTES, rel=0.02)
    assert above < MOST, above
