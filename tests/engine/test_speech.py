from __future__ import annotations

import numpy as np
import pytest

from service_app.engine.pcm import as_float
from service_app.engine.speech import STEP, Detector, model_path, on_onnxruntime, on_openvino
from tests.support import recordings

from . import sounds


@pytest.mark.parametrize("piece", [100, 4096, 300_000])
def test_the_pieces_do_not_matter(piece: int) -> None:
    samples = as_float(sounds.joined([recordings.beckett()] * 3, pause=1.0))
    whole, streamed = Detector(), Detector()
    expected = np.concatenate([whole.feed(samples), whole.finish()])
    parts = [streamed.feed(samples[at : at + piece]) for at in range(0, len(samples), piece)]
    assert len(expected) == -(-len(samples) // STEP)
    np.testing.assert_allclose(np.concatenate([*parts, streamed.finish()]), expected, atol=1e-3)


def test_nothing_gives_nothing() -> None:
    detector = Detector()
    assert len(detector.feed(np.empty(0, np.float32))) == 0
    assert len(detector.finish()) == 0


def test_both_libraries_give_the_same_probabilities() -> None:
    samples = as_float(sounds.joined([recordings.beckett()] * 3, pause=1.0))
    one, other = Detector(on_onnxruntime(model_path())), Detector(on_openvino(model_path()))
    found = [np.concatenate([detector.feed(samples), detector.finish()]) for detector in (one, other)]
    assert max(found[0]) > 0.9
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
