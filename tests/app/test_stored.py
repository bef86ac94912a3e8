"""How transcripts are stored, and read without making objects of what nobody looks at."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_app.exports import FORMATS, Style, export, needs_words
from service_app.jobs.codec import dump_segments, joined, load_segments
from service_app.types import Job, JobState, Lane, Options, Segment, Word

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ['"words":[', '"words":[{', '],"speaker":', '],"speaker":null}', '\\"words":[{', "]", "}]", "\\", "你好。"]
)
_TIME = st.floats(0, 1e5)
_SEGMENT = st.builds(
    Segment,
    _TIME,
    _TIME,
    _TEXT,
    tokens=st.lists(st.integers(0, 60_000), max_size=3).map(tuple),
    avg_logprob=st.floats(-5, 0),
    words=st.lists(st.builds(Word, _TIME, _TIME, _TEXT, st.floats(0, 1)), max_size=3).map(tuple),
    speaker=st.none() | _TEXT,
)
_LISTS = st.lists(st.lists(_SEGMENT, max_size=3), max_size=3)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _as_dict(segment: Segment) -> dict[str, Any]:
    data = dataclasses.asdict(segment)
    return {**data, "tokens": list(data["tokens"]), "words": list(data["words"])}


@given(_LISTS)
def test_what_is_passed_on_is_what_would_be_written(lists: list[list[Segment]]) -> None:
    stored = [dump_segments(segments) for segments in lists]
    assert [load_segments(text) for text in stored] == lists
    assert joined(stored) == _compact([_as_dict(segment) for segments in lists for segment in segments])


@given(_LISTS)
def test_words_are_left_out_and_nothing_else(lists: list[list[Segment]]) -> None:
    for segments in lists:
        wordless = [dataclasses.replace(segment, words=()) for segment in segments]
        assert load_segments(dump_segments(segments), words=False) == wordless


@pytest.mark.parametrize(
    "changed",
    [
        lambda segment: {**segment, "mood": "glad", "words": [{**word, "pitch": 1} for word in segment["words"]]},
        lambda segment: {**segment, "words": [{**word, "pitch": 1} for word in segment["words"]]},
        lambda segment: {name: segment[name] for name in ("words", "start", "end", "text", "tokens", "speaker")},
        lambda segment: {name: segment[name] for name in reversed(segment)},
        lambda segment: {name: value for name, value in segment.items() if name != "speaker"},
    ],
)
def test_another_release_s_segments_are_read_as_ours(changed: Any) -> None:
    words = (Word(0.0, 0.5, " a", 0.5), Word(0.5, 1.0, " b", 0.25))
    segments = [Segment(0.0, 1.0, " c"), Segment(1.0, 2.0, " a b", tokens=(1, 2), words=words)]
    stored = _compact([changed(_as_dict(segment)) for segment in segments])
    assert load_segments(stored) == segments
    assert [segment.text for segment in load_segments(stored, words=False)] == [" c", " a b"]
    assert joined([stored, "[]", stored]) == joined([dump_segments(segments + segments)])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("style", [None, Style()])
def test_a_file_for_which_no_words_are_read_has_none(format: str, style: Style | None) -> None:  # noqa: A002
    job = Job("1", "ann", "a.wav", JobState.DONE, Options(), Lane.API, created=0.0, duration=60.0, language="en")
    text = " It was a bright cold day in April, and the clocks were striking thirteen; nobody looked up."
    words = tuple(Word(n * 3.0, n * 3.0 + 0.1, f" {word}", 0.9) for n, word in enumerate(text.split()))
    with_words = [Segment(0.0, 60.0, text, words=words)]
    without = [dataclasses.replace(segment, words=()) for segment in with_words]
    same = export(job, with_words, format, style) == export(job, without, format, style)
    assert same is not needs_words(format, style)
