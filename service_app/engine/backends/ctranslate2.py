"""faster-whisper's model: CTranslate2, int8 on processors, float16 on GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from ...types import Word
from . import Decode, Encoded, Hypothesis, Samples, Setup

MAX_INITIAL_TIMESTAMP = 50  # tokens of 0.02 s: the first words begin within the first second
BEST_OF = 5  # samples at a temperature above 0, as the reference takes


class CTranslate2Backend:
    def __init__(self, setup: Setup) -> None:
        compute = "float16" if setup.device == "cuda" else "int8"
        self._whisper = WhisperModel(
            str(setup.path),
            device=setup.device,
            compute_type=compute,
            cpu_threads=setup.threads,
            num_workers=1,
            local_files_only=True,
        )
        self._model = self._whisper.model
        self._features = self._whisper.feature_extractor
        self._plain = self._tokenizer("en", "transcribe")
        self._suppressed = list(get_suppressed_tokens(self._plain, [-1]))
        self.description = f"{compute}, threads: {setup.threads}" if setup.device == "cpu" else compute
        self.timestamp_begin: int = self._plain.timestamp_begin
        self.languages = tuple(self._whisper.supported_languages)
        self.context_limit: int = self._whisper.max_length // 2 - 1

    @lru_cache(maxsize=256)  # noqa: B019  (one backend lives as long as its process)
    def _tokenizer(self, language: str, task: str) -> Any:
        return Tokenizer(self._whisper.hf_tokenizer, self._model.is_multilingual, task=task, language=language)

    def tokens(self, text: str) -> list[int]:
        return list(self._plain.encode(text))

    def text(self, tokens: Sequence[int]) -> str:
        return str(self._plain.decode(list(tokens)))

    def encode(self, audio: Sequence[Samples]) -> Encoded:
        features = np.stack([pad_or_trim(self._features(samples)[..., :-1]) for samples in audio])
        return self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(features)))

    def rows(self, encoded: Encoded, indices: Sequence[int]) -> Encoded:
        if len(indices) == encoded.shape[0]:
            return encoded
        on_cpu = encoded.to_device(ctranslate2.Device.cpu) if encoded.device == "cuda" else encoded
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(on_cpu)[list(indices)]))

    def generate(self, encoded: Encoded, how: Decode) -> list[Hypothesis]:
        tokenizer = self._tokenizer(how.language, how.task)
        prompt = [tokenizer.sot_prev, *how.context] if how.context else []
        prompt += tokenizer.sot_sequence
        search = (
            {"beam_size": 1, "num_hypotheses": BEST_OF, "sampling_topk": 0, "sampling_temperature": how.temperature}
            if how.temperature > 0
            else {"beam_size": how.beam_size}
        )
        results = self._model.generate(
            encoded,
            [prompt] * encoded.shape[0],
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
            **search,
        )
        return [self._hypothesis(result) for result in results]

    @staticmethod
    def _hypothesis(result: Any) -> Hypothesis:
        tokens = tuple(result.sequences_ids[0])
        # The score is the mean over the tokens; the reference counts the closing token too.
        return Hypothesis(tokens, result.scores[0] * len(tokens) / (len(tokens) + 1), result.no_speech_prob)

    def words(self, encoded: Encoded, how: Decode, tokens: Sequence[int], seconds: float) -> list[tuple[Word, int]]:
        frames = round(seconds * self._whisper.frames_per_second)
        tokenizer = self._tokenizer(how.language, how.task)
        (found,) = self._whisper.find_alignment(tokenizer, [list(tokens)], encoded, frames)
        return [
            (Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"])), len(w["tokens"]))
            for w in found
        ]

    def detect(self, encoded: Encoded) -> list[tuple[str, float]]:
        return [(ranked[0][0][2:-2], float(ranked[0][1])) for ranked in self._model.detect_language(encoded)]
