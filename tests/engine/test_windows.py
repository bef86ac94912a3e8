from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service_app.engine.windows import DEFAULT, FRAME_SECONDS, Span, cut, padded, speech

LIMIT = int(DEFAULT.window / FRAME_SECONDS)


@st.composite
def probabilities(draw: st.DrawFn) -> np.ndarray:
    """Runs of silence, doubt and speech, up to two minutes."""
    runs = draw(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.95]), st.integers(1, 900)), max_size=12))
    return np.array([p for p, count in runs for _ in range(count)], np.float32)


def inside(frame: int, spans: list[Span]) -> bool:
    return any(a <= frame < b for a, b in spans)


@given(probabilities())
def test_windows_are_in_order_disjoint_and_within_the_limit(scores: np.ndarray) -> None:
    windows = cut(scores)
    assert all(0 <= a < b <= len(scores) and b - a <= LIMIT for a, b in windows)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(windows))


@given(probabilities())
def test_all_padded_speech_is_in_a_window_and_no_long_silence(scores: np.ndarray) -> None:
    windows = cut(scores)
    spans = padded(speech(scores), len(scores))
    assert all(inside(frame, windows) for a, b in spans for frame in range(a, b))
    gap = DEFAULT.gap / FRAME_SECONDS
    for (_, end), (start, _) in itertools.pairwise(spans):
        if start - end > gap:
            assert not any(a < end and b > start for a, b in windows)
    if not spans:
        assert windows == []


@given(probabilities())
def test_every_loud_frame_that_is_no_click_is_speech(scores: np.ndarray) -> None:
    spans = speech(scores)
    clicks = DEFAULT.blip / FRAME_SECONDS
    for frame in np.flatnonzero(scores >= DEFAULT.onset):
        run = scores[max(0, frame - 2) : frame + 3]
        if (run >= DEFAULT.onset).all() and len(run) > clicks:
            assert inside(int(frame), spans)


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    scores = np.full(LIMIT + 100, 0.9, np.float32)
    quiet = int(DEFAULT.easy / FRAME_SECONDS) - 100
    scores[quiet : quiet + 8] = 0.5
    (first, second) = cut(scores)
    assert first[1] == second[0]
    assert quiet <= first[1] <= quiet + 8


def test_short_sentences_share_a_window_until_it_is_full() -> None:
    sentence = [0.9] * 78 + [0.0] * 31  # 2.5 s and 1 s
    windows = cut(np.array(sentence * 12, np.float32))
    assert [round((b - a) * FRAME_SECONDS) for a, b in windows] == [20, 21]


def test_the_cut_falls_into_the_longest_pause_not_into_the_last() -> None:
    sentence = [0.9] * 78 + [0.0] * 12  # 2.5 s and 0.4 s
    spoken = sentence * 5 + [0.0] * 20
    (first, second) = cut(np.array(spoken * 2, np.float32))
    assert len(spoken) - 32 < first[1] <= second[0] < len(spoken)


def test_silence_has_no_windows() -> None:
    assert cut(np.zeros(1000, np.float32)) == []
    assert cut(np.empty(0, np.float32)) == []
