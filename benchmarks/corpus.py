"""The recordings of the benchmark: real speech (see tests/support/recordings.py) put together the same way every time.

pieces (25 s, 10 s, 53 s of three speakers) ─▶ shuffled with pauses ─▶ a ten-minute recording, 16 clips of 5 to 60 s
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.engine.sounds import RATE, Samples, encode, read_wav, write_wav
from tests.support import recordings

PAUSES = (0.3, 0.5, 0.8, 1.2, 2.0, 2.5)  # seconds between two pieces
LONG_PAUSE = 8.0  # now and then nobody speaks
HISS = 4.0  # amplitude of 32768: a microphone is never quite silent
CLIP_SECONDS = (5, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60)  # 394 s in all
# What phones, browsers and recorders make; an m4a has its index at the end, so it cannot be read from a pipe.
FORMATS = (("wav", "pcm_s16le"), ("ipod", "aac"), ("mp3", "libmp3lame"), ("webm", "libopus"), ("flac", "flac"))
SUFFIX = {"wav": ".wav", "ipod": ".m4a", "mp3": ".mp3", "webm": ".webm", "flac": ".flac"}
OPUS_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Clip:
    path: Path
    seconds: float
    text: str  # what is said


def recording(folder: Path, seconds: float, seed: int = 1) -> Clip:
    """Speech with pauses of exactly `seconds`, as 16 kHz WAV."""
    path = folder / f"speech-{seconds:g}-{seed}.wav"
    samples, text = _speech(seconds, seed)
    if not path.exists():
        write_wav(path, samples)
    return Clip(path, seconds, text)


def clips(folder: Path, lengths: tuple[int, ...] = CLIP_SECONDS) -> list[Clip]:
    """Recordings of these lengths in all formats in turn, in mixed order."""
    made = [
        encoded(folder, seconds, 100 + number, *FORMATS[number % len(FORMATS)])
        for number, seconds in enumerate(lengths)
    ]
    random.Random(16).shuffle(made)
    return made


def encoded(folder: Path, seconds: float, seed: int, form: str, codec: str) -> Clip:
    """One recording in a format of libavformat."""
    path = folder / f"clip-{seconds:g}-{seed}{SUFFIX[form]}"
    samples, text = _speech(seconds, seed)
    if not path.exists():
        encode(path, samples, form=form, codec=codec, rate=OPUS_RATE if codec == "libopus" else 44_100)
    return Clip(path, float(seconds), text)


def _speech(seconds: float, seed: int) -> tuple[Samples, str]:
    wanted = round(seconds * RATE)
    parts: list[Samples] = []
    said: list[str] = []
    filled = 0
    for part, text in _pieces(random.Random(seed), longest=seconds):
        if filled + len(part) > wanted:
            if wanted - filled < 3 * RATE:
                break
            continue
        parts.append(part)
        said.append(text)
        filled += len(part)
    parts.append(np.zeros(wanted - filled, np.int16))
    hiss = np.random.default_rng(seed).normal(0, HISS, wanted)
    return np.clip(np.concatenate(parts) + hiss, -32768, 32767).astype(np.int16), " ".join(said)


def _pieces(chance: random.Random, longest: float) -> Iterator[tuple[Samples, str]]:
    """Speech and pauses in turn, without end; every piece once before any comes again."""
    spoken = [(recordings.beckett(), recordings.BECKETT_TEXT), (recordings.sonnet(), recordings.SONNET_TEXT)]
    every = [(read_wav(path), text) for path, text in (*spoken, *recordings.librivox())]
    pieces = [(samples, text) for samples, text in every if len(samples) <= longest * RATE]
    if not pieces:
        raise ValueError(f"no piece of speech is as short as {longest:g} s")
    for turn in itertools.count():
        chance.shuffle(pieces)
        for piece in pieces:
            yield piece
            yield _pause(chance.choice(PAUSES))
        if turn % 2:
            yield _pause(LONG_PAUSE)


def _pause(seconds: float) -> tuple[Samples, str]:
    return np.zeros(round(seconds * RATE), np.int16), ""
