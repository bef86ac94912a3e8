"""The first half second. Loading the app takes longer than a person or a health check should wait for an answer, so
this small one answers `/healthz` and the login page at once; every other request waits until the app is there, which
then has them all.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .headers import ResponseHeaders
from .login import FILES, local_path, login_file, login_page
from .metrics import Metrics
from .telemetry import Telemetry

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger(__name__)


class Early:
    """`load` makes the app, in a thread. When it cannot, the server ends, and `failed` is true."""

    def __init__(self, load: Callable[[], FastAPI]) -> None:
        self.failed = False
        self._load = load
        self._app: FastAPI | None = None
        self._loaded = asyncio.Event()
        self._first = ResponseHeaders(_first, metrics=Metrics(), telemetry=Telemetry())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None:
            if scope["type"] == "http" and _is_first(Request(scope)):
                await self._first(scope, receive, send)
                return
            await self._loaded.wait()
        assert self._app is not None
        await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stop = asyncio.Event()
        living = asyncio.create_task(self._run(stop))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        stop.set()
        await living
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, stop: asyncio.Event) -> None:
        try:
            app = await asyncio.to_thread(self._load)
        except Exception:
            _log.exception("could not load")
            self.failed = True
            signal.raise_signal(signal.SIGTERM)
            return
        async with app.router.lifespan_context(app):
            self._app = app
            self._loaded.set()
            await stop.wait()


def _is_first(request: Request) -> bool:
    """A choice of the language is remembered, which is the app's to do."""
    path = request.url.path
    return request.method in ("GET", "HEAD") and (
        path == "/healthz" or path in FILES or (path == "/login" and "lang" not in request.query_params)
    )


async def _first(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    path = request.url.path
    response: Response
    if path == "/healthz":
        response = JSONResponse({"status": "ok"})
    elif path in FILES:
        response = login_file(path)
    else:
        response = login_page(request, local_path(request.query_params.get("next", "/")))
    await response(scope, receive, send)
