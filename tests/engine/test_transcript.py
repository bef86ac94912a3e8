from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service_app.engine.transcript import Cue, attach_words, compression_ratio, cues
from service_app.types import Segment, Word

BEGIN = 1000


def at(seconds: float) -> int:
    return BEGIN + round(seconds / 0.02)


def test_complete_cues_say_how_far_the_piece_was_written_down() -> None:
    tokens = [at(0), 1, 2, at(2), at(2.5), 3, at(4)]
    assert cues(tokens, BEGIN, 10) == ([Cue(0, 2, (1, 2)), Cue(2.5, 4, (3,))], 4)


def test_an_open_sentence_is_left_for_the_next_look() -> None:
    assert cues([at(0), 1, at(2), at(3), 2], BEGIN, 10) == ([Cue(0, 2, (1,))], 3)


def test_text_without_time_stamps_fills_the_piece() -> None:
    assert cues([1, 2], BEGIN, 7) == ([Cue(0, 7, (1, 2))], 7)


def test_no_text_means_that_the_piece_is_done() -> None:
    assert cues([], BEGIN, 7) == ([], 7)
    assert cues([at(0), at(1)], BEGIN, 7) == ([], 7)


@given(st.lists(st.integers(1, BEGIN + 1500), max_size=40), st.floats(0.5, 30))
def test_no_token_is_invented_and_times_stay_inside(tokens: list[int], seconds: float) -> None:
    found, until = cues(tokens, BEGIN, seconds)
    assert 0 <= until <= seconds
    said = [token for cue in found for token in cue.tokens]
    assert said == [token for token in tokens if token < BEGIN][: len(said)]
    assert all(0 <= cue.start <= cue.end <= seconds for cue in found)


def test_punctuation_joins_its_word_and_words_stay_in_their_segment() -> None:
    segments = [Segment(1.0, 2.0, " Hello, “you”", (1, 2, 3, 4, 5)), Segment(2.0, 3.0, " there.", (6, 7))]
    timed = [
        (Word(0.9, 1.4, " Hello", 0.9), 1),
        (Word(1.4, 1.5, ",", 0.8), 1),
        (Word(1.5, 1.6, " “", 0.8), 1),
        (Word(1.6, 2.2, "you", 0.7), 1),
        (Word(2.2, 2.2, "”", 0.7), 1),
        (Word(2.2, 2.8, " there", 0.9), 1),
        (Word(2.8, 2.9, ".", 0.9), 1),
    ]
    first, second = attach_words(segments, timed)
    assert [word.text for word in first.words] == [" Hello,", " “you”"]
    assert [word.text for word in second.words] == [" there."]
    assert (first.words[0].start, first.words[1].end) == (1.0, 2.0)


def test_repetition_compresses() -> None:
    assert compression_ratio("again and " * 30) > 2.4
    assert compression_ratio("Ever tried. Ever failed. No matter.") < 2.4
