"""The server put together.

    ResponseHeaders ─▶ Gate ─▶ routes: health, login, /v1, /api ─▶ the page (everything else)

The login and health answer at once. The rest arrives in this order, each loaded in a thread (Gradio alone takes
seconds), and each usable as soon as it is there: database and sessions, jobs and engine, page.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__
from .api import account, asr, audio, events, jobs, reference, text, uploads
from .api.envelope import error_body, error_response
from .api.fields import bad_body, bad_field
from .api.health import router as health_router
from .api.services import Services
from .api.texts import texts_only
from .aside import aside
from .auth import Auth
from .auth.gate import Gate
from .errors import NotFound, Unavailable, UserError, database_away
from .headers import BodyLimit, ResponseHeaders
from .janitor import keep_clean
from .login import starting_page
from .login.routes import login_router
from .metrics import Metrics
from .settings import Settings
from .telemetry import Telemetry, from_environment

if TYPE_CHECKING:
    from .auth.store import AuthStore
    from .jobs import Engine

__all__ = ["Services", "create_app"]
_THREADS: Final = 32
_TELLING_SECONDS: Final = 3.0
# Programs' paths beside /v1 and /api; another method than theirs is no matter of the page.
_PROGRAMS: Final = {"/asr", "/detect-language", "/docs", "/healthz", "/metrics", "/openapi.json", "/readyz"}
_log = logging.getLogger(__name__)
_START_AGAIN_SECONDS: Final = 1.0  # while the database or the media store is away
_T = TypeVar("_T")

EngineFactory = Callable[[Settings], "Engine"]
MountPage = Callable[[FastAPI, Services], None]


def create_app(
    settings: Settings,
    *,
    engine: EngineFactory | None = None,
    page: MountPage | None = None,
    canary_clip: Path | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """The ASGI app. `engine` and `page` are called in a thread once the server runs, `canary_clip` is what the engine
    is tried with, `telemetry` who is told what happened; None takes the real ones.

    Raises `SettingsError` when there is no login.
    """
    settings.require_login()
    auth = Auth(settings)
    telemetry = telemetry or from_environment(os.environ)
    parts = _Parts(settings, auth, engine or _engine, page or _page, canary_clip, telemetry)
    host = _PageHost()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Python's default is a handful on a small machine; these wait for the disk and the database, not for a core.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "short"))
        stop = asyncio.Event()
        loading = asyncio.create_task(_load(app, host, parts, stop))
        try:
            yield
        finally:
            stop.set()
            await loading
            with contextlib.suppress(TimeoutError):  # a collector that does not answer holds up no restart
                async with asyncio.timeout(_TELLING_SECONDS):
                    await aside(telemetry.close)

    app = FastAPI(
        title="Whisper",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(texts_only)],
    )
    app.include_router(health_router)
    app.include_router(login_router(auth))
    # `text` before `jobs`: /api/jobs/export is no job's id.
    for part in (audio, text, jobs, events, uploads, account, asr, reference):
        app.include_router(part.router)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _bad_field)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, auth=auth)
    app.state.metrics = Metrics()
    app.add_middleware(ResponseHeaders, metrics=app.state.metrics, telemetry=telemetry)
    app.mount("/", host)
    return app


class _PageHost:
    """Answers for the page until it has been loaded, then hands over to it. Programs' paths are not the page's."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith(("/v1/", "/api/")) or scope["path"] in _PROGRAMS):
            error = NotFound("no_route", zh="没有这个接口；接口文档见 /docs。", en="There is no such route; see /docs.")
            await error_response(error, scope)(scope, receive, send)
        elif self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await starting_page(Request(scope))(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": "starting"})


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is loaded after the server answers; each method blocks."""

    settings: Settings
    auth: Auth
    make_engine: EngineFactory
    mount_page: MountPage
    canary_clip: Path | None
    telemetry: Telemetry

    def open_auth(self) -> AuthStore:
        from .administrator import accounts_of

        return accounts_of(self.settings)

    def open_services(self) -> Services:
        from .jobs import Jobs

        durable = Jobs(self.settings, engine := self.make_engine(self.settings), self.telemetry)
        try:
            engine.start()
            durable.start()
        except BaseException:
            durable.stop()
            engine.stop()
            raise
        return Services(settings=self.settings, engine=engine, jobs=durable, auth=self.auth)

    def open_page(self, services: Services) -> FastAPI:
        page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(texts_only)])
        # Gradio answers every site's cross-origin requests with the user's cookies, unless its parent has a policy.
        page.add_middleware(CORSMiddleware, allow_origins=[])
        self.mount_page(page, services)
        return page


def _engine(settings: Settings) -> Engine:
    from .engine import Engine

    return Engine(models_dir=settings.models_dir, model=settings.model, engine=settings.engine, device=settings.device)


def _page(app: FastAPI, services: Services) -> None:
    from .ui import mount_page

    mount_page(app, services)


async def _load(app: FastAPI, host: _PageHost, parts: _Parts, stop: asyncio.Event) -> None:
    """Loads the parts, keeps them until `stop`, and takes them down in the opposite order."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            auth = await _opened(app, parts.open_auth, stop)
            if auth is None:
                return
            parts.auth.opened(auth)
            services = await _opened(app, parts.open_services, stop)
            if services is None:
                return
            stack.push_async_callback(asyncio.to_thread, services.engine.stop)
            stack.push_async_callback(asyncio.to_thread, services.jobs.stop)
            app.state.services = services
            for chore in _chores(app, services, parts):
                stack.push_async_callback(_ended, asyncio.create_task(chore))
            page = await asyncio.to_thread(parts.open_page, services)
            # Gradio starts its queue in the lifespan of the app it is mounted on.
            await stack.enter_async_context(page.router.lifespan_context(page))
            host.app = page
            _log.info("loaded")
        except Exception as error:
            # /readyz shows the reason; the log has the details. What was loaded before goes on.
            app.state.failed = _reason(error)
            _log.exception("could not load")
        await stop.wait()


def _reason(error: Exception) -> str:
    """For everybody: what a database says names its tables, users and hosts, which only the log's readers may know."""
    from sqlalchemy.exc import SQLAlchemyError

    inside = isinstance(error, SQLAlchemyError)
    return f"the database: {type(error).__name__}; see the log" if inside else f"{type(error).__name__}: {error}"


async def _opened(app: FastAPI, part: Callable[[], _T], stop: asyncio.Event) -> _T | None:
    """What `part` opens, awaited while the database or the media store is away; None when the server stops before."""
    from .database import away

    while True:
        try:
            opened = await asyncio.to_thread(part)
        except Exception as error:
            if not (away(error) or isinstance(error, Unavailable)):
                raise
            app.state.failed = error.en if isinstance(error, Unavailable) else database_away().en
            _log.warning("cannot start yet", extra={"reason": app.state.failed})
        else:
            app.state.failed = ""
            return opened
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_AGAIN_SECONDS):
                await stop.wait()
                return None


