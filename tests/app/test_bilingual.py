"""The original and its translation in one file: aligned by time, every word of both once."""

from __future__ import annotations

import io
import json
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from service_app.exports import FORMATS, Style, export, side_by_side, srt
from service_app.types import Job, JobState, Lane, Options, Segment

ORIGINAL = [
    Segment(0, 4, "你好，世界。"),
    Segment(4, 8, "今天天气很好，"),
    Segment(8, 12, "我们出去走走。"),
    Segment(20, 22, "再见。"),
]
ENGLISH = [
    Segment(0.2, 3.9, " Hello, world."),
    Segment(4, 12, " It is fine today; let us go out."),
    Segment(21, 22, " Bye."),
]
JOB = Job("1", "ann", "会议.mp3", JobState.DONE, Options(), Lane.API, created=0.0, duration=22.0, language="zh")
_SEGMENTS = st.lists(
    st.builds(
        lambda start, length, text: Segment(start, start + length, text),
        st.floats(0, 500),
        st.floats(0, 60),
        st.text("ab 你好", max_size=6),
    ),
    max_size=8,
).map(lambda segments: sorted(segments, key=lambda segment: segment.start))


def test_neighbours_that_one_translated_segment_spans_are_one_pair() -> None:
    assert [(pair.start, pair.end, pair.text, pair.translation) for pair in side_by_side(ORIGINAL, ENGLISH)] == [
        (0, 4, "你好，世界。", " Hello, world."),
        (4, 12, "今天天气很好，我们出去走走。", " It is fine today; let us go out."),
        (20, 22, "再见。", " Bye."),
    ]


@given(_SEGMENTS, _SEGMENTS)
def test_every_word_of_both_is_there_once(original: list[Segment], english: list[Segment]) -> None:
    pairs = side_by_side(original, english)
    assert "".join(pair.text for pair in pairs) == "".join(segment.text for segment in original)
    said = sorted("".join(pair.translation for pair in pairs))
    assert said == sorted("".join(segment.text for segment in english))
    assert [pair.start for pair in pairs] == sorted(pair.start for pair in pairs)


def test_every_format_shows_both() -> None:
    pairs = side_by_side(ORIGINAL, ENGLISH)
    for kind in FORMATS:
        made = export(JOB, pairs, kind)
        assert made.file_name == f"会议.zh-en.{kind}"
        content = made.content
        if isinstance(content, bytes):
            content = zipfile.ZipFile(io.BytesIO(content)).read("word/document.xml").decode()
        assert content.index("你好，世界。") < content.index("Hello, world.")
        assert content.index("Hello, world.") < content.rindex("再见。") or kind == "json"
    assert srt(pairs).startswith("1\n00:00:00,000 --> 00:00:04,000\n你好，世界。\nHello, world.\n\n2\n")
    assert json.loads(export(JOB, pairs, "json").content)["segments"][2]["translation"] == " Bye."
    assert str(export(JOB, pairs, "tsv").content).splitlines()[1] == "0\t4000\t你好，世界。\tHello, world."


def test_a_style_breaks_the_lines_of_both() -> None:
    text = srt(side_by_side(ORIGINAL, ENGLISH), Style(characters=14, lines=1, seconds=2))
    shown = [line for line in text.splitlines() if line and "-->" not in line and not line.isdigit()]
    assert all(len(line.encode("gbk")) <= 14 for line in shown)
    assert "".join(shown).replace(" ", "").startswith("你好，世界。Hello,world.今天")
