"""What was heard compared with what should have been heard, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise


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
    pairs = _aligned(reference, heard)
    substituted = sum(
        row is not None and column is not None and reference[row] != heard[column] for row, column in pairs
    )
    gone = [row for row, column in pairs if row is not None and column is None]
    inserted = sum(row is None for row, _ in pairs)
    return Comparison(len(reference), substituted, len(gone), inserted, _longest_run(gone))


def spoken(said: Sequence[str], heard: Sequence[str], longest: int = 4) -> list[str]:
    """What was heard without its inventions: runs of more than `longest` words that nobody said."""
    pairs = _aligned(said, heard)
    kept: list[str] = []
    for nobody, run in groupby(pairs, key=lambda pair: pair[0] is None):
        columns = [column for _, column in run if column is not None]
        if not nobody or len(columns) <= longest:
            kept += [heard[column] for column in columns]
    return kept


def _aligned(reference: Sequence[str], heard: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Which word of the reference became which: (position, position), in order; None: deleted or inserted."""
    width = len(heard) + 1
    costs = [list(range(width))]
    for row, word in enumerate(reference, 1):
        above, line = costs[-1], [row]
        for column in range(1, width):
            same = above[column - 1] + (word != heard[column - 1])
            line.append(min(same, above[column] + 1, line[-1] + 1))
        costs.append(line)
    row, column = len(reference), len(heard)
    pairs: list[tuple[int | None, int | None]] = []
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + (reference[row - 1] != heard[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif row and here == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((row, None))
        else:
            column -= 1
            pairs.append((None, column))
    return pairs[::-1]


def _longest_run(positions: Sequence[int]) -> int:
    longest = run = 1 if positions else 0
    for one, other in pairwise(positions):
        run = run + 1 if other - one == 1 else 1
        longest = max(longest, run)
    return longest
