"""Opening uploaded files, seen from the server: one child process for each file (see `extract`).

A child that crashes, hangs or grows takes nothing down: it becomes an error about the file. It is a fork of one that
has its libraries loaded: to load them costs as much processor time as to transcribe a short recording.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadRequest, TooLarge, Unavailable, UnsupportedMedia, UserError
from .pcm import pcm_path
from .process import Forked, Prepared

STALL_SECONDS = 60.0  # without a sign of life
LOOK_SECONDS = 0.1  # between two looks at the caller's cancel

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Extract:
    duration: float
    speech_seconds: float
    windows: tuple[Span, ...]
    complete: bool  # False: the file is damaged and a part could not be read


class Extractor:
    """Turns media files into samples and windows."""

    def __init__(self, *, max_seconds: float, parallel: int, stall_seconds: float = STALL_SECONDS) -> None:
        self._max_seconds = max_seconds
        self._stall_seconds = stall_seconds
        self._places = threading.BoundedSemaphore(parallel)
        self._lock = threading.Lock()
        self._prepared = Prepared("service_app.engine.extract")
        self._busy: set[Forked] = set()
        self._closed = True

    def open(self) -> None:
        with self._lock:
            self._closed = False
        self._prepared.start()

    def close(self) -> None:
        """End all children; files being read fail with CancelledError."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        self._prepared.end()
        for child in busy:
            child.kill()

    def extract(self, media: Path, cancelled: Callable[[], bool]) -> Extract:
        """Write the samples beside `media` and say where speech is. Raises UserError about the file, CancelledError,
        FileNotFoundError."""
        media.stat()
        with self._places:
            child = self._take()
            unfinished = pcm_path(media).with_suffix(f".{uuid.uuid4().hex}")
            try:
                self._await_start(child)
                child.connection.send_bytes(
                    json.dumps({"media": str(media), "pcm": str(unfinished), "max_seconds": self._max_seconds}).encode()
                )
                answer = self._wait(child, cancelled)
                if "error" in answer:
                    raise self._error(answer["error"])
                unfinished.replace(pcm_path(media))
            except (EOFError, BrokenPipeError, ConnectionResetError) as error:
                if self._closed:
                    raise CancelledError from error
                raise self._error("damaged") from error
            finally:
                child.end()
                unfinished.unlink(missing_ok=True)
                with self._lock:
                    self._busy.discard(child)
        return Extract(
            duration=float(answer["duration"]),
            speech_seconds=float(answer["speech"]),
            windows=tuple((float(a), float(b)) for a, b in answer["windows"]),
            complete=bool(answer["complete"]),
        )

    def _take(self) -> Forked:
        with self._lock:
            if self._closed:
                raise CancelledError
            child = self._prepared.fork()
            self._busy.add(child)
            return child

    def _await_start(self, child: Forked) -> None:
        """Raises Unavailable when the reader itself cannot run: that is no fault of the file."""
        try:
            if child.await_start(self._stall_seconds):
                return
        except (EOFError, ConnectionResetError):
            if self._closed:
                raise CancelledError from None
        raise Unavailable(
            "reader_failed",
            zh="服务器无法启动音频解码程序。请联系管理员查看日志。",
            en="The server cannot start its audio reader. Tell the administrator to look at the log.",
            retry_after=60,
        )

    def _wait(self, child: Forked, cancelled: Callable[[], bool]) -> dict[str, Any]:
        last = time.monotonic()
        while True:
            if child.connection.poll(LOOK_SECONDS):
                answer: dict[str, Any] = json.loads(child.connection.recv_bytes())
                if "seconds" not in answer:
                    return answer
                last = time.monotonic()
            if cancelled():
                raise CancelledError
            if time.monotonic() - last > self._stall_seconds:
                raise self._error("damaged")

    def _error(self, code: str) -> UserError:
        hours = f"{self._max_seconds / 3600:g}"
        match code:
            case "empty_file":
                return BadRequest(
                    code,
                    zh="文件是空的（0 字节）。请重新选择录音文件。",
                    en="The file is empty (0 bytes). Choose the recording again.",
                    param="file",
                )
            case "not_audio":
                return UnsupportedMedia(
                    code,
                    zh="这不是可以识别的音频或视频文件，或文件已损坏。请上传 MP3、M4A、WAV、MP4、MOV、WEBM 等格式。",
                    en="This is no audio or video file that can be read, or it is damaged. "
                    "Upload MP3, M4A, WAV, FLAC, OGG, MP4, MOV, WEBM or the like.",
                    param="file",
                )
            case "no_audio_track":
                return UnsupportedMedia(
                    code,
                    zh="这个文件里没有声音轨道。请上传带声音的文件。",
                    en="The file has no audio track. Upload one with sound.",
                    param="file",
                )
            case "too_long":
                return TooLarge(
                    code,
                    zh=f"录音超过 {hours} 小时。请分成几段上传。",
                    en=f"The recording is longer than {hours} hours. Split it and upload the parts.",
                    param="file",
                )
            case "disk_full":
                return Unavailable(
                    code,
                    zh="服务器磁盘已满，无法读取录音。请联系管理员，或稍后再试。",
                    en="The server's disk is full: the recording cannot be read. Tell the administrator or try later.",
                    retry_after=300,
                )
        return UnsupportedMedia(
            "damaged",
            zh="文件已损坏，读不出声音。请用播放器检查，或换一种格式重新导出。",
            en="The file is damaged: no sound could be read. Check it in a player, or export it in another format.",
            param="file",
        )
