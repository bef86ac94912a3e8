"""The transcript as OpenAI's `verbose_json`, which is also our JSON export."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..languages import language_name
from ..types import Job, Segment
from .bilingual import Pair

_LEAST = 1e-10
_SEEK_FRAMES_PER_SECOND = 100  # openai-whisper counts `seek` in mel frames of 10 ms


def plain_text(segments: Sequence[Segment]) -> str:
    """All text in one line; segments carry their own spaces."""
    return "".join(segment.text for segment in segments).strip()


def usage(job: Job) -> dict[str, Any]:
    """Whole seconds, rounded up, as OpenAI bills them."""
    return {"type": "duration", "seconds": math.ceil(job.duration or 0.0)}


def verbose(job: Job, segments: Sequence[Segment], *, words: bool) -> dict[str, Any]:
    """The body of OpenAI's `verbose_json`; `words` adds the list of words at the top level."""
    translated = job.options.task == "translate"
    body: dict[str, Any] = {
        "task": job.options.task,
        "language": "english" if translated else language_name(job.language or ""),
        "duration": job.duration or 0.0,
        "text": plain_text(segments),
        "segments": [
            {
                "id": number,
                "seek": round(segment.start * _SEEK_FRAMES_PER_SECOND),
                "start": segment.start,
                "end": segment.end,
                "text": segment.text,
                "tokens": list(segment.tokens),
                "temperature": segment.temperature,
                "avg_logprob": segment.avg_logprob,
                "compression_ratio": segment.compression_ratio,
                "no_speech_prob": segment.no_speech_prob,
                **({"translation": segment.translation} if isinstance(segment, Pair) else {}),
            }
            for number, segment in enumerate(segments)
        ],
        "usage": usage(job),
    }
    if words:
        body["words"] = [
            {"word": word.text.strip(), "start": word.start, "end": word.end}
            for segment in segments
            for word in segment.words
        ]
    return body


def logprobs(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """OpenAI's `logprobs`, with words for tokens: the models tell a probability for each word."""
    return [
        {"token": word.text, "logprob": math.log(max(word.probability, _LEAST)), "bytes": list(word.text.encode())}
        for segment in segments
        for word in segment.words
    ]
