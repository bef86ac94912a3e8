"""The short form of the benchmark: only ratios of processor time count here, with room for a busy machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus
from benchmarks.__main__ import FOLDER, weights_of
from benchmarks.peers import OPENAI, OURS, Peer, Run
from benchmarks.words import compare, words

pytestmark = pytest.mark.weights

SECONDS = 26  # with the longest of the spoken pieces that fit the reference's one window
FASTER = 3.0  # the whole benchmark asks for 11 times, on a quiet machine


def once(name: str, weights: Path, media: Path) -> Run:
    peer = Peer(name, weights, "cpu")
    try:
        (run,) = peer.run(media)
    finally:
        peer.close()
    return run


def test_faster_than_the_reference_and_no_word_less() -> None:
    models = FOLDER / "models"
    weights_of(models, "tiny.en")
    FOLDER.mkdir(parents=True, exist_ok=True)
    clip = corpus.recording(FOLDER, SECONDS)
    ours = once(OURS, models, clip.path)
    reference = once(OPENAI, models / "openai-whisper" / "tiny.en.pt", clip.path)
    assert reference.cpu / ours.cpu >= FASTER
    said = words(clip.text)
    assert compare(said, words(ours.text)).deleted <= compare(said, words(reference.text)).deleted + 1
