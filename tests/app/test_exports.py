from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_app.errors import BadRequest
from service_app.exports import FORMATS, export, srt, tsv, vtt
from service_app.types import Job, JobState, Lane, Options, Segment

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["你好，世界。", "a --> b", "<c>&amp;", "1\n\n2", "\ufeffx", "한국어 ", "\u202ertl"]
)
_SEGMENTS = st.lists(
    st.builds(
        lambda start, length, text: Segment(start, start + length, text),
        st.floats(0, 400_000, allow_nan=False),
        st.floats(0, 60, allow_nan=False),
        _TEXT,
    ),
    max_size=8,
)
_SRT_TIME = r"\d{2,}:[0-5]\d:[0-5]\d,\d{3}"
_VTT_TIME = r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"


def _job(name: str = "a.wav") -> Job:
    return Job("1", "ann", name, JobState.DONE, Options(), Lane.API, created=0.0, duration=1.5, language="zh")


def _said(segments: list[Segment]) -> list[str]:
    return [said for segment in segments if (said := re.sub(r"\s+", " ", segment.text).strip())]


@given(_SEGMENTS)
def test_srt_reads_back(segments: list[Segment]) -> None:
    blocks = [block for block in srt(segments).split("\n\n") if block]
    assert len(blocks) == len(_said(segments))
    for number, (block, text) in enumerate(zip(blocks, _said(segments), strict=True), 1):
        first, times, said = block.split("\n")
        assert first == str(number)
        assert re.fullmatch(f"{_SRT_TIME} --> {_SRT_TIME}", times)
        assert said == text.replace("-->", "->")


@given(_SEGMENTS)
def test_vtt_reads_back_and_holds_no_markup(segments: list[Segment]) -> None:
    header, *blocks = vtt(segments).split("\n\n")
    assert header == "WEBVTT"
    assert blocks.pop() == ""
    assert len(blocks) == len(_said(segments))
    for block, text in zip(blocks, _said(segments), strict=True):
        times, said = block.split("\n")
        assert re.fullmatch(f"{_VTT_TIME} --> {_VTT_TIME}", times)
        assert "<" not in said
        assert "-->" not in said
        assert html.unescape(said) == html.unescape(html.escape(text, quote=False))


@given(_SEGMENTS)
def test_tsv_has_three_columns(segments: list[Segment]) -> None:
    header, *lines = tsv(segments).removesuffix("\n").split("\n")
    assert header == "start\tend\ttext"
    assert [line.split("\t", 2)[2] for line in lines] == _said(segments)
    assert all(int(line.split("\t")[0]) <= int(line.split("\t")[1]) for line in lines)


@given(_SEGMENTS, st.text(max_size=30))
def test_every_format_is_utf8_with_a_safe_name(segments: list[Segment], name: str) -> None:
    for kind in FORMATS:
        made = export(_job(name), segments, kind)
        assert isinstance(made.content, bytes if kind == "docx" else str)
        assert made.file_name.endswith(f".{kind}")
        assert not set(made.file_name) & set('\x00\n\r/\\:*?"<>|')


def test_json_is_openais_verbose_form() -> None:
    made = export(_job(), [Segment(0.0, 1.5, " 你好")], "json")
    data = json.loads(made.content)
    assert (data["language"], data["text"], data["usage"]) == ("chinese", "你好", {"type": "duration", "seconds": 2})


def test_exact_bytes() -> None:
    segments = [Segment(0.0, 1.2345, " 你好 & <world>"), Segment(3661.5, 3662.0, " b")]
    assert srt(segments) == (
        "1\n00:00:00,000 --> 00:00:01,234\n你好 & <world>\n\n2\n01:01:01,500 --> 01:01:02,000\nb\n\n"
    )
    assert vtt(segments).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.234\n你好 &amp; &lt;world&gt;\n\n")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BadRequest, match="txt, srt, vtt, tsv, json, lrc, docx"):
        export(_job(), [], "exe")
