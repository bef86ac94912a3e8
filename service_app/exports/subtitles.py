"""SRT, WebVTT and TSV. Cues are numbered from 1, in time order, and hold one segment each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..types import Segment


def srt(segments: Sequence[Segment]) -> str:
    """SubRip: "HH:MM:SS,mmm --> HH:MM:SS,mmm", an empty line after every cue."""
    return "".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text.replace('-->', '->')}\n\n"
        for number, (start, end, text) in enumerate(_cues(segments), 1)
    )


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT (W3C): begins with "WEBVTT" and an empty line; &, < and > are escaped, so text never becomes markup."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(text)}\n\n" for start, end, text in _cues(segments)
    )


def tsv(segments: Sequence[Segment]) -> str:
    """openai-whisper's TSV: a header, then start and end in whole milliseconds and the text."""
    return "start\tend\ttext\n" + "".join(
        f"{start}\t{end}\t{text.replace(chr(9), ' ')}\n" for start, end, text in _cues(segments)
    )


def _cues(segments: Sequence[Segment]) -> list[tuple[int, int, str]]:
    """(start ms, end ms, text on one line); empty ones are left out, no cue ends before it starts."""
    cues = []
    for segment in segments:
        text = re.sub(r"\s+", " ", segment.text).strip()
        if text:
            start = max(0, round(segment.start * 1000))
            cues.append((start, max(start, round(segment.end * 1000)), text))
    return cues


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
