"""How long a recording probably is, before anybody has decoded it: what the head of its file says, and never more than
its size lets one expect. So nobody fills the queue with a small file that calls itself a year long; and whoever makes a
long one short gains nothing, because its true length counts as soon as it is known (minutes.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

# A recording whose length is not known yet is taken for one of this many bytes a second (128 kbit/s).
BYTES_A_SECOND: Final = 16_000
_MOST_PARTS: Final = 64  # chunks or boxes that are looked at


def likely(path: Path, size: int) -> float:
    """Seconds. Blocking. Raises OSError."""
    by_size = size / BYTES_A_SECOND
    with path.open("rb") as file:
        try:
            said = _said(file, size)
        except (struct.error, OverflowError):  # it ends in the middle, or leads behind its end
            said = 0.0
    return min(said, by_size) if said > 0 else by_size


def _said(file: BinaryIO, size: int) -> float:
    """0: nothing."""
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return _wav(file, size)
    if head[:4] == b"fLaC":
        return _flac(file)
    if head[4:8] == b"ftyp":
        return _mp4(file, size)
    return 0.0


def _wav(file: BinaryIO, size: int) -> float:
    for _ in range(_MOST_PARTS):
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"fmt ":
            _, _, _, byte_rate = struct.unpack("<HHII", file.read(12))
            return size / byte_rate if byte_rate else 0.0
        file.seek(length + length % 2, 1)
    return 0.0


def _flac(file: BinaryIO) -> float:
    file.seek(18)  # behind the mark, the block's head and the sizes of blocks and frames
    (packed,) = struct.unpack(">Q", file.read(8))
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return samples / rate if rate else 0.0


def _mp4(file: BinaryIO, size: int) -> float:
    for outer, begin, end in _boxes(file, 0, size):
        if outer == b"moov":
            for kind, inner, _ in _boxes(file, begin, end):
                if kind == b"mvhd":
                    file.seek(inner)
                    long_form = file.read(1) == b"\1"
                    file.seek(inner + (20 if long_form else 12))
                    scale, length = struct.unpack(">IQ" if long_form else ">II", file.read(12 if long_form else 8))
                    return float(length / scale) if scale else 0.0
            break
    return 0.0


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its content begins, where it ends)."""
    for _ in range(_MOST_PARTS):
        if begin + 8 > end:
            return
        file.seek(begin)
        length, kind = struct.unpack(">I4s", file.read(8))
        content = begin + 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            content += 8
        ends = end if length == 0 else begin + length
        if ends < content:
            return
        yield kind, content, min(ends, end)
        begin = ends
