"""`bench`: how fast the running server is on this machine, asked as a program asks it, with a key and jobs that are
gone afterwards.

    one client ─▶ recordings one after another ┐
    N clients  ─▶ as many each, side by side   ┴─▶ sound for each second, time of an answer, /healthz meanwhile
"""

from __future__ import annotations

import math
import secrets
import statistics
import threading
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import httpx

from ..auth.store import AuthStore
from ..canary import CLIP
from ..database import connect
from ..settings import Settings
from .terminal import say, table

_HEAD: Final = ("CLIENTS", "RECORDINGS", "SECONDS", "X REALTIME", "ANSWER", "P95", "HEALTHZ P95")
_KEY_MINUTES: Final = 24 * 60
_PATIENCE: Final = 3600.0  # seconds for one recording
_LOOK_SECONDS: Final = 0.1  # between two looks at /healthz


@dataclass(slots=True)
class Seen:
    """What so many clients saw; in seconds."""

    clients: int
    elapsed: float = 0.0
    sound: float = 0.0
    answers: list[float] = field(default_factory=list)
    healthy: list[float] = field(default_factory=list)


def bench(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    address = arguments.url or f"http://{settings.host}:{settings.port}"
    recording = arguments.file or CLIP
    recording.open("rb").close()  # what is wrong with it is said before anything is asked
    store = AuthStore(connect(settings.database))
    name = f"bench-{secrets.token_hex(4)}"
    key = store.add_key(name, settings.admin_user, time.time(), minutes=_KEY_MINUTES)
    try:
        seen = [_load(address, key, recording, clients, arguments.times) for clients in (1, arguments.clients)]
    except httpx.TransportError as error:
        raise ValueError(f"{address} does not answer ({error}); is the server running there?") from None
    finally:
        store.revoke_key(name)
    table(_HEAD, [_row(one) for one in seen])
    length = seen[0].sound / len(seen[0].answers)
    say(f"{length:.1f} s a recording; ANSWER: the median, from the upload's first byte to the whole text")
    return 0


def _row(seen: Seen) -> tuple[str, ...]:
    return (
        str(seen.clients),
        str(len(seen.answers)),
        f"{seen.elapsed:.1f}",
        f"{seen.sound / seen.elapsed:.1f}",
        f"{statistics.median(seen.answers):.2f} s",
        f"{_p95(seen.answers):.2f} s",
        f"{1000 * _p95(seen.healthy):.0f} ms",
    )


def _p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _load(address: str, key: str, recording: Path, clients: int, times: int) -> Seen:
    seen = Seen(clients)
    over = threading.Event()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE, trust_env=False) as client:

        def look() -> None:
            while True:
                began = time.monotonic()
                client.get("/healthz")
                seen.healthy.append(time.monotonic() - began)
                if over.wait(_LOOK_SECONDS):
                    return

        with ThreadPoolExecutor(clients + 1) as threads:
            began = time.monotonic()
            watching = threads.submit(look)
            try:
                asked = [threads.submit(_ask, client, recording, times) for _ in repeat(None, clients)]
                for found in asked:
                    answers, sound = found.result()
                    seen.answers += answers
                    seen.sound += sound
                seen.elapsed = time.monotonic() - began
            finally:
                over.set()
            watching.result()
    return seen


def _ask(client: httpx.Client, recording: Path, times: int) -> tuple[list[float], float]:
    """The times of the answers, and the seconds of sound in all."""
    answers, sound = [], 0.0
    for _ in range(times):
        began = time.monotonic()
        with recording.open("rb") as file:
            made = client.post("/api/jobs", files={"file": file}, data={"lane": "api"})
        job = _checked(made)["id"]
        try:
            with client.stream("GET", f"/api/jobs/{job}/events") as events:
                for line in events.iter_lines():
                    if line == "event: end":
                        break
            answers.append(time.monotonic() - began)
            ended = _checked(client.get(f"/api/jobs/{job}"))
            if ended["state"] != "done":
                raise ValueError(f"the recording was not transcribed: {ended['state']}, {ended['error']}")
            sound += float(ended["duration"])
        finally:
            client.delete(f"/api/jobs/{job}")
    return answers, sound


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        return dict(answer.json())
    raise ValueError(f"HTTP {answer.status_code}: {answer.text[:300]}")
