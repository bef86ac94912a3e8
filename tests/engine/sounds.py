"""Media files for the tests, made when they are needed."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 16_000
Samples = npt.NDArray[np.int16]


def read_wav(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def write_wav(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setframerate(RATE)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(samples.tobytes())
    return path


def joined(paths: Sequence[Path], pause: float) -> Samples:
    """The recordings one after another, with `pause` seconds of silence before each and at the end."""
    silent = silence(pause)
    return np.concatenate([part for path in paths for part in (silent, read_wav(path))] + [silent])


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def noise(seconds: float) -> Samples:
    return np.random.default_rng(1).normal(0, 1500, round(seconds * RATE)).astype(np.int16)


def encode(path: Path, samples: Samples, *, form: str, codec: str, rate: int = 44_100, video: bool = False) -> Path:
    """Encode as stereo; with `video`, two seconds of a grey picture lie beside it."""
    with av.open(str(path), "w", format=form) as container:
        picture = None
        if video:
            picture = container.add_stream("mpeg4", rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=rate)
        sound.codec_context.layout = "stereo"
        if picture:
            for _ in range(20):
                frame = av.VideoFrame(64, 48, "yuv420p")
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        _mux(container, sound, samples, rate)
    return path


def video_only(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            container.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(picture.encode(None))
    return path


def _mux(container: av.container.OutputContainer, stream: av.AudioStream, samples: Samples, rate: int) -> None:
    frame = av.AudioFrame.from_ndarray(samples.repeat(2).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = RATE
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format or "fltp", layout="stereo", rate=rate)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))
