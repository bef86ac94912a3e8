"""The text before as the prompt: what the model is given, and that nothing beside a window matters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from service_app.engine import Engine
from service_app.engine.backends import Decode, Hypothesis
from service_app.engine.decoding import Request, decode
from service_app.engine.pcm import RATE
from service_app.engine.transcript import carried
from service_app.types import Lane, Options, Segment, Window, WindowResult
from tests.support import recordings

from . import sounds
from .conftest import running, text, transcribe

CHAIN = Options(condition_on_previous_text=True)
STAMP = 1000  # of the fake model: the token of 0.00 s
LATER = STAMP + 500  # 10 s


class Fake:
    """A word is a token, its length. Of a window of 20 s it first writes ten seconds."""

    timestamp_begin = STAMP
    context_limit = 8

    def __init__(self, logprob: float = -0.1) -> None:
        self.given: list[Decode] = []
        self._logprob = logprob

    def tokens(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(f" {token}" for token in tokens)

    def encode(self, audio: Sequence[object], step: object, prompted: object = ()) -> list[int]:
        return [len(samples) // RATE for samples in audio]  # type: ignore[arg-type]

    def rows(self, encoded: list[int], indices: Sequence[int]) -> list[int]:
        return [encoded[index] for index in indices]

    def generate(self, encoded: list[int], how: Decode) -> list[Hypothesis]:
        self.given += [how for _ in encoded]
        logprob = self._logprob if how.temperature < 0.6 else -0.1
        first = (STAMP, 71, 72, LATER, LATER, 73)
        return [
            Hypothesis(first if seconds > 10 else (STAMP, 81, LATER), logprob, no_speech_prob=0.0)
            for seconds in encoded
        ]


def given(fake: Fake, options: Options, previous: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The prompts of a window's two pieces, as they were decoded in the end."""
    request = Request(Window(0, 0.0, 20.0), np.zeros(20 * RATE, np.float32), "en", options, previous)
    (segments,) = decode(fake, [request])  # type: ignore[arg-type]
    assert [segment.text for segment in segments] == [" 71 72", " 81"]
    last = fake.given[-1].temperature
    return [how.context for how in fake.given if how.temperature == last]


def test_a_window_and_the_rest_of_it_go_on_from_the_text_before() -> None:
    assert given(Fake(), CHAIN, (1, 2, 3)) == [(1, 2, 3), (1, 2, 3, 71, 72)]
    assert given(Fake(), CHAIN, ()) == [(), (71, 72)]
    assert given(Fake(), Options(), (1, 2, 3)) == [(), ()]


def test_the_text_before_comes_last_and_is_cut_to_its_end() -> None:
    long = tuple(range(1, 20))
    assert given(Fake(), CHAIN, long) == [long[-8:], (*long[-6:], 71, 72)]
    named = Options(condition_on_previous_text=True, hotwords=("Al", "Bob"), prompt="a note")
    assert given(Fake(), named, long) == [(3, 3, 1, 4, *long[-4:]), (3, 3, 1, 4, *long[-2:], 71, 72)]
    full = Options(condition_on_previous_text=True, prompt="a b c d e f g h i")
    assert given(Fake(), full, long) == [(1,) * 8, (1,) * 8]


def test_nothing_is_carried_over_a_guess() -> None:
    assert given(Fake(logprob=-2.0), CHAIN, (1, 2, 3)) == [(1, 2, 3), ()]


def chained(engine: Engine, media: Path) -> list[WindowResult]:
    """As the jobs do it: each window when the one before has its text."""
    plan = engine.plan(media, CHAIN)
    results: list[WindowResult] = []
    said: list[Segment] = []
    for window in plan.windows:
        future = engine.decode(media, window, plan, CHAIN, lane=Lane.BULK, owner="ann", previous=carried(said))
        results.append(future.result(timeout=120))
        said += results[-1].segments
    return results


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    paths = [path for path, _ in recordings.librivox()] * 2
    (tmp_path / "chain").mkdir()
    return sounds.write_wav(tmp_path / "chain" / "media", sounds.joined(paths, pause=1.0))


@pytest.mark.weights
@pytest.mark.parametrize("name", ["fast", "reference"])
def test_the_text_before_shapes_the_spelling(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    engine: Engine = request.getfixturevalue(name)
    media = tmp_path / "media"
    media.write_bytes(recordings.librivox()[0][0].read_bytes())
    plan, plain = transcribe(engine, media, CHAIN)
    assert "Mr. John Dashwood" in text(plain)
    _, prompted = transcribe(engine, media, Options(prompt="Mister Jon Dashwood", hotwords=("Dashwood",)))
    before = prompted[0].segments[0].tokens
    future = engine.decode(media, plan.windows[0], plan, CHAIN, lane=Lane.API, owner="ann", previous=before)
    assert "Jon Dashwood" in "".join(segment.text for segment in future.result(timeout=60).segments)


@pytest.mark.weights
def test_a_chain_is_the_same_whatever_is_decoded_beside_it(fast: Engine, sentences: Path, tmp_path: Path) -> None:
    alone = chained(fast, sentences)
    assert len(alone) > 2
    assert alone != transcribe(fast, sentences)[1], "the text before changed nothing"
    other = tmp_path / "other" / "media"
    other.parent.mkdir()
    other.write_bytes(sentences.read_bytes())
    plan = fast.plan(other, Options())
    beside = [
        fast.decode(other, window, plan, options, lane=Lane.BULK, owner=owner)
        for owner in ("ann", "bob")
        for options in (Options(), CHAIN)
        for window in plan.windows
    ]
    assert chained(fast, sentences) == alone
    for future in beside:
        future.cancel()
    single = running(Engine(models_dir=Path("/nonexistent"), workers=1))
    try:
        assert chained(single, sentences) == alone
    finally:
        single.stop()
