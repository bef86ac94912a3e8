"""SRT, WebVTT, TSV and LRC. Cues are in time order and hold one segment each, or less where a style cuts them."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Segment
from .bilingual import lines
from .cues import Style, cut


def srt(segments: Sequence[Segment], style: Style | None = None) -> str:
    """SubRip: numbered from 1, "HH:MM:SS,mmm --> HH:MM:SS,mmm", an empty line after every cue."""
    return "".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text.replace('-->', '->')}\n\n"
        for number, (start, end, text) in enumerate(_cues(segments, style), 1)
    )


def vtt(segments: Sequence[Segment], style: Style | None = None) -> str:
    """WebVTT (W3C): begins with "WEBVTT" and an empty line; &, < and > are escaped, so text never becomes markup."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(text)}\n\n"
        for start, end, text in _cues(segments, style)
    )


def tsv(segments: Sequence[Segment]) -> str:
    """openai-whisper's TSV: a header, then start and end in whole milliseconds and the text; a pair's translation is a
    fourth column."""
    rows = [(start, end, *text.split("\n")) for start, end, text in _cues(segments)]
    head = ("start", "end", "text", "translation")[: max((len(row) for row in rows), default=3)]
    return "".join("\t".join(map(str, row)) + "\n" for row in (head, *rows))


def lrc(segments: Sequence[Segment]) -> str:
    """Timed lyrics: "[mm:ss.xx]text", minutes may pass 59; a pair's translation follows at the same time."""
    timed = []
    for start, _, text in _cues(segments):
        hundredths = start // 10
        clock = f"[{hundredths // 6000:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}]"
        timed += [f"{clock}{line}\n" for line in text.split("\n")]
    return "".join(timed)


def _cues(segments: Sequence[Segment], style: Style | None = None) -> list[tuple[int, int, str]]:
    """(start ms, end ms, text); empty ones are left out, no cue ends before it starts. Without a style the text is on
    one line, and a pair's translation on the next."""
    found = []
    if style is not None:
        parts = [(cue.start, cue.end, "\n".join(cue.lines)) for cue in cut(segments, style)]
    else:
        parts = [(segment.start, segment.end, "\n".join(lines(segment))) for segment in segments]
    for begin, finish, text in parts:
        if text:
            start = max(0, round(begin * 1000))
            found.append((start, max(start, round(finish * 1000)), text))
    return found


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
