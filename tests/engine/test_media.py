"""Every kind of file that a user may bring, opened for real in the child process."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from service_app.engine.media import Extractor
from service_app.engine.pcm import pcm_path, read
from service_app.errors import UserError
from tests.support import recordings

from . import sounds
from .conftest import wait_until


def refused(extractor: Extractor, media: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        extractor.extract(media, lambda: False)
    error = caught.value
    assert error.failure.zh != error.failure.en
    assert "\n" not in error.failure.en
    assert 400 <= error.status < 500
    assert [f.name for f in media.parent.iterdir() if ".pcm" in f.name or f.suffix.removeprefix(".").isdigit()] == []
    return error


FORMATS = [
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 44_100),  # m4a; the index is at the end, as phones record
    ("webm", "libopus", 48_000),
    ("ogg", "libopus", 48_000),
    ("flac", "flac", 44_100),
    ("adts", "aac", 44_100),
]


def test_a_wav_file_that_holds_another_coding_is_heard_and_no_noise(extractor: Extractor, tmp_path: Path) -> None:
    """As ripped from a DVD or a surround CD: its header says 16-bit samples."""
    inside = sounds.encode(tmp_path / "inside", sounds.read_wav(recordings.beckett()), form="ac3", codec="ac3")
    data = inside.read_bytes()
    media = sounds.write_wav(tmp_path / "media", np.frombuffer(data[: len(data) // 2 * 2], np.int16))
    found = extractor.extract(media, lambda: False)
    (window,) = found.windows
    assert window == pytest.approx((0.0, 9.2), abs=0.3)


@pytest.mark.parametrize(("form", "codec", "rate"), FORMATS)
def test_stereo_formats_give_the_same_speech(
    extractor: Extractor, tmp_path: Path, form: str, codec: str, rate: int
) -> None:
    speech = sounds.read_wav(recordings.beckett())
    media = sounds.encode(tmp_path / "media", speech, form=form, codec=codec, rate=rate)
    found = extractor.extract(media, lambda: False)
    assert found.duration == pytest.approx(len(speech) / sounds.RATE, abs=0.1)
    assert found.complete
    (window,) = found.windows
    assert window == pytest.approx((0.0, 9.2), abs=0.3)
    heard, said = read(pcm_path(media), 1, 9), speech[sounds.RATE : 9 * sounds.RATE] / 32768
    assert np.sqrt((heard**2).mean()) == pytest.approx(np.sqrt((said**2).mean()), rel=0.1)


def test_the_sound_of_a_video(extractor: Extractor, tmp_path: Path) -> None:
    speech = sounds.read_wav(recordings.beckett())
    media = sounds.encode(tmp_path / "media", speech, form="mp4", codec="aac", video=True)
    found = extractor.extract(media, lambda: False)
    assert len(found.windows) == 1
    assert found.duration == pytest.approx(len(speech) / sounds.RATE, abs=0.1)


@pytest.mark.parametrize("quiet", [sounds.silence(20), sounds.noise(20)], ids=["silence", "noise"])
def test_no_speech_has_no_windows(extractor: Extractor, tmp_path: Path, quiet: sounds.Samples) -> None:
    found = extractor.extract(sounds.write_wav(tmp_path / "media", quiet), lambda: False)
    assert found.windows == ()
    assert found.speech_seconds == 0
    assert found.duration == pytest.approx(20)


def test_windows_have_true_offsets_and_leave_long_silences_out(extractor: Extractor, tmp_path: Path) -> None:
    (first, _), (second, _) = recordings.librivox()[:2]
    samples = sounds.joined([first, second], pause=8.0)
    begin = 8.0 + len(sounds.read_wav(first)) / sounds.RATE + 8.0
    found = extractor.extract(sounds.write_wav(tmp_path / "media", samples), lambda: False)
    assert [start for start, _ in found.windows] == pytest.approx([8.0, begin], abs=0.5)


def test_an_empty_file(extractor: Extractor, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.touch()
    assert refused(extractor, media).code == "empty_file"


@pytest.mark.parametrize(
    "content",
    [b"Dear diary, this is no sound.\n" * 50, os.urandom(20_000), b"RIFF\0\0\0\0WAVE", b"\x89PNG\r\n\x1a\n" * 9],
)
def test_what_is_no_audio(extractor: Extractor, tmp_path: Path, content: bytes) -> None:
    media = tmp_path / "media"
    media.write_bytes(content)
    assert refused(extractor, media).code in ("not_audio", "damaged", "no_audio_track")


def test_a_video_without_sound(extractor: Extractor, tmp_path: Path) -> None:
    assert refused(extractor, sounds.video_only(tmp_path / "media")).code == "no_audio_track"


def test_of_a_cut_file_what_can_be_read_is_kept(extractor: Extractor, tmp_path: Path) -> None:
    speech = sounds.read_wav(recordings.beckett())
    media = sounds.encode(tmp_path / "media", speech, form="flac", codec="flac")
    media.write_bytes(media.read_bytes()[: media.stat().st_size // 2])
    found = extractor.extract(media, lambda: False)
    assert 4 < found.duration < 8
    assert found.windows
    assert not found.complete


def test_damage_in_the_middle_loses_only_the_middle(extractor: Extractor, tmp_path: Path) -> None:
    speech = sounds.read_wav(recordings.beckett())
    media = sounds.encode(tmp_path / "media", speech, form="mp3", codec="libmp3lame")
    data = bytearray(media.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = os.urandom(4000)
    media.write_bytes(data)
    found = extractor.extract(media, lambda: False)
    assert 8 < found.duration < 11
    assert found.windows


def test_a_cut_mp4_without_its_index(extractor: Extractor, tmp_path: Path) -> None:
    speech = sounds.read_wav(recordings.beckett())
    media = sounds.encode(tmp_path / "media", speech, form="mp4", codec="aac")
    media.write_bytes(media.read_bytes()[:20_000])
    assert refused(extractor, media).code in ("not_audio", "damaged")


def test_too_long_counts_the_sound_not_the_header(tmp_path: Path) -> None:
    short = Extractor(max_seconds=5, parallel=1)
    short.open()
    try:
        media = sounds.write_wav(tmp_path / "media", sounds.silence(6))
        assert refused(short, media).code == "too_long"
    finally:
        short.close()


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback that notes what is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/secret.mp3", asked
    server.shutdown()
    thread.join()
    server.server_close()


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{}\n"
DASH = '<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{}</BaseURL></AdaptationSet></Period></MPD>'


@pytest.mark.parametrize("name", ["media", "media.m3u8", "media.mp3", "media.sdp", "media.ffconcat"])
@pytest.mark.parametrize("script", [HLS, CONCAT, SDP, DASH], ids=["hls", "concat", "sdp", "dash"])
def test_playlists_open_nothing(
    extractor: Extractor, tmp_path: Path, web: tuple[str, list[str]], name: str, script: str
) -> None:
    """The secret is of a kind that libavformat would take from any of them."""
    secret = sounds.encode(
        tmp_path / "secret.mp3", sounds.read_wav(recordings.beckett()), form="mp3", codec="libmp3lame"
    )
    url, asked = web
    media = tmp_path / name
    for target in (secret.name, str(secret), f"file://{secret}", url):
        media.write_text(script.format(target), encoding="utf-8")
        assert refused(extractor, media).code == "not_audio"
    assert asked == []


def test_a_cancel_ends_the_child(extractor: Extractor, tmp_path: Path) -> None:
    media = sounds.write_wav(tmp_path / "media", sounds.silence(100))
    with pytest.raises(CancelledError):
        extractor.extract(media, lambda: True)
    assert [f.name for f in tmp_path.iterdir()] == ["media"]


def test_a_file_that_is_gone(extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        extractor.extract(tmp_path / "media", lambda: False)


def test_readers_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    """The prepared one, and a fork that waits for its file."""
    program = (
        "import sys, time\nfrom service_app.engine.process import Prepared\n"
        "prepared = Prepared('service_app.engine.extract')\nfork = prepared.fork()\n"
        "assert fork.await_start(60)\nprint(prepared._child.pid, fork.pid, flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        pids = [int(pid) for pid in server.stdout.readline().split()]
        server.kill()
    assert len(pids) == 2
    wait_until(lambda: all(_ended(pid) for pid in pids), 20)


def _ended(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
