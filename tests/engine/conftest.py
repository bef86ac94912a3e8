from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service_app.engine import Engine
from service_app.engine.convert import write_checkpoint
from service_app.engine.media import Extractor
from service_app.engine.models import installed
from service_app.types import Lane, Options, Plan, WindowResult
from tests.support import recordings


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Look until the condition holds; it is an error when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def transcribe(engine: Engine, media: Path, options: Options | None = None) -> tuple[Plan, list[WindowResult]]:
    options = options or Options()
    plan = engine.plan(media, options)
    futures = [engine.decode(media, w, plan, options, lane=Lane.API, owner="ann") for w in plan.windows]
    return plan, [future.result(timeout=120) for future in futures]


def text(results: list[WindowResult]) -> str:
    return "".join(segment.text for result in results for segment in result.segments).strip()


def words(spoken: str) -> list[str]:
    """For comparing what was said: lower case, no punctuation."""
    return "".join(c if c.isalnum() or c == "'" else " " for c in spoken.lower()).split()


def running(engine: Engine) -> Engine:
    engine.start()
    wait_until(lambda: engine.status().ready)
    return engine


@pytest.fixture
def beckett(tmp_path: Path) -> Path:
    """A copy with a folder of its own: the engine writes beside it."""
    media = tmp_path / "media"
    media.write_bytes(recordings.beckett().read_bytes())
    return media


@pytest.fixture(scope="package")
def fast() -> Iterator[Engine]:
    engine = Engine(models_dir=Path("/nonexistent"), workers=2)
    yield running(engine)
    engine.stop()


@pytest.fixture(scope="session")
def reference_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with tiny.en for openai-whisper, made from the demo weights."""
    folder = tmp_path_factory.mktemp("models")
    (demo,) = installed(folder)
    write_checkpoint(demo.path, folder / "openai-whisper" / "tiny.en.pt")
    return folder


@pytest.fixture(scope="package")
def reference(reference_models: Path) -> Iterator[Engine]:
    engine = Engine(models_dir=reference_models, engine="openai-whisper", workers=1)
    yield running(engine)
    engine.stop()


@pytest.fixture(scope="package")
def extractor() -> Iterator[Extractor]:
    extractor = Extractor(max_seconds=120, parallel=2)
    extractor.open()
    yield extractor
    extractor.close()
