"""The values that flow between the page, the API, the jobs and the engine. All frozen; times are seconds from the
start of the recording; text is as the model wrote it (a segment's text keeps its leading space)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Task = Literal["transcribe", "translate"]
Script = Literal["hans", "hant"]  # simplified, traditional Chinese (ISO 15924)
Punctuation = Literal["keep", "full", "none"]

# openai-whisper's ladder: a window that fails the quality thresholds is decoded again, one step hotter
# (openai/whisper, transcribe.py, `temperature`).
TEMPERATURE_LADDER = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Lane(StrEnum):
    """Who waits for the result; the scheduler serves them in this order, with aging."""

    INTERACTIVE = "interactive"  # a person looks at the page
    API = "api"  # a program waits for the answer
    BULK = "bulk"  # nobody waits


class JobState(StrEnum):
    """The life of a job. `queued` and `running` survive a restart; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose for one recording."""

    task: Task = "transcribe"
    language: str | None = None  # ISO 639-1, as openai-whisper spells it; None: detect
    languages: tuple[str, ...] = ()  # the languages it may be, where it is detected; empty: any
    model: str | None = None  # None: the installed default
    prompt: str | None = None
    hotwords: tuple[str, ...] = ()
    temperature: tuple[float, ...] = TEMPERATURE_LADDER
    word_timestamps: bool = False
    beam_size: int = 5
    script: Script | None = None  # of Chinese text; None: as recognised
    punctuation: Punctuation = "keep"  # full: full-width in Chinese text; none: without stops
    condition_on_previous_text: bool = False  # each window with the text before it as prompt, one after the other


@dataclass(frozen=True, slots=True)
class Word:
    start: float
    end: float
    text: str  # keeps its leading space
    probability: float  # 0..1


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of text, with the quality figures that OpenAI's verbose_json reports."""

    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[Word, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of at most 30 s of the recording that is decoded in one go; `index` counts from 0 without gaps."""

    index: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to decode. No window means no speech."""

    duration: float
    speech_seconds: float
    language: str  # chosen or detected, ISO 639-1
    language_probability: float  # 1.0 when chosen
    windows: tuple[Window, ...]
    complete: bool = True  # False: the file is damaged and a part of it could not be read


@dataclass(frozen=True, slots=True)
class WindowResult:
    """The text of one window; segment times are absolute. `segments` is empty where nothing was said."""

    window: Window
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    name: str  # "cpu:0", "cuda:1"
    alive: bool
    description: str = ""
    memory_used: int | None = None  # bytes, where the device tells
    memory_total: int | None = None
    losses: int = 0  # worker processes that died, hung or did not load


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """`ready` means that every device answers; else `reason` says what is awaited or what failed."""

    ready: bool
    reason: str
    engine: str  # "faster-whisper" or "openai-whisper"
    model: str
    devices: tuple[DeviceStatus, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    name: str  # "tiny.en", "large-v2"
    engines: tuple[str, ...]  # engines for which its weights are installed
    multilingual: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without its text. `zh` and `en` say what happened and what to do; `status` is the HTTP status
    for a program that waited for it."""

    code: str
    zh: str
    en: str
    status: int = 500

    def text(self, language: str) -> str:
        return self.zh if language.lower().startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and what became of it; `progress` is 0..1 of its speech."""

    id: str
    owner: str
    name: str  # the file name as uploaded
    state: JobState
    options: Options
    lane: Lane
    created: float  # Unix time
    started: float | None = None
    finished: float | None = None
    progress: float = 0.0
    duration: float | None = None
    language: str | None = None
    failure: Failure | None = None
    text: str = field(default="", repr=False)  # all segments joined; private, so never in a repr
    size: int = 0  # bytes of the recording
    version: int = 0  # how often its text was saved by hand; 0: as recognised
    edited: bool = False
    complete: bool = True  # False: the file is damaged and a part of it could not be read
    source: str | None = None  # the job whose recording this one takes up again
