"""Limits and headers of every answer: a request id, and what tells browsers to be strict. A part
that needs a wider content policy (the page) sets its own; nothing here replaces it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .telemetry import Telemetry

STRICT_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
_DEFAULTS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": STRICT_POLICY,
}
_LARGEST_BODY: Final = 32 * 1024 * 1024
_STREAMED: Final = ("/v1/audio/", "/api/uploads/", "/asr", "/detect-language", "/gradio_api/upload")
_PAGE_PARTS: Final = ("", "ui", "assets", "static", "gradio_api", "config", "theme.css")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("service_app.access")


class ResponseHeaders:
    """The outermost middleware, so that refusals have the headers too. It also writes the access log: which route,
    never which file, query or user."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, telemetry: Telemetry) -> None:
        self._app = app
        self._metrics = metrics
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def strict(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(("/api/", "/v1/")):
                    headers.setdefault("Cache-Control", "private, no-store")
            await send(message)

        try:
            with self._telemetry.request(scope) as told:
                try:
                    await self._app(scope, receive, strict)
                finally:
                    told.update({"http.route": _route(scope), "http.response.status_code": status})
        finally:
            took = time.perf_counter() - began
            route = _route(scope)
            self._metrics.request(route, scope["method"], status, took)
            fields = {"method": scope["method"], "route": route, "status": status, "ms": round(took * 1000, 1)}
            level = logging.DEBUG if fields["route"] in ("/healthz", "/readyz") else logging.INFO
            _log.log(level, "request", extra={**fields, "request_id": request_id})


class BodyLimit:
    """Bodies that are read as a whole stay small; the routes below `_STREAMED` read theirs piece by piece and have
    limits of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_STREAMED) or scope["path"] == "/api/jobs":
            await self._app(scope, receive, send)
            return
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > _LARGEST_BODY:
                raise HTTPException(413, f"The body is over {_LARGEST_BODY // 1024 // 1024} MiB.")
            return message

        await self._app(scope, limited, send)


def _route(scope: Scope) -> str:
    """The route's pattern; of the page's own paths the first part, for the rest may hold a file's name."""
    route = scope.get("route")
    pattern = getattr(route, "path", None)
    if pattern:
        return str(pattern)
    first = scope["path"].split("/")[1]
    return f"/{first}" if first in _PAGE_PARTS else "other"
