"""Which processor time is the models', which is ours: two steps run inside processes that do other things too, so they
are done again here, on the same recordings, and their time is taken from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from service_app.engine import windows
from service_app.engine.extract import Reader
from service_app.engine.pcm import RATE, as_float
from service_app.engine.speech import Detector, Network, load

from .corpus import Clip

BLOCK = RATE // 2  # samples, as the reader hands them over
TURNS = 3  # of which the quickest counts


def detecting(clips: Iterable[Clip]) -> float:
    """CPU seconds that the speech detector, a network too, takes for these recordings."""
    network = load()  # which a server does once
    return sum(_quickest(partial(_probabilities, _samples(clip), network)) for clip in clips)


def features(clips: Iterable[Clip]) -> float:
    """CPU seconds of the spectrograms that go into the model."""
    from faster_whisper.feature_extractor import FeatureExtractor

    extractor, network = FeatureExtractor(), load()
    total = 0.0
    for samples in map(_samples, clips):
        spans = windows.cut(_probabilities(samples, network))
        pieces = [samples[round(a * RATE) : round(b * RATE)] for a, b in (_seconds(span, samples) for span in spans)]
        total += sum(_quickest(partial(extractor, piece)) for piece in pieces)
    return total


def _samples(clip: Clip) -> npt.NDArray[np.float32]:
    return as_float(np.concatenate(list(Reader(clip.path))))


def _seconds(span: windows.Span, samples: npt.NDArray[np.float32]) -> tuple[float, float]:
    return windows.seconds(span, len(samples) / RATE)


def _probabilities(samples: npt.NDArray[np.float32], network: Network) -> npt.NDArray[np.float32]:
    detector = Detector(network)
    found = [detector.feed(samples[start : start + BLOCK]) for start in range(0, len(samples), BLOCK)]
    return np.concatenate([*found, detector.finish()])


def _quickest(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(TURNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