def _chores(app: FastAPI, services: Services, parts: _Parts) -> Iterator[Coroutine[Any, Any, None]]:
    """What runs beside the requests; also has metrics and telemetry told of every job that ends."""
    from .canary import CLIP, Canary
    from .webhooks import Webhooks

    settings = services.settings

    def count(job_id: str) -> None:
        job = services.jobs.look(job_id)
        if job is not None:
            status = services.engine.status()
            app.state.metrics.job(job, status.engine, status.model)
            parts.telemetry.ended(job, status.engine, status.model)

    services.jobs.when_ended.append(count)
    yield keep_clean(services)
    yield Webhooks(services.jobs, services.secrets, settings.private_networks).deliver()
    if settings.canary_minutes:
        app.state.canary = Canary(services.engine, settings.data_dir / "canary", parts.canary_clip or CLIP)
        yield app.state.canary.sing(settings.canary_minutes * 60.0)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _bad_field(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(bad_field(error), request.scope)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return error_response(error, request.scope)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if known := bad_body(error):
        return error_response(known, request.scope)
    body = error_body(str(error.detail), error.status_code, code=None)
    return JSONResponse(body, error.status_code, headers=error.headers)


async def _bug(request: Request, error: Exception) -> Response:
    from .database import away

    if away(error):
        return error_response(database_away(), request.scope)
    _log.error("bug", exc_info=error, extra={"request_id": request.state.request_id})
    body = error_body("The service failed inside; the log has the request's id.", 500, code="internal_error")
    return JSONResponse(body, 500)
