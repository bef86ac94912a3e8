"""What a recording is taken for until its length is known: it fills the queue and a key's day so far."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from service_app.jobs.length import likely

from .conftest import NewServer


def wav(seconds: float, byte_rate: int, before: bytes = b"") -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, byte_rate // 4, byte_rate, 4, 16)
    samples = bytes(round(seconds * byte_rate))
    return b"RIFF\xff\xff\xff\xffWAVE" + before + form + struct.pack("<4sI", b"data", len(samples)) + samples


def flac(seconds: float, size: int) -> bytes:
    packed = 44_100 << 44 | 1 << 41 | 15 << 36 | round(seconds * 44_100)
    return b"fLaC\0\0\0\x22" + bytes(10) + struct.pack(">Q", packed) + bytes(size)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def mp4(seconds: int, picture: int, *, long_form: bool = False) -> bytes:
    """The index is at the end, as phones record; `picture` bytes lie before it."""
    times = struct.pack(">IQQIQ", 1 << 24, 0, 0, 1000, seconds * 1000)
    if not long_form:
        times = struct.pack(">IIIII", 0, 0, 0, 1000, seconds * 1000)
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(picture)) + box(b"moov", box(b"mvhd", times))


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (wav(10, 176_400), 10),
        (wav(10, 176_400, struct.pack("<4sI", b"JUNK", 27) + bytes(28)), 10),
        (flac(20, 2_000_000), 20),
        (mp4(30, 4_000_000), 30),
        (mp4(30, 4_000_000, long_form=True), 30),
    ],
    ids=["wav", "wav with more", "flac", "mp4", "mp4 of the long form"],
)
def test_a_file_tells_its_length(tmp_path: Path, content: bytes, seconds: float) -> None:
    path = tmp_path / "media"
    path.write_bytes(content)
    assert likely(path, len(content)) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    "content",
    [
        flac(1e6, 16_000),
        mp4(100_000_000, 16_000, long_form=True),
        wav(1, 16_000).replace(struct.pack("<I", 16_000), struct.pack("<I", 1)),
        wav(1, 16_000).replace(struct.pack("<I", 16_000), bytes(4)),
        mp4(30, 16_000)[:16_000],
        b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"JUNK", 0xFFFFFFFF) + bytes(16_000),
        box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 1 << 63) + bytes(16_000),
        box(b"ftyp", b"isom") + struct.pack(">I4s", 4, b"mdat") + bytes(16_000),
        b"#EXTM3U" + bytes(16_000),
    ],
)
def test_a_file_that_lies_or_says_nothing_is_taken_by_its_size(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "media"
    path.write_bytes(content)
    assert likely(path, len(content)) == len(content) / 16_000


def test_a_large_file_of_few_seconds_takes_few_of_a_key_s_minutes(new_server: NewServer) -> None:
    """Nothing is measured, as the engine never gets ready: 20 s that have the bytes of 220 s at 128 kbit/s."""
    server = new_server(TIMED_ENGINE_NEVER_READY="1").start(ready=False)
    with server.program() as client:
        while (made := client.post("/api/keys", json={"name": "a minute", "daily_minutes": 1})).status_code == 503:
            pass
    with server.client(headers={"authorization": f"Bearer {made.json()['key']}"}) as program:
        recordings = [wav(20, 176_400)] * 3 + [b"one more"]
        answers = [program.post("/api/jobs", files={"file": each}).status_code for each in recordings]
    assert answers == [202, 202, 202, 429]
