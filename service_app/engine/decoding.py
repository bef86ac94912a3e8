"""The quality of the text, the same for every backend: what to believe, what to decode again, what to leave out.

    pieces ─▶ encode together ─▶ generate together ─▶ judge each ─▶ (hotter, alone) ─▶ cues ─▶ rest of the piece, if any

A piece is a window, or what is left of one when the model stopped writing before the window's end. The thresholds
follow the reference (openai-whisper, transcribe.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..types import Options, Segment, Window
from . import transcript
from .backends import Backend, Decode, Encoded, Hypothesis, Samples
from .pcm import RATE

MAX_COMPRESSION = 2.4  # more is a loop
MIN_LOGPROB = -1.0  # less is a guess
# Nothing was said: probably silent and a guess; or surely silent and not quite certain (on digital silence Whisper
# writes "You" with a no-speech probability of 0.95).
SILENCE = ((0.6, MIN_LOGPROB), (0.9, -0.5))  # no-speech probability above, mean log-probability below
MIN_REST = 2.0  # seconds of a window worth a second look; the pads of its cut are shorter
MIN_STEP = 1.0  # seconds that a look must have written down for another one to follow


@dataclass(frozen=True, slots=True)
class Request:
    """One window with its audio."""

    window: Window
    audio: Samples
    language: str
    options: Options
    previous: tuple[int, ...] = ()  # tokens of the text before it


@dataclass(frozen=True, slots=True)
class _Piece:
    request: Request
    index: int  # of the request
    start: float  # seconds into the window

    @property
    def audio(self) -> Samples:
        return self.request.audio[round(self.start * RATE) :]

    @property
    def seconds(self) -> float:
        return len(self.audio) / RATE


@dataclass(frozen=True, slots=True)
class _Judged:
    """A hypothesis and what the thresholds need to know of it."""

    hypothesis: Hypothesis
    temperature: float
    compression: float

    @property
    def silent(self) -> bool:
        heard = self.hypothesis
        return any(heard.no_speech_prob > silent and heard.avg_logprob < guess for silent, guess in SILENCE)

    @property
    def good(self) -> bool:
        return self.silent or (self.compression <= MAX_COMPRESSION and self.hypothesis.avg_logprob >= MIN_LOGPROB)


def decode(
    backend: Backend, requests: Sequence[Request], step: Callable[[], None] = lambda: None
) -> list[tuple[Segment, ...]]:
    """The segments of each window, with absolute times. `step` is called after each step of the model."""
    found: list[list[Segment]] = [[] for _ in requests]
    pieces = [_Piece(request, index, 0.0) for index, request in enumerate(requests)]
    while pieces:
        hows = [_how(backend, piece.request, found[piece.index]) for piece in pieces]
        encoded = backend.encode([piece.audio for piece in pieces], step, [bool(how.context) for how in hows])
        step()
        groups: dict[Decode, list[int]] = {}
        for row, how in enumerate(hows):
            groups.setdefault(how, []).append(row)
        rest: list[_Piece] = []
        for how, rows in groups.items():
            hypotheses = backend.generate(backend.rows(encoded, rows), how)
            step()
            for row, hypothesis in zip(rows, hypotheses, strict=True):
                piece = pieces[row]
                judged = _judge(backend, hypothesis, how.temperature)
                if not judged.good:
                    judged = _climb(
                        backend, backend.rows(encoded, [row]), how, [judged], piece.request.options.temperature[1:]
                    )
                    step()
                segments, until = _segments(backend, piece, judged)
                if segments and piece.request.options.word_timestamps:
                    segments = _timed(backend, backend.rows(encoded, [row]), how, piece, segments)
                    step()
                found[piece.index].extend(segments)
                if MIN_STEP <= until < piece.seconds - MIN_REST:
                    rest.append(_Piece(piece.request, piece.index, piece.start + until))
        pieces = rest
    return [tuple(segments) for segments in found]


def _how(backend: Backend, request: Request, found: Sequence[Segment]) -> Decode:
    """`found`: what the window's pieces before this one said."""
    options = request.options
    said = ", ".join(options.hotwords)
    words = backend.tokens(" " + said.strip()) if said else []
    prompt = backend.tokens(" " + options.prompt.strip()) if options.prompt and options.prompt.strip() else []
    context = (words[: backend.context_limit // 2] + prompt)[-backend.context_limit :]
    if options.condition_on_previous_text:
        room = backend.context_limit - len(context)
        said_before = transcript.carried(found, request.previous)
        context += said_before[max(0, len(said_before) - room) :]
    return Decode(
        language=request.language,
        task=options.task,
        context=tuple(context),
        beam_size=options.beam_size,
        temperature=options.temperature[0],
    )


def _climb(
    backend: Backend, encoded: Encoded, how: Decode, tried: list[_Judged], temperatures: Sequence[float]
) -> _Judged:
    """Try hotter and hotter: the first that is good; if none is, the likeliest of those that do not loop."""
    for temperature in temperatures:
        (hypothesis,) = backend.generate(encoded, replace(how, temperature=temperature))
        tried.append(_judge(backend, hypothesis, temperature))
        if tried[-1].good:
            return tried[-1]
    sober = [j for j in tried if j.compression <= MAX_COMPRESSION]
    if sober:
        return max(sober, key=lambda j: j.hypothesis.avg_logprob)
    return min(tried, key=lambda j: j.compression)


def require_number(probability: float) -> None:
    """Raises ArithmeticError for NaN: every comparison with it is false, so it would pass for good or for nothing."""
    if math.isnan(probability):
        raise ArithmeticError("the model's probabilities are no numbers (NaN): its weights or the device are broken")


def _judge(backend: Backend, hypothesis: Hypothesis, temperature: float) -> _Judged:
    if hypothesis.tokens:
        require_number(hypothesis.avg_logprob)
        require_number(hypothesis.no_speech_prob)
    text = backend.text(hypothesis.tokens).strip()
    return _Judged(hypothesis, temperature, transcript.compression_ratio(text) if text else 0.0)


def _segments(backend: Backend, piece: _Piece, judged: _Judged) -> tuple[tuple[Segment, ...], float]:
    """The segments of a piece, and up to where (seconds into the piece) it was written down."""
    if judged.silent:
        return (), piece.seconds
    hypothesis = judged.hypothesis
    cues, until = transcript.cues(hypothesis.tokens, backend.timestamp_begin, piece.seconds)
    offset = piece.request.window.start + piece.start
    segments = tuple(
        Segment(
            start=round(offset + cue.start, 3),
            end=round(offset + cue.end, 3),
            text=text,
            tokens=cue.tokens,
            temperature=judged.temperature,
            avg_logprob=hypothesis.avg_logprob,
            compression_ratio=judged.compression,
            no_speech_prob=hypothesis.no_speech_prob,
        )
        for cue in cues
        if cue.end > cue.start and (text := backend.text(cue.tokens)).strip()
    )
    return segments, until


def _timed(
    backend: Backend, encoded: Encoded, how: Decode, piece: _Piece, segments: tuple[Segment, ...]
) -> tuple[Segment, ...]:
    offset = piece.request.window.start + piece.start
    tokens = [token for segment in segments for token in segment.tokens]
    words = backend.words(encoded, how, tokens, piece.seconds)
    shifted = [
        (replace(word, start=round(word.start + offset, 3), end=round(word.end + offset, 3)), taken)
        for word, taken in words
    ]
    return transcript.attach_words(segments, shifted)
