"""Transcripts as files: TXT, SRT, WebVTT, TSV and JSON. Pure functions of a job and its segments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from ..errors import BadRequest
from ..types import Job, Segment
from .subtitles import srt, tsv, vtt
from .verbose import plain_text, verbose

__all__ = ["FORMATS", "Export", "export", "plain_text", "srt", "tsv", "verbose", "vtt"]


@dataclass(frozen=True, slots=True)
class Export:
    """A file to give to the user; text is UTF-8."""

    content: str | bytes
    media_type: str
    file_name: str


def _txt(_job: Job, segments: Sequence[Segment]) -> str:
    lines = (segment.text.strip() for segment in segments)
    return "".join(f"{line}\n" for line in lines if line)


def _json(job: Job, segments: Sequence[Segment]) -> str:
    return json.dumps(verbose(job, segments, words=True), ensure_ascii=False, indent=2) + "\n"


_WRITERS: Final[dict[str, tuple[Callable[[Job, Sequence[Segment]], str], str]]] = {
    "txt": (_txt, "text/plain; charset=utf-8"),
    "srt": (lambda _job, segments: srt(segments), "application/x-subrip; charset=utf-8"),
    "vtt": (lambda _job, segments: vtt(segments), "text/vtt; charset=utf-8"),
    "tsv": (lambda _job, segments: tsv(segments), "text/tab-separated-values; charset=utf-8"),
    "json": (_json, "application/json"),
}
FORMATS: Final = tuple(_WRITERS)


def export(job: Job, segments: Sequence[Segment], format: str) -> Export:  # noqa: A002
    """One of `FORMATS`, named after the recording. Raises `BadRequest` (`unknown_format`)."""
    try:
        write, media_type = _WRITERS[format]
    except KeyError:
        raise BadRequest(
            "unknown_format",
            zh=f"没有“{format[:20]}”格式，可选：{'、'.join(FORMATS)}。",
            en=f"There is no format {format[:20]!r}; choose one of {', '.join(FORMATS)}.",
            param="format",
        ) from None
    return Export(write(job, segments), media_type, f"{_stem(job.name)}.{format}")


def _stem(name: str) -> str:
    """The recording's name without its ending, safe as a file name on every system."""
    stem = PurePath(name.replace("\\", "/")).stem
    stem = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]', "_", stem).strip(" .")
    return stem[:100] or "transcript"
