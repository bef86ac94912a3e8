"""The worker process of one device: `python -m service_app.engine.worker FD`.

    ◀─ Setup   load   ─▶ Ready | Failed
    ◀─ Batch   decode ─▶ Alive ◀─ Go … ─▶ Results       (again and again, until the pipe closes)
                         Alive ◀─ Batch … ─▶ Results    (something shorter first, between two steps of the model)
               GPU lost while idle ─▶ Failed            (and the process ends)

A worker holds the model and nothing else: it can be killed at any time, and only the batch in its hands is lost.
When the server is gone the pipe closes and the worker ends, whatever it is doing.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeAlias

import numpy as np

from . import pcm
from .backends import Backend, Setup, load
from .messages import Alive, Batch, Detected, Failed, Go, Outcome, Ready, Results, Task
from .process import NICE

Inbox: TypeAlias = "queue.SimpleQueue[Setup | Batch | Go]"

PROBE_SECONDS = 10.0  # between two looks at an idle GPU: 40 ms of work each on an A10, by its data sheet


def main(descriptor: int) -> None:
    os.nice(NICE)
    connection = Connection(descriptor)
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    setup = inbox.get()
    assert isinstance(setup, Setup)
    try:
        backend = load(setup)
        probe(backend)  # the first call of a library builds its kernels
    except Exception as error:
        connection.send(Failed(_line(error)))
        return
    connection.send(Ready(backend.description, backend.capacity))
    serve(connection, inbox, backend, PROBE_SECONDS if setup.device == "cuda" else None)


def serve(
    connection: Connection[object, object],
    inbox: Inbox,
    backend: Backend,
    probe_seconds: float | None,
) -> None:
    """Decode what comes. With `probe_seconds`, the device is tried after each so long without work; returns, with the
    reason sent, when that fails."""
    while True:
        try:
            batch = inbox.get(timeout=probe_seconds)
        except queue.Empty:
            try:
                probe(backend)
            except Exception as error:
                connection.send(Failed(f"lost while idle: {_line(error)}"))
                return
            continue
        assert isinstance(batch, Batch)
        _answer(connection, inbox, backend, batch)


def _answer(connection: Connection[object, object], inbox: Inbox, backend: Backend, batch: Batch) -> None:
    def step() -> None:
        connection.send(Alive())
        first = inbox.get()
        if isinstance(first, Batch):
            _answer(connection, inbox, backend, first)

    connection.send(Results(tuple(run(backend, batch.tasks, step))))


def probe(backend: Backend) -> None:
    """The smallest real work. Raises what the library raises when the device is gone."""
    backend.encode([np.zeros(pcm.RATE, np.float32)], lambda: None)


def _receive(connection: Connection, inbox: Inbox) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def run(backend: Backend, tasks: tuple[Task, ...], step: Callable[[], None]) -> list[Outcome]:
    """Decode the tasks together; a batch that fails is halved, so that one bad window (or too little memory for all of
    them at once) does not fail the others."""
    try:
        return _run(backend, tasks, step)
    except Exception as error:
        if len(tasks) == 1:
            return [Failed(_line(error))]
        half = len(tasks) // 2
        return run(backend, tasks[:half], step) + run(backend, tasks[half:], step)


def _run(backend: Backend, tasks: tuple[Task, ...], step: Callable[[], None]) -> list[Outcome]:
    from .decoding import Request, decode, require_number

    audio = [pcm.read(task.pcm, task.window.start, task.window.end) for task in tasks]
    outcomes: dict[int, Outcome] = {}
    unknown = [n for n, task in enumerate(tasks) if task.language is None]
    if unknown:
        found = backend.detect(backend.encode([audio[n] for n in unknown], step))
        step()
        for _, probability in found:
            require_number(probability)
        outcomes |= {n: Detected(*one) for n, one in zip(unknown, found, strict=True)}
    known = [n for n in range(len(tasks)) if n not in outcomes]
    requests = [
        Request(tasks[n].window, audio[n], tasks[n].language or "", tasks[n].options, tasks[n].previous) for n in known
    ]
    outcomes |= dict(zip(known, decode(backend, requests, step), strict=True))
    return [outcomes[n] for n in range(len(tasks))]


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:300]


if __name__ == "__main__":
    main(int(sys.argv[1]))
