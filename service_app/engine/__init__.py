"""Speech to text: from a media file to windows, from windows to segments.

    plan:    media file ─▶ child process: samples beside the file, speech, windows ─▶ language of the first one
    decode:  window ─▶ scheduler (lanes, fairness, cancel) ─▶ worker process of a device ─▶ segments

The server itself loads no speech library: models live in worker processes, hostile files are opened in child processes,
and either may crash. Nothing needs the network.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from pathlib import Path

from ..errors import BadRequest, Unavailable, UserError
from ..languages import LANGUAGES
from ..types import DeviceStatus, EngineStatus, Lane, ModelInfo, Options, Plan, Window, WindowResult
from .backends import Setup
from .coverage import Coverage, coverage
from .devices import Device, find
from .media import Extractor
from .messages import Detected, Outcome, Task
from .models import ALIASES, Weights, catalog, choose
from .pcm import pcm_path
from .pool import Pool
from .tickets import Ticket, not_ready

__all__ = ["Coverage", "Engine", "coverage", "pcm_path"]

MAX_SECONDS = 12 * 3600.0
HANG_SECONDS = 300.0  # one step of a large model on a slow processor takes a minute
LANGUAGE_TRIES = 3  # windows asked for their language before the most probable answer is taken
LANGUAGE_SURE = 0.5
CANCEL_SECONDS = 0.2  # between two looks at the caller's cancel while it waits


class Engine:
    """Transcribes on every device. Thread-safe; see docs/architecture.md for the contract.

    `engine`: "auto" | "faster-whisper" | "openai-whisper"; `device`: "auto" | "cpu" | "cuda" | "cuda:0,1"; `workers`:
    processes on the CPU (default: one for each core, at most 8); `max_seconds`: of a recording; `hang_seconds`: without
    a sign of life after which a worker is replaced; `idle_seconds`: without work after which a worker gives its memory
    back, to load again when work comes (default: never).
    """

    def __init__(
        self,
        *,
        models_dir: Path,
        model: str = "auto",
        engine: str = "auto",
        device: str = "auto",
        workers: int | None = None,
        max_seconds: float = MAX_SECONDS,
        hang_seconds: float = HANG_SECONDS,
        idle_seconds: float | None = None,
    ) -> None:
        self._models_dir, self._hang_seconds, self._idle_seconds = models_dir, hang_seconds, idle_seconds
        self._weights: Weights | None = None
        self._wanted = (model, engine)
        self._problem: UserError | None = None
        devices: tuple[Device, ...] = ()
        try:
            self._weights = choose(models_dir, model, engine)
            devices = find(device, workers)
        except UserError as problem:  # told by status(), so that the page can tell it too
            self._problem = problem
        self._devices = devices
        self._pool: Pool | None = None
        self._extractor = Extractor(max_seconds=max_seconds, parallel=max(2, os.cpu_count() or 2))
        self._life = threading.Lock()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to load the model on every device and return at once."""
        with self._life:
            weights = self._weights
            if self._pool or self._problem or weights is None:
                return
            self._pool = self._pool_of(weights)
            self._extractor.open()
            self._pool.start()

    def _pool_of(self, weights: Weights) -> Pool:
        def setup(device: Device) -> Setup:
            return Setup(
                weights.engine, weights.path, device.kind, device.threads, weights.multilingual, device.neighbours
            )

        return Pool(self._devices, setup, hang_seconds=self._hang_seconds, idle_seconds=self._idle_seconds)

    def swap(self, model: str, engine: str = "auto") -> None:
        """Change to other installed weights without dropping a window. Blocks while they are loaded beside the ones in
        use (both need memory); from then on windows go to the new ones, and those that waited end with the old ones.

        Raises Unavailable, with everything as it was, when the weights are not installed or do not load.
        """
        with self._life:
            old = self._running()
            weights = choose(self._models_dir, model, engine)
            new = self._pool_of(weights)
            new.start()
            problem = new.await_ready()
            if problem:
                new.stop()
                raise not_ready(problem)
            self._pool, self._weights = new, weights
        old.finish()

    def stop(self) -> None:
        """End every process of the engine; what waits or runs fails with `engine_stopped`. May be started again."""
        with self._life:
            pool, self._pool = self._pool, None
            self._extractor.close()
            if pool:
                pool.stop()

    def status(self) -> EngineStatus:
        """What is up now. `reason` is "" when ready."""
        pool = self._pool
        devices = pool.status() if pool else tuple(DeviceStatus(d.name, False, "stopped") for d in self._devices)
        if self._problem:
            reason = self._problem.text("en")
        elif not pool:
            reason = "not started"
        else:
            reason = "; ".join(f"{d.name}: {d.description}" for d in devices if not d.alive)
        model, engine = (self._weights.name, self._weights.engine) if self._weights else self._wanted
        return EngineStatus(ready=not reason, reason=reason, engine=engine, model=model, devices=devices)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that are installed; the default one is loaded."""
        return catalog(self._models_dir, self._weights)

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of the running worker processes."""
        return self._pool.pids if self._pool else ()

    # -- work ----------------------------------------------------------------------------------------------------

    def check(self, options: Options) -> None:
        """Raises BadRequest for what this engine cannot do (`unsupported_language`, `unsupported_model`,
        `unsupported_task`), Unavailable when it can do nothing at all."""
        if self._problem:
            raise self._problem
        weights = self._weights
        assert weights is not None
        if options.model and ALIASES.get(options.model, options.model) != weights.name:
            raise BadRequest(
                "unsupported_model",
                zh=f"模型 {options.model} 没有加载；本服务使用 {weights.name}。",
                en=f"Model {options.model} is not loaded; this service runs {weights.name}.",
                param="model",
            )
        if options.language is not None and not _knows(weights, options.language):
            known = "en" if not weights.multilingual else "ISO 639-1"
            raise BadRequest(
                "unsupported_language",
                zh=f"模型 {weights.name} 不支持语言 {options.language}。请选择它支持的语言（{known}），或留空。",
                en=f"Model {weights.name} does not know the language {options.language}. "
                f"Choose one that it knows ({known}) or leave it out.",
                param="language",
            )
        if options.task == "translate" and not weights.multilingual:
            raise BadRequest(
                "unsupported_task",
                zh=f"模型 {weights.name} 只懂英语，不能翻译。请使用多语言模型，例如 large-v2。",
                en=f"Model {weights.name} knows English only and cannot translate. Use a multilingual one (large-v2).",
                param="task",
            )

    def plan(self, path: Path, options: Options, *, cancelled: Callable[[], bool] = lambda: False) -> Plan:
        """Read the file, find speech, cut it into windows, find the language. Blocks.

        Leaves the samples beside the file (`pcm_path`), from which `decode` reads. Raises UserError, CancelledError,
        FileNotFoundError.
        """
        self.check(options)
        pool = self._running()
        found = self._extractor.extract(path, cancelled)
        windows = tuple(Window(n, start, end) for n, (start, end) in enumerate(found.windows))
        weights = self._weights
        assert weights is not None
        if options.language is not None or not weights.multilingual:
            language = Detected(options.language or "en", 1.0)
        else:
            language = self._detect(pool, path, windows, options, cancelled)
        return Plan(
            duration=found.duration,
            speech_seconds=found.speech_seconds,
            language=language.language,
            language_probability=language.probability,
            windows=windows,
            complete=found.complete,
        )

    def decode(
        self,
        path: Path,
        window: Window,
        plan: Plan,
        options: Options,
        *,
        lane: Lane,
        owner: str,
        previous: tuple[int, ...] = (),
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Future[WindowResult]:
        """The text of one window, when its turn has come. `previous`: tokens of the text before it, to go on from.

        `cancelled` is asked (from another thread; it must be quick) before the window is decoded; then the future is
        cancelled. The future fails with UserError. The samples that `plan` left are read again from the media if
        they are gone.
        """
        self.check(options)
        pool = self._running()
        result: Future[WindowResult] = Future()
        if not pcm_path(path).exists():
            self._extractor.extract(path, cancelled)
        task = Task(pcm_path(path), window, options, plan.language, previous)
        ticket = Ticket(task, lane, owner, path, cancelled)

        def finish(outcome: Future[Outcome]) -> None:
            if outcome.cancelled():
                result.cancel()
                result.set_running_or_notify_cancel()
            elif result.set_running_or_notify_cancel():
                error = outcome.exception()
                if error:
                    result.set_exception(error)
                else:
                    segments = outcome.result()
                    assert isinstance(segments, tuple)
                    result.set_result(WindowResult(window, segments))

        ticket.cancelled = lambda: result.cancelled() or cancelled()
        ticket.future.add_done_callback(finish)
        try:
            pool.submit(ticket)
        except Unavailable:
            if pool is self._pool or self._pool is None:
                raise
            self._running().submit(ticket)  # swapped in this very moment
        return result

    def move(self, path: Path, lane: Lane) -> None:
        """Serve the windows of a recording that still wait in another lane from now on."""
        self._running().move(path, lane)

    def _running(self) -> Pool:
        pool = self._pool
        if pool is None:
            raise not_ready("not started")
        return pool

    def _detect(
        self, pool: Pool, path: Path, windows: tuple[Window, ...], options: Options, cancelled: Callable[[], bool]
    ) -> Detected:
        best = Detected("en", 0.0)
        for window in windows[:LANGUAGE_TRIES]:
            task = Task(pcm_path(path), window, replace(options, word_timestamps=False), None)
            ticket = Ticket(task, Lane.INTERACTIVE, "", path, cancelled)
            pool.submit(ticket)
            found = _wait(ticket, cancelled)
            assert isinstance(found, Detected)
            best = max(best, found, key=lambda d: d.probability)
            if best.probability > LANGUAGE_SURE:
                break
        return best


def _wait(ticket: Ticket, cancelled: Callable[[], bool]) -> Outcome:
    while True:
        try:
            return ticket.future.result(timeout=CANCEL_SECONDS)
        except FutureTimeoutError:
            if cancelled():
                ticket.future.cancel()
                raise CancelledError from None


def _knows(weights: Weights, language: str) -> bool:
    if not weights.multilingual:
        return language == "en"
    # Cantonese came with large-v3 (openai-whisper, tokenizer.py: 99 languages before, 100 since).
    return language in LANGUAGES and (language != "yue" or weights.name.startswith(("large-v3", "distil-large-v3")))
