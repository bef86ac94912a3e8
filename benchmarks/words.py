"""What was heard compared with what should have been heard, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of words. `longest_gap` is the longest run of deleted words: a lost sentence shows here."""

    reference: int
    substituted: int
    deleted: int
    inserted: int
    longest_gap: int

    @property
    def error_rate(self) -> float:
        return (self.substituted + self.deleted + self.inserted) / max(1, self.reference)

    @property
    def deletion_rate(self) -> float:
        return self.deleted / max(1, self.reference)


def total(parts: Iterable[Comparison]) -> Comparison:
    """Of several recordings together."""
    every = list(parts)
    return Comparison(
        reference=sum(part.reference for part in every),
        substituted=sum(part.substituted for part in every),
        deleted=sum(part.deleted for part in every),
        inserted=sum(part.inserted for part in every),
        longest_gap=max((part.longest_gap for part in every), default=0),
    )


def words(text: str) -> list[str]:
    """Lower case, without punctuation."""
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()


def compare(reference: Sequence[str], heard: Sequence[str]) -> Comparison:
    """The cheapest way to change the reference into what was heard (Levenshtein, over words)."""
    width = len(heard) + 1
    costs = [list(range(width))]
    for row, word in enumerate(reference, 1):
        above, line = costs[-1], [row]
        for column in range(1, width):
            same = above[column - 1] + (word != heard[column - 1])
            line.append(min(same, above[column] + 1, line[-1] + 1))
        costs.append(line)
    row, column = len(reference), len(heard)
    substituted = inserted = 0
    gone: list[int] = []
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + (reference[row - 1] != heard[column - 1]):
            substituted += reference[row - 1] != heard[column - 1]
            row, column = row - 1, column - 1
        elif row and here == costs[row - 1][column] + 1:
            gone.append(row)
            row -= 1
        else:
            inserted += 1
            column -= 1
    return Comparison(len(reference), substituted, len(gone), inserted, _longest_run(gone))


def _longest_run(positions: Sequence[int]) -> int:
    longest = run = 1 if positions else 0
    for one, other in pairwise(positions):  # descending
        run = run + 1 if one - other == 1 else 1
        longest = max(longest, run)
    return longest
