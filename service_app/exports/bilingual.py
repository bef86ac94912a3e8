"""Two transcripts of one recording beside each other: the original and its English translation, aligned by time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from ..types import Segment

_CROSSING = 0.3  # of a translated segment on each side of a boundary: then the boundary parts it


@dataclasses.dataclass(frozen=True, slots=True)
class Pair(Segment):
    """Segments of the original, as one, with what was said in English meanwhile."""

    translation: str = ""


def side_by_side(original: Sequence[Segment], translation: Sequence[Segment]) -> list[Pair]:
    """In time order; neighbours in the original are one pair where a translated segment spans them. Every word of both
    is in one pair."""
    if not original:
        return [Pair(each.start, each.end, "", translation=each.text) for each in translation]
    groups = [[original[0]]]
    for before, segment in itertools.pairwise(original):
        at = (before.end + segment.start) / 2
        if any(_parts(at, each) for each in translation):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    heard: list[list[Segment]] = [[] for _ in groups]
    for each in translation:
        heard[max(range(len(groups)), key=lambda number: _shared(groups[number], each))].append(each)
    return [_pair(said, also) for said, also in zip(groups, heard, strict=True)]


def _parts(at: float, segment: Segment) -> bool:
    return min(at - segment.start, segment.end - at) > _CROSSING * (segment.end - segment.start)


def _shared(group: Sequence[Segment], segment: Segment) -> float:
    """Seconds in common; below 0, how far apart."""
    return min(group[-1].end, segment.end) - max(group[0].start, segment.start)


def _pair(said: Sequence[Segment], heard: Sequence[Segment]) -> Pair:
    return Pair(
        start=said[0].start,
        end=max(segment.end for segment in said),
        text="".join(segment.text for segment in said),
        words=tuple(word for segment in said for word in segment.words),
        speaker=said[0].speaker,
        translation="".join(segment.text for segment in heard),
    )


def lines(segment: Segment) -> list[str]:
    """What a segment shows: its text on one line, a pair's translation on a second."""
    texts = [segment.text, segment.translation] if isinstance(segment, Pair) else [segment.text]
    return [line for line in (" ".join(text.split()) for text in texts) if line]
