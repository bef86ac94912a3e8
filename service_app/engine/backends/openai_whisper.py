"""openai-whisper, the reference: PyTorch, float32 on processors, float16 on GPUs.

Windows go through its decoder together. On processors with bfloat16 units OpenVINO encodes, where it is installed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import whisper
from whisper.audio import N_FRAMES, log_mel_spectrogram, pad_or_trim
from whisper.decoding import DecodingOptions, DecodingTask
from whisper.timing import find_alignment
from whisper.tokenizer import get_tokenizer

from ...types import Word
from . import Decode, Encoded, Hypothesis, Samples, Setup, openvino
from .capacity import capacity

BEST_OF = 5  # samples at a temperature above 0, as the package's own `transcribe` takes


class OpenAIBackend:
    def __init__(self, setup: Setup) -> None:
        torch.set_num_threads(setup.threads)
        self._model = whisper.load_model(str(setup.path), device=setup.device)
        heads = torch.load(setup.path, map_location="cpu", weights_only=True, mmap=True).get("alignment_heads")
        if heads:  # checkpoints that `convert` wrote carry them; openai's own are known to the package by name
            self._model.set_alignment_heads(heads.encode("ascii"))
        elif setup.path.stem in whisper._ALIGNMENT_HEADS:
            self._model.set_alignment_heads(whisper._ALIGNMENT_HEADS[setup.path.stem])
        for block in self._model.decoder.blocks:
            block.cross_attn.forward = _folded(block.cross_attn.forward)
        self._half = setup.device == "cuda"
        self._plain = self._tokenizer("en", "transcribe")
        dims = vars(self._model.dims)
        self.capacity = capacity(dims, setup)
        self._encoder: openvino.Network | None = None
        self.description = "float16" if self._half else f"float32, threads: {setup.threads}"
        if openvino.wanted(setup.device):
            state = {k: v.float().numpy() for k, v in self._model.state_dict().items() if k.startswith("encoder.")}
            self._encoder = openvino.Network(dims, state, setup.threads)
            self.description += f", encoder: OpenVINO {self._encoder.precision}"
        self.timestamp_begin: int = self._plain.timestamp_begin
        self.languages = tuple(self._plain.all_language_codes) if self._model.is_multilingual else ("en",)
        self.context_limit: int = self._model.dims.n_text_ctx // 2 - 1

    def _tokenizer(self, language: str, task: str) -> Any:
        model = self._model
        return get_tokenizer(model.is_multilingual, num_languages=model.num_languages, language=language, task=task)

    def tokens(self, text: str) -> list[int]:
        return list(self._plain.encode(text))

    def text(self, tokens: Sequence[int]) -> str:
        return str(self._plain.decode([token for token in tokens if token < self._plain.eot]))

    def encode(self, audio: Sequence[Samples], step: Callable[[], None], prompted: Sequence[bool] = ()) -> Encoded:
        """The features stay beside their encoding: word times need them."""
        features = torch.stack(
            [pad_or_trim(log_mel_spectrogram(a, self._model.dims.n_mels, padding=160)[:, :-1], N_FRAMES) for a in audio]
        ).to(self._model.device)
        if self._half:
            features = features.half()
        if self._encoder:
            rows: list[Any] = []
            for row in features:
                if rows:
                    step()
                rows.append(self._encoder(row[None].numpy()))
            return features, torch.from_numpy(np.concatenate(rows))
        with torch.no_grad():
            return features, self._model.encoder(features)

    def rows(self, encoded: Encoded, indices: Sequence[int]) -> Encoded:
        features, states = encoded
        return features[list(indices)], states[list(indices)]

    def generate(self, encoded: Encoded, how: Decode) -> list[Hypothesis]:
        sampling = how.temperature > 0
        options = DecodingOptions(
            task=how.task,
            language=how.language,
            temperature=how.temperature,
            beam_size=None if sampling else how.beam_size,
            best_of=BEST_OF if sampling else None,
            prompt=list(how.context) or None,
            fp16=self._half,
        )
        states = encoded[1]
        if sampling:  # each row alone, with a generator that starts at its own seed
            results = []
            for row in states:
                torch.manual_seed(zlib.crc32(row.float().cpu().numpy().tobytes()) + round(1000 * how.temperature))
                results.append(_Together(self._model, options).run(row[None])[0])
        else:
            results = _Together(self._model, options).run(states)
        return [Hypothesis(tuple(r.tokens), r.avg_logprob, r.no_speech_prob) for r in results]

    def words(self, encoded: Encoded, how: Decode, tokens: Sequence[int], seconds: float) -> list[tuple[Word, int]]:
        tokenizer = self._tokenizer(how.language, how.task)
        found = find_alignment(self._model, tokenizer, list(tokens), encoded[0][0], round(seconds * 100))
        return [(Word(float(w.start), float(w.end), w.word, float(w.probability)), len(w.tokens)) for w in found]

    def detect(self, encoded: Encoded) -> list[tuple[str, float]]:
        _, ranked = whisper.detect_language(self._model, encoded[1], self._plain)
        best = [max(probabilities.items(), key=lambda item: item[1]) for probabilities in ranked]
        return [(language, float(probability)) for language, probability in best]


class _Together(DecodingTask):  # type: ignore[misc]
    """The package's beam search for several encoded windows at once, for which it forgets to repeat their encodings."""

    def _get_audio_features(self, mel: Any) -> Any:
        return mel.repeat_interleave(self.n_group, dim=0)

    def _detect_language(self, audio_features: Any, tokens: Any) -> tuple[list[str], None]:
        return [str(self.options.language)] * len(tokens), None

    def _main_loop(self, audio_features: Any, tokens: Any) -> Any:
        return super()._main_loop(audio_features[:: self.n_group], tokens)


def _folded(attend: Callable[..., Any]) -> Callable[..., Any]:
    """A decoder's look at the audio for several windows at once, which the package's beam search has no way for.

    The beams of a window all look at the same audio, so they become positions of one query: nothing is computed twice.
    """

    def forward(x: Any, xa: Any = None, mask: Any = None, kv_cache: Any = None) -> Any:
        if x.shape[0] == xa.shape[0]:
            return attend(x, xa, mask, kv_cache)
        seen, weights = attend(x.reshape(xa.shape[0], -1, x.shape[-1]), xa, mask, kv_cache)
        return seen.reshape(x.shape), weights

    return forward
