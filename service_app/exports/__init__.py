"""Transcripts as files: TXT, SRT, WebVTT, TSV, JSON, LRC, DOCX. Pure functions of a job and its segments."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from ..errors import BadRequest
from ..types import Job, Segment
from .bilingual import Pair, lines, side_by_side
from .cues import Style
from .docx import docx
from .subtitles import lrc, srt, tsv, vtt
from .verbose import plain_text, verbose

__all__ = [
    "FORMATS",
    "MEDIA_TYPES",
    "Export",
    "Style",
    "archive",
    "export",
    "needs_words",
    "plain_text",
    "side_by_side",
    "srt",
    "tsv",
    "verbose",
    "vtt",
]


@dataclass(frozen=True, slots=True)
class Export:
    """A file to give to the user; text is UTF-8."""

    content: str | bytes
    media_type: str
    file_name: str


def _txt(segments: Sequence[Segment]) -> str:
    shown = (lines(segment) for segment in segments)
    return "".join("".join(f"{line}\n" for line in each) + ("\n" if len(each) > 1 else "") for each in shown)


def _json(job: Job, segments: Sequence[Segment]) -> str:
    return json.dumps(verbose(job, segments, words=True), ensure_ascii=False, indent=2) + "\n"


_Writer = Callable[[Job, Sequence[Segment], Style | None], str | bytes]
_WRITERS: Final[dict[str, tuple[_Writer, str]]] = {
    "txt": (lambda _job, segments, _style: _txt(segments), "text/plain; charset=utf-8"),
    "srt": (lambda _job, segments, style: srt(segments, style), "application/x-subrip; charset=utf-8"),
    "vtt": (lambda _job, segments, style: vtt(segments, style), "text/vtt; charset=utf-8"),
    "tsv": (lambda _job, segments, _style: tsv(segments), "text/tab-separated-values; charset=utf-8"),
    "json": (lambda job, segments, _style: _json(job, segments), "application/json"),
    "lrc": (lambda _job, segments, _style: lrc(segments), "text/plain; charset=utf-8"),
    "docx": (
        lambda job, segments, _style: docx(job, segments),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
}
FORMATS: Final = tuple(_WRITERS)
MEDIA_TYPES: Final = tuple(dict.fromkeys(kind.split(";")[0] for _, kind in _WRITERS.values()))


def export(job: Job, segments: Sequence[Segment], format: str, style: Style | None = None) -> Export:  # noqa: A002
    """One of `FORMATS`, named after the recording; `style` cuts the cues of SRT and VTT. Raises `BadRequest`
    (`unknown_format`)."""
    try:
        write, media_type = _WRITERS[format]
    except KeyError:
        raise BadRequest(
            "unknown_format",
            zh=f"没有“{format[:20]}”格式，可选：{'、'.join(FORMATS)}。",
            en=f"There is no format {format[:20]!r}; choose one of {', '.join(FORMATS)}.",
            param="format",
        ) from None
    return Export(write(job, segments, style), media_type, f"{_stem(job.name)}{_mark(job, segments)}.{format}")


def needs_words(format: str, style: Style | None) -> bool:  # noqa: A002
    """Whether a file says more than its segments do: asked before they are read."""
    return format == "json" or (style is not None and format in ("srt", "vtt"))


def archive(exports: Sequence[Export]) -> bytes:
    """Several files as one ZIP; of two with the same name the second gets a number."""
    file = io.BytesIO()
    names: set[str] = set()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for made in exports:
            stem, dot, ending = made.file_name.rpartition(".")
            name, number = made.file_name, 1
            while name.casefold() in names:
                number += 1
                name = f"{stem} ({number}){dot}{ending}"
            names.add(name.casefold())
            package.writestr(name, made.content)
    return file.getvalue()


def _mark(job: Job, segments: Sequence[Segment]) -> str:
    """Players tell subtitles of one film apart by the language before the ending."""
    if segments and isinstance(segments[0], Pair):
        return f".{job.language}-en"
    return ".en" if job.options.task == "translate" else ""


def _stem(name: str) -> str:
    """The recording's name without its ending, safe as a file name on every system."""
    stem = PurePath(name.replace("\\", "/")).stem
    stem = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]', "_", stem).strip(" .")
    return stem[:100] or "transcript"
