"""Does work on a stack's resources in the order of their references, side by side where nothing binds them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Stopping:
    """How work on a stack ends early: after `cancel` nothing new begins, `stop` tells the work that goes on to end."""

    cancel: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)


def in_order(
    needs: Mapping[str, set[str]],
    done: set[str],
    work: Callable[[str], str],
    *,
    stopping: Stopping,
    deadline: float,
    late: str,
) -> str:
    """Calls `work` for each name of `needs` once all that it needs is in `done` or done; `work` returns an empty text
    or what went wrong. After the first failure, at `deadline` (Unix time, the reason is then `late`) or when called
    off, nothing new begins. Returns, when all has come to rest, the first reason; empty for success or when
    called off."""
    ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    done, active, failure = set(done), set[str](), ""

    def run(name: str) -> None:
        problem = f"resources.{name}: internal error of the local target"
        try:
            problem = work(name)
        finally:
            ended.put((name, problem))

    while True:
        if not failure and not stopping.cancel.is_set():
            for name, needed in needs.items():
                if name not in done and name not in active and needed <= done:
                    active.add(name)
                    threading.Thread(target=run, args=(name,), daemon=True).start()
        if not active:
            return failure
        try:
            name, problem = ended.get(timeout=0.1)
        except queue.Empty:
            if time.time() > deadline and not failure:
                failure = late
                stopping.stop.set()
            continue
        active.discard(name)
        if problem:
            failure = failure or problem
            stopping.stop.set()
        else:
            done.add(name)
