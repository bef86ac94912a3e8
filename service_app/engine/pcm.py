"""The samples beside a media file: `<media>.pcm`, 16 kHz, mono, 16 bits, little endian, no header.

Written once when a recording is planned, so that windows are read by position, by any process, also after a restart,
and a long recording is never in memory as a whole. It costs 115 MB of disk an hour and goes when the media goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RATE = 16_000
BYTES_PER_SECOND = 2 * RATE


def pcm_path(media: Path) -> Path:
    """Where the samples of `media` are."""
    return media.with_name(media.name + ".pcm")


def as_float(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """16-bit samples as the floats in -1..1 that Whisper takes."""
    import numpy as np

    return samples.astype(np.float32) / np.float32(32768)


def read(pcm: Path, start: float, end: float) -> npt.NDArray[np.float32]:
    """The samples from `start` to `end` seconds. Raises FileNotFoundError when nothing was written for this media."""
    import numpy as np

    first, last = round(start * RATE), round(end * RATE)
    with pcm.open("rb") as file:
        file.seek(2 * first)
        data = file.read(2 * (last - first))
    return as_float(np.frombuffer(data, "<i2"))
