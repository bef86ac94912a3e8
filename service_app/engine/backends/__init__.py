"""The protocol of a speech engine, and the door to the two of them.

A backend turns audio into tokens; it knows nothing of files, quality thresholds or users. `decoding` does the rest, the
same for every backend, so that both engines behave alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ...types import Task, Word

if TYPE_CHECKING:  # the server imports this module too, and needs no numpy
    import numpy as np
    import numpy.typing as npt

Samples: TypeAlias = "npt.NDArray[np.float32]"  # 16 kHz mono, -1..1
Encoded: TypeAlias = Any  # what `encode` gave, on whatever device; only the backend looks inside


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a device has room for."""

    compute_type: str  # as CTranslate2 calls it
    batch: int  # windows that are decoded together


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker process loads, and where."""

    engine: str  # "faster-whisper" or "openai-whisper"
    path: Path  # a CTranslate2 folder, or an openai-whisper checkpoint
    device: str  # "cpu" or "cuda"
    threads: int
    multilingual: bool
    neighbours: int = 1  # workers that share the device's memory, this one among them
    capacity: Capacity | None = None  # chosen when the device's first worker started; None: choose now


@dataclass(frozen=True, slots=True)
class Decode:
    """How to generate. Pieces of equal `Decode` go through the model together."""

    language: str
    task: Task
    context: tuple[int, ...]  # tokens said before (prompt and hot words), possibly none
    beam_size: int
    temperature: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    tokens: tuple[int, ...]  # text and time stamps, without start and end
    avg_logprob: float
    no_speech_prob: float


class Backend(Protocol):
    """One loaded model on one device."""

    description: str  # for the status: "int8, threads: 1"
    capacity: Capacity
    timestamp_begin: int  # the token of 0.00 s; 0.02 s a token
    languages: tuple[str, ...]
    context_limit: int  # most tokens of `Decode.context`

    def tokens(self, text: str) -> list[int]: ...

    def text(self, tokens: Sequence[int]) -> str:
        """The text of `tokens` without time stamps and other special tokens."""
        ...

    def encode(self, audio: Sequence[Samples], step: Callable[[], None], prompted: Sequence[bool] = ()) -> Encoded:
        """Encode pieces of at most 30 s; the result has one row for each. `step` is called between two that are encoded
        one after the other; `prompted` tells which will be decoded with text before them (default: none)."""
        ...

    def rows(self, encoded: Encoded, indices: Sequence[int]) -> Encoded: ...

    def generate(self, encoded: Encoded, how: Decode) -> list[Hypothesis]:
        """The best hypothesis for each row, whatever the others are. `how.temperature` 0 is beam search, above it is
        sampling, the same at every call."""
        ...

    def words(self, encoded: Encoded, how: Decode, tokens: Sequence[int], seconds: float) -> list[tuple[Word, int]]:
        """Word times within the piece for its text `tokens`, each with how many it takes. `encoded` has one row."""
        ...

    def detect(self, encoded: Encoded) -> list[tuple[str, float]]:
        """The most probable language and its probability for each row. Multilingual models only."""
        ...


def load(setup: Setup) -> Backend:
    """Load the model, which takes from a fraction of a second to a minute."""
    if setup.engine == "faster-whisper":
        from .ctranslate2 import CTranslate2Backend

        return CTranslate2Backend(setup)
    from .openai_whisper import OpenAIBackend

    return OpenAIBackend(setup)
