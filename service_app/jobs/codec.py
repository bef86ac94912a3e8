"""Job values as JSON for the database. Rows outlive releases: unknown keys are ignored, missing ones get defaults."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ..types import Failure, Options, Plan, Segment, Window, Word

# Threads that build objects side by side get nothing done sooner; the event loop waits for a turn among them all.
_ONE = threading.Lock()
_WORDS = '"words":['
_AFTER_WORDS = '],"speaker":'


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _known(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    names = _names(kind)
    return {name: value for name, value in data.items() if name in names}


def dump_options(options: Options) -> str:
    return _dump(dataclasses.asdict(options))


def load_options(text: str) -> Options:
    data = _known(Options, json.loads(text))
    for name in ("hotwords", "languages", "temperature"):
        if name in data:
            data[name] = tuple(data[name])
    return Options(**data)


def dump_failure(failure: Failure | None) -> str | None:
    return None if failure is None else _dump(dataclasses.asdict(failure))


def load_failure(text: str | None) -> Failure | None:
    return None if text is None else Failure(**_known(Failure, json.loads(text)))


def dump_plan(plan: Plan) -> str:
    return _dump(dataclasses.asdict(plan))


def load_plan(text: str) -> Plan:
    data = _known(Plan, json.loads(text))
    data["windows"] = tuple(Window(**_known(Window, window)) for window in data["windows"])
    return Plan(**data)


def plain(segment: Segment) -> dict[str, Any]:
    """What `dataclasses.asdict` gives, in a fifth of its time: it is asked for every word of a long transcript."""
    data = {name: getattr(segment, name) for name in _names(Segment)}
    names = _names(Word)
    data["words"] = [{name: getattr(word, name) for name in names} for word in segment.words]
    return data


# A transcript is written and read segment by segment: one call of `json` for two hours of speech holds up every other
# thread, the event loop too, for as long as it takes.
def dump_segments(segments: Iterable[Segment]) -> str:
    return f"[{','.join(_dump(plain(segment)) for segment in segments)}]"


def load_segments(text: str, *, words: bool = True) -> list[Segment]:
    """Without `words` they are left out, which takes a tenth of the time."""
    with _ONE:
        return [_segment(data) for data in _entries(text if words or not _ours(text) else _wordless(text))]


def joined(texts: Iterable[str]) -> str:
    """Several lists of segments as one, each segment as `plain` gives it. What this release has stored is that already:
    no object is made of a transcript that is only passed on."""
    inner = (text[1:-1] if _ours(text) else dump_segments(load_segments(text))[1:-1] for text in texts)
    return f"[{','.join(filter(None, inner))}]"


def _ours(text: str) -> bool:
    """Whether a list was stored with the fields of this release, in their order. A list is of one release, so the first
    segment and the first word tell. (Within a string quotes are escaped: the marks below are never part of a text.)"""
    if text == "[]":
        return True
    decode = json.JSONDecoder().raw_decode
    at = text.find(_WORDS + "{")
    return tuple(decode(text, 1)[0]) == _names(Segment) and (
        at < 0 or tuple(decode(text, at + len(_WORDS))[0]) == _names(Word)
    )


def _wordless(text: str) -> str:
    pieces, at = [], 0
    while (begin := text.find(_WORDS, at)) >= 0:
        pieces.append(text[at : begin + len(_WORDS)])
        at = text.index(_AFTER_WORDS, begin)
    return "".join([*pieces, text[at:]])


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """Of a list as `dump_segments` writes it: without spaces."""
    decode = json.JSONDecoder().raw_decode
    at = 1
    while text[at] != "]":
        entry, at = decode(text, at)
        yield entry
        at += text[at] == ","


def _segment(data: dict[str, Any]) -> Segment:
    data = _known(Segment, data)
    data["tokens"] = tuple(data.get("tokens", ()))
    data["words"] = tuple([_word(word) for word in data.get("words", ())])
    return Segment(**data)


def _word(data: dict[str, Any]) -> Word:
    try:
        return Word(**data)
    except TypeError:  # of another release
        return Word(**_known(Word, data))
