"""The real page on an app in this process, without engine, jobs and database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from service_app.app import create_app
from service_app.settings import Settings
from service_app.types import ModelInfo
from service_app.ui import mount_page
from service_app.ui.files import KeptFiles

Asked = tuple[str, str]  # method (or WEBSOCKET), path


class TinyModel:
    def models(self) -> tuple[ModelInfo, ...]:
        return (ModelInfo("tiny.en", ("faster-whisper",), multilingual=False, default=True),)


class PageServices:
    """The part of the services that the page reads when it is mounted."""

    engine = TinyModel()

    def __init__(self, folder: Path) -> None:
        self.settings = Settings.from_environment({"WHISPER_DATA_DIR": str(folder)})


def whole_app(folder: Path, password_hash: str) -> FastAPI:
    """As `serve` makes it, with the page loaded; nothing behind its gate is started."""
    settings = {"WHISPER_DATA_DIR": str(folder), "WHISPER_ADMIN_PASSWORD_HASH": password_hash}
    app = create_app(Settings.from_environment(settings))
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mount_page(page, PageServices(folder))  # type: ignore[arg-type]
    mount = app.router.routes[-1]
    assert isinstance(mount, Mount), "the page is the last"
    mount.app.app = page  # type: ignore[attr-defined]
    return app


def every_path(app: FastAPI) -> set[Asked]:
    """What it answers, whoever is mounted on it and whatever files they serve; `x` stands for each part that varies."""
    found = set(_paths(app, ""))
    assert len(found) > 300
    return found


def _paths(app: object, before: str) -> Iterator[Asked]:
    while not hasattr(app, "routes"):
        if isinstance(app, KeptFiles):
            yield from (("GET", f"{before}/{name}") for name in app._paths)
            return
        yield from (("GET", f"{before}/assets/{name}") for name in getattr(getattr(app, "assets", None), "_paths", ()))
        app = app.app  # type: ignore[attr-defined]
    for context in iter_route_contexts(app.routes):
        route = getattr(context, "route", context)
        path = before + re.sub(r"\{[^}]+\}", "x", getattr(context, "path", None) or getattr(route, "path", ""))
        if isinstance(route, Mount):
            yield from _paths(route.app, path)
        elif isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", path
        else:
            yield from ((method, path or "/") for method in getattr(route, "methods", None) or {"GET"})
