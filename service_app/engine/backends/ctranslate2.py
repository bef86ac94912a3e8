"""faster-whisper's model: CTranslate2, int8 on processors, float16 on GPUs.

    audio ─▶ features ─▶ encoder: OpenVINO on processors with bfloat16 units, else CTranslate2 ─▶ decoder: CTranslate2

A row's result does not depend on the rows beside it: encodings and beam searches are computed row by row, and every
sampled row has a random generator of its own, seeded by its encoding.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from ...types import Word
from ..convert import dimensions, encoder_state, read_variables
from . import Decode, Encoded, Hypothesis, Samples, Setup, openvino, silence
from .capacity import capacity

MAX_INITIAL_TIMESTAMP = 50  # tokens of 0.02 s: the first words begin within the first second
BEST_OF = 5  # samples at a temperature above 0, as the reference takes


class CTranslate2Backend:
    def __init__(self, setup: Setup) -> None:
        variables = read_variables(setup.path / "model.bin")
        dims = dimensions(variables)
        room = capacity(dims, setup)
        self._load: dict[str, Any] = {
            "device": setup.device,
            "compute_type": room.compute_type,
            "intra_threads": setup.threads,
            "inter_threads": 1,
        }
        self._path = str(setup.path)
        self._whisper = WhisperModel(
            self._path,
            device=setup.device,
            compute_type=room.compute_type,
            cpu_threads=setup.threads,
            num_workers=1,
            local_files_only=True,
        )
        self._model = self._whisper.model
        self._features = self._whisper.feature_extractor
        self._plain = self._tokenizer("en", "transcribe")
        self._suppressed = list(get_suppressed_tokens(self._plain, [-1]))
        self._on_gpu = setup.device == "cuda"
        self.capacity = room
        self.description = room.compute_type if self._on_gpu else f"{room.compute_type}, threads: {setup.threads}"
        network: Callable[[Any], Any] = self._own_encoder
        if openvino.wanted(setup.device):
            network = openvino.Network(dims, encoder_state(variables), setup.threads)
            self.description += f", encoder: OpenVINO {network.precision}"
        self._encoder = None if self._on_gpu else silence.Encoder(network, dims["n_mels"])
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

    def encode(self, audio: Sequence[Samples], step: Callable[[], None], prompted: Sequence[bool] = ()) -> Encoded:
        """On GPUs what CTranslate2 gave; on processors an array for each piece, which are encoded one by one: together
        they are no faster, and which come together must not matter. Silence fills each piece up to 30 s, as in
        training: with less of it the model drops last words."""
        features = [self._features(samples)[..., :-1] for samples in audio]
        if self._encoder is None:
            padded = np.ascontiguousarray(np.stack([pad_or_trim(one) for one in features]))
            return self._model.encode(ctranslate2.StorageView.from_array(padded))
        rows: list[Any] = []
        for one, whole in zip(features, prompted or [False] * len(features), strict=True):
            if rows:
                step()
            rows.append(self._encoder(one, whole=whole))
        return rows

    def _own_encoder(self, features: Any) -> Any:
        return np.array(self._model.encode(ctranslate2.StorageView.from_array(features)))

    def rows(self, encoded: Encoded, indices: Sequence[int]) -> Encoded:
        if not self._on_gpu:
            return [encoded[index] for index in indices]
        if len(indices) == encoded.shape[0]:
            return encoded
        on_cpu = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(on_cpu[list(indices)]))

    def _view(self, encoded: Encoded) -> Any:
        """All rows as CTranslate2 takes them."""
        return encoded if self._on_gpu else ctranslate2.StorageView.from_array(np.stack(encoded))

    def generate(self, encoded: Encoded, how: Decode) -> list[Hypothesis]:
        if how.temperature > 0:
            rows = len(encoded) if isinstance(encoded, list) else encoded.shape[0]
            return [self._sampled(self.rows(encoded, [index]), how) for index in range(rows)]
        results = self._generate(self._model, self._view(encoded), how, beam_size=how.beam_size)
        return [self._hypothesis(result) for result in results]

    def _sampled(self, encoded: Encoded, how: Decode) -> Hypothesis:
        """CTranslate2 seeds a thread's random generator once, so a reproducible sample takes a model with new threads.

        Loading one costs less than the decoding that has just failed.
        """
        view = self._view(encoded)
        bits = np.asarray(view.to_device(ctranslate2.Device.cpu) if self._on_gpu else view).tobytes()
        ctranslate2.set_random_seed((zlib.crc32(bits) + round(1000 * how.temperature)) % 2**32)
        (result,) = self._generate(
            ctranslate2.models.Whisper(self._path, **self._load),
            view,
            how,
            beam_size=1,
            num_hypotheses=BEST_OF,
            sampling_topk=0,
            sampling_temperature=how.temperature,
        )
        return self._hypothesis(result)

    def _generate(self, model: Any, view: Any, how: Decode, **search: Any) -> list[Any]:
        tokenizer = self._tokenizer(how.language, how.task)
        prompt = [tokenizer.sot_prev, *how.context] if how.context else []
        prompt += tokenizer.sot_sequence
        found: list[Any] = model.generate(
            view,
            [prompt] * view.shape[0],
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
            **search,
        )
        return found

    @staticmethod
    def _hypothesis(result: Any) -> Hypothesis:
        tokens = tuple(result.sequences_ids[0])
        # The score is the mean over the tokens; the reference counts the closing token too.
        return Hypothesis(tokens, result.scores[0] * len(tokens) / (len(tokens) + 1), result.no_speech_prob)

    def words(self, encoded: Encoded, how: Decode, tokens: Sequence[int], seconds: float) -> list[tuple[Word, int]]:
        frames = round(seconds * self._whisper.frames_per_second)
        tokenizer = self._tokenizer(how.language, how.task)
        view = self._view(encoded)
        (found,) = self._whisper.find_alignment(tokenizer, [list(tokens)], view, frames)
        return [
            (Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"])), len(w["tokens"]))
            for w in found
        ]

    def detect(self, encoded: Encoded) -> list[tuple[str, float]]:
        ranked = self._model.detect_language(self._view(encoded))
        return [(one[0][0][2:-2], float(one[0][1])) for one in ranked]
