"""Callers that keep a server busy: uploads, lists, long transcripts, searches, streams, one after another. Each is a
process of its own, at a lower priority: it shares the machine with the server that is measured."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier, Event

import httpx

from .conftest import PASSWORD, USER, create, ended

_WORDS = [{"start": n * 0.2, "end": n * 0.2 + 0.2, "text": f" word{n}"} for n in range(10)]


@contextlib.contextmanager
def calling(url: str, count: int) -> Iterator[None]:
    """While so many callers are busy: entered when all have begun."""
    spawn = multiprocessing.get_context("spawn")
    ready, stop = spawn.Barrier(count + 1), spawn.Event()
    callers = [spawn.Process(target=_busy, args=(url, ready, stop)) for _ in range(count)]
    for caller in callers:
        caller.start()
    ready.wait(120)
    try:
        yield
    finally:
        stop.set()
        for caller in callers:
            caller.join(120)
    assert [caller.exitcode for caller in callers] == [0] * count


def _busy(url: str, ready: Barrier, stop: Event) -> None:
    os.nice(10)
    with httpx.Client(base_url=url, auth=(USER, PASSWORD), timeout=120) as client:
        long = create(client, "SPEECH 1 0")
        ended(client, long)
        segments = [
            {"start": n * 3.0, "end": n * 3.0 + 3.0, "text": " text" * 10, "words": _WORDS} for n in range(2400)
        ]
        saved = client.put(f"/api/jobs/{long}/segments", json={"version": 0, "segments": segments})  # two hours
        assert saved.status_code == 200, saved.text
        ready.wait(120)
        while not stop.is_set():
            create(client, "SPEECH 30 0.02" + " " * (8 << 20))
            client.get(f"/api/jobs/{long}/segments")
            client.get(f"/api/jobs/{long}/export/docx")
            client.get("/api/jobs", params={"search": "window 29"})
            client.post("/v1/audio/transcriptions", files={"file": b"SPEECH 20 0.02"}, data={"stream": "true"})
