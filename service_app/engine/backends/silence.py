"""The encoder's work is for what is said: the silence that fills a piece up to 30 s is encoded once and put behind it.

    features of 9 s ─▶ encode 11.52 s ─▶ [576, state]  ┐
    silence of 30 s, encoded at the start ─▶ [1500, state] from position 576 on ┴─▶ [1500, state]

The decoder was trained on half a minute and loses last words with less behind them; it hears this half minute as well
as one that was encoded whole (benchmarks/report.md has the errors of both), but not behind a prompt, which it takes for
said more often.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

FRAMES = 3000  # of features: 30 s
MARGIN = 200  # frames of silence that are encoded with what is said: with less, last words are lost
STEP = 128  # frames: few different lengths, as for each the encoder prepares itself once


class Encoder:
    """Encodes pieces of any length up to 30 s as if they were 30 s long.

    `encode` takes [1, mels, frames] and gives [1, frames / 2, state].
    """

    def __init__(self, encode: Callable[[Array], Array], mels: int) -> None:
        self._encode = encode
        self._silence = encode(np.zeros((1, mels, FRAMES), np.float32))[0]

    def __call__(self, features: Array, *, whole: bool = False) -> Array:
        """[1500, state] for the features of one piece, [mels, frames]; `whole`: with all of its silence."""
        frames = features.shape[1]
        length = FRAMES if whole else min(FRAMES, math.ceil((frames + MARGIN) / STEP) * STEP)
        heard = np.zeros((1, len(features), length), np.float32)
        heard[0, :, :frames] = features[:, :length]
        return np.concatenate([self._encode(heard)[0], self._silence[length // 2 :]])
