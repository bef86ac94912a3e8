"""Work that waits for others (a link's slow server, a long file) in a thread of its own.

The event loop's few threads are for what is over in a moment: a session is looked up in them. Had somebody's links
occupied them, nobody could log in. Such a thread also never keeps the server from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


async def aside(work: Callable[[], _T]) -> _T:
    """What `work` returns or raises. Callers bound how many run at once; a cancelled caller leaves it running."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def settle(how: Callable[[Any], None], what: Any) -> None:
        if not outcome.done():
            how(what)

    def run() -> None:
        try:
            found = work()
        except BaseException as error:  # the caller's to handle, whatever it is
            told: tuple[Callable[[Any], None], Any] = outcome.set_exception, error
        else:
            told = outcome.set_result, found
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await outcome
