"""The child process that opens one uploaded file: a fork of `python -m service_app.engine.extract FD`.

Native decoders meet hostile files here, and only here. A process handles one file and ends. It limits itself before
it touches the file (memory, processor time, file size, no core), opens it with a white list of protocols and formats,
so that playlists and scripts inside it open nothing, and answers in JSON, which cannot make the server run anything.

    load libraries ─▶ fork for each file: {"media", "pcm", "max_seconds"} ─▶ limit ─▶ decode ─▶ detect speech ─▶ cut

The audio goes to the `pcm` file as 16 kHz mono 16-bit samples, from which the workers read their windows.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import av
import numpy as np
import numpy.typing as npt

from . import windows
from .pcm import BYTES_PER_SECOND, RATE, as_float
from .process import NICE, serve_forks
from .speech import Detector

# Containers of audio and video; no playlist, script, subtitle, image or network format (libavformat's demuxer names).
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,wav,w64,flac,ogg,matroska,webm,aac,ac3,eac3,amr,aiff,asf,avi,flv,mpeg,mpegts,caf,"
    "au,wv,ape"
)
EXTRA_MEMORY = 1 << 30  # bytes beyond what the libraries took
CPU_SECONDS = 3600
GATHERED_SECONDS = 0.5  # of audio resampled in one go
REPORT_SECONDS = 30  # of audio between two signs of life
WAV_PROBES = 4  # packets


class RefusedError(Exception):
    """The file cannot be used; the argument is the code that the parent turns into words."""


def main(descriptor: int) -> NoReturn:
    os.nice(NICE)
    detector = Detector()
    serve_forks(Connection(descriptor), lambda connection: _one_file(connection, detector))


def _one_file(connection: Connection[object, object], detector: Detector) -> None:
    try:
        request = json.loads(connection.recv_bytes())
    except (EOFError, ConnectionResetError):  # the parent has gone, or has no more files
        return
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    _limit(request["max_seconds"])
    try:
        answer = extract(Path(request["media"]), Path(request["pcm"]), request["max_seconds"], detector, connection)
    except RefusedError as refusal:
        answer = {"error": refusal.args[0]}
    except MemoryError:
        answer = {"error": "damaged"}
    except OSError as error:
        answer = {"error": "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "unreadable"}
    connection.send_bytes(json.dumps(answer).encode())


def _end_with_parent(connection: Connection[object, object]) -> None:
    try:
        connection.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _limit(max_seconds: float) -> None:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    _set(resource.RLIMIT_AS, used + EXTRA_MEMORY)
    _set(resource.RLIMIT_CPU, CPU_SECONDS)
    _set(resource.RLIMIT_FSIZE, int((max_seconds + 60) * BYTES_PER_SECOND))
    _set(resource.RLIMIT_CORE, 0)


def _set(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def extract(
    media: Path, pcm: Path, max_seconds: float, detector: Detector, connection: Connection[object, object] | None = None
) -> dict[str, Any]:
    """Write the samples of `media` to `pcm` and answer with duration, speech and windows. Raises RefusedError."""
    if media.stat().st_size == 0:
        raise RefusedError("empty_file")
    probabilities: list[npt.NDArray[np.float32]] = []
    samples = reported = 0
    reader = Reader(media)
    with pcm.open("wb") as out:
        for block in reader:
            samples += len(block)
            if samples > max_seconds * RATE:
                raise RefusedError("too_long")
            out.write(block.tobytes())
            if len(found := detector.feed(as_float(block))):
                probabilities.append(found)
            if connection and samples - reported > REPORT_SECONDS * RATE:
                reported = samples
                connection.send_bytes(json.dumps({"seconds": samples / RATE}).encode())
        out.flush()
        os.fsync(out.fileno())
    if not samples:
        raise RefusedError("damaged")
    probabilities.append(detector.finish())
    scores = np.concatenate(probabilities)
    duration = samples / RATE
    return {
        "duration": duration,
        "speech": sum(b - a for a, b in windows.speech(scores)) * windows.FRAME_SECONDS,
        "windows": [windows.seconds(span, duration) for span in windows.cut(scores)],
        "complete": not reader.damaged and duration >= reader.announced * 0.98 - 1,
    }


def _options(media: Path) -> dict[str, str]:
    """What libavformat may open, and how long it may guess.

    The samples of a WAV file may be some other coding in disguise. Its first packet tells; libavformat tries all that
    it knows on 32 of them, which costs more than to read half a minute of it.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    with media.open("rb") as file:
        head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        options["max_probe_packets"] = str(WAV_PROBES)
    return options


class Reader:
    """Streams the first audio track of a file as blocks of 16 kHz mono 16-bit samples."""

    def __init__(self, media: Path) -> None:
        self._media = media
        self.damaged = False  # a part could not be decoded and was left out
        self.announced = 0.0  # seconds that the file says it has; 0: it does not say

    def __iter__(self) -> Iterator[npt.NDArray[np.int16]]:
        try:
            container = av.open(str(self._media), options=_options(self._media), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise RefusedError("not_audio") from error
        with container:
            if not container.streams.audio:
                raise RefusedError("no_audio_track")
            track = container.streams.audio[0]
            if track.codec_context is None:
                raise RefusedError("not_audio")
            if track.duration is not None and track.time_base is not None:
                self.announced = float(track.duration * track.time_base)
            yield from self._samples(container, track)

    def _samples(self, container: Any, track: Any) -> Iterator[npt.NDArray[np.int16]]:
        resampler: Any = None
        gathered: Any = None
        shape = None
        for frame in self._frames(container, track):
            if shape != (frame.format.name, frame.layout.name, frame.sample_rate):  # may change in mid-file
                if gathered is not None:
                    yield from self._resampled(resampler, gathered.read())
                    yield from self._resampled(resampler, None)
                # Frames have 20 ms: to resample each costs more than to decode it.
                resampler, gathered = av.AudioResampler(format="s16", layout="mono", rate=RATE), av.AudioFifo()
                shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            frame.pts = None  # broken time stamps upset the resampler; the samples themselves are the clock
            try:
                gathered.write(frame)
            except (av.FFmpegError, ValueError):
                self.damaged = True
                continue
            if gathered.samples >= frame.sample_rate * GATHERED_SECONDS:
                yield from self._resampled(resampler, gathered.read())
        if gathered is not None:
            yield from self._resampled(resampler, gathered.read())
            yield from self._resampled(resampler, None)

    def _resampled(self, resampler: Any, frame: Any) -> Iterator[npt.NDArray[np.int16]]:
        """What the resampler has after `frame`; None: at the end."""
        if frame is not None:
            frame.pts = None
        try:
            frames = resampler.resample(frame)
        except (av.FFmpegError, ValueError):
            self.damaged = True
            return
        for done in frames:
            if done.samples:
                yield done.to_ndarray().reshape(-1)

    def _frames(self, container: Any, track: Any) -> Iterator[Any]:
        packets = container.demux(track)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the container ends in the middle: what came before is kept
                self.damaged = True
                return
            try:
                yield from packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                self.damaged = True


if __name__ == "__main__":
    main(int(sys.argv[1]))
