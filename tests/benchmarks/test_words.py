from __future__ import annotations

import pytest

from benchmarks.measures import Row
from benchmarks.words import Comparison, compare, spoken, words


@pytest.mark.parametrize(
    ("said", "heard", "counts"),
    [
        ("a b c", "a b c", (3, 0, 0, 0, 0)),
        ("a b c", "a x c", (3, 1, 0, 0, 0)),
        ("a b c d e", "a e", (5, 0, 3, 0, 3)),
        ("a b c d e", "a c e", (5, 0, 2, 0, 1)),
        ("a", "a b", (1, 0, 0, 1, 0)),
        ("", "a", (0, 0, 0, 1, 0)),
        ("a", "", (1, 0, 1, 0, 1)),
    ],
)
def test_words_are_compared(said: str, heard: str, counts: tuple[int, ...]) -> None:
    assert compare(said.split(), heard.split()) == Comparison(*counts)


@pytest.mark.parametrize(
    ("said", "heard", "kept"),
    [
        ("a b c", "a x c", "a x c"),  # misheard, not invented
        ("a b c", "a b p q r s c", "a b p q r s c"),
        ("a b c", "a b p q r s t c", "a b c"),
        ("a b c", "a b c p q r s t", "a b c"),
    ],
)
def test_what_was_invented_is_left_out(said: str, heard: str, kept: str) -> None:
    assert spoken(said.split(), heard.split()) == kept.split()


def test_punctuation_and_case_do_not_count() -> None:
    assert words("Ever tried. Ever FAILED; don't!") == ["ever", "tried", "ever", "failed", "don't"]


def test_a_goal_is_reached_from_its_own_side() -> None:
    assert Row("work", "peer", 12, 11).reached
    assert not Row("work", "peer", 12, 11, low=True).reached
