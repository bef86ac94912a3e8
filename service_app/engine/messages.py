"""What the server and a worker process tell each other over the pipe. Frozen, picklable, light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..types import Options, Segment, Window
from .backends import Capacity


@dataclass(frozen=True, slots=True)
class Task:
    """One window to decode; without a language: only to find its language."""

    pcm: Path
    window: Window
    options: Options
    language: str | None
    previous: tuple[int, ...] = ()  # what was said before it, where that is to be the prompt


@dataclass(frozen=True, slots=True)
class Batch:
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    description: str
    capacity: Capacity  # what the device's memory has room for


@dataclass(frozen=True, slots=True)
class Alive:
    """A step of the model is done; the worker asks what comes first: a Batch that shall not wait, or Go."""


@dataclass(frozen=True, slots=True)
class Go:
    """The next step of what is in hand."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One line for the log and the status."""

    reason: str


@dataclass(frozen=True, slots=True)
class Detected:
    language: str
    probability: float


Outcome = tuple[Segment, ...] | Detected | Failed


@dataclass(frozen=True, slots=True)
class Results:
    outcomes: tuple[Outcome, ...]  # in the order of the batch


Message = Ready | Alive | Failed | Results
