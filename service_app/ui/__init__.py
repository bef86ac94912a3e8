"""The Whisper page. The only part that imports Gradio, and it does so when `mount_page` is called: the import takes
seconds, during which the rest of the app already answers.

mount_page ─▶ page (Gradio blocks) ─▶ shell (style, language, policy of the index page) ─▶ assets/*.js in the browser
                                                                                           │ /api/jobs…
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request
from starlette.routing import Mount
from starlette.types import Scope

from ..api.upload import require_space
from .files import KeptFiles
from .shell import PageShell, opening
from .spoken import OWN_NAMES
from .waveform import peaks_route

if TYPE_CHECKING:
    import gradio as gr

    from ..api.services import Services

ASSETS = Path(__file__).parent / "assets"
CLIPS = Path(__file__).parent.parent / "assets" / "clips"


def mount_page(app: FastAPI, services: Services) -> None:
    """Puts the page at `/` and its scripts below `/ui/`. Call it after every other route is there: Gradio answers all
    paths that are left. The caller guards both with the login."""
    from .page import build_page
    from .predict import predict_function, upload_folder

    messages: dict[str, dict[str, str]] = json.loads((ASSETS / "messages.json").read_text("utf-8"))
    models = services.engine.models()
    base = f"/ui/{_version()}"
    app.mount(f"{base}/clips", KeptFiles(CLIPS), name="clips")
    app.mount(base, KeptFiles(ASSETS), name="ui")
    app.router.routes.append(peaks_route(services))

    def config(scope: Scope, language: str) -> dict[str, Any]:
        return {
            "user": scope.get("state", {}).get("user", ""),
            "language": language,
            "messages": messages[language],
            "maxUploadBytes": services.settings.max_upload_bytes,
            "clips": [{"language": "en", "file": "demo-en.wav"}, {"language": "zh", "file": "demo-zh.wav"}],
            "models": [{"name": m.name, "multilingual": m.multilingual, "default": m.default} for m in models],
            "spoken": OWN_NAMES,
            "retentionDays": getattr(services.settings, "retention_days", 0),
            "assets": base,
        }

    async def admit(scope: Scope) -> None:
        """Gradio knows of no full queue, disk or quota."""
        await services.require_minutes(scope["state"]["key"])
        await services.jobs.require_room(scope["state"]["user"])
        await asyncio.to_thread(require_space, uploads)

    uploads = upload_folder(services)
    blocks, translations = build_page(models, messages, base, predict_function(services, uploads))
    _mount_blocks(app, blocks, translations, max_upload=services.settings.max_upload_bytes)
    mount = app.router.routes[-1]
    assert isinstance(mount, Mount), "mount_gradio_app adds its mount last"
    mount.app = PageShell(
        mount.app,
        assets=KeptFiles(_gradio_assets()),
        head="".join(f'<link rel="stylesheet" href="{base}/{sheet}.css">' for sheet in ("page", "result", "sheets"))
        + '<link rel="icon" href="/favicon.svg">',
        # Behind everything else in the head: what is drawn first comes first.
        later="".join(f'<link rel="modulepreload" href="{base}/{path.name}">' for path in sorted(ASSETS.glob("*.js"))),
        opening={language: opening(texts) for language, texts in messages.items()},
        title=lambda language: messages[language]["wt_title"],
        config=config,
        admit=admit,
    )


def _gradio_assets() -> Path:
    import gradio

    return Path(gradio.__file__).parent / "templates" / "frontend" / "assets"


def _mount_blocks(
    app: FastAPI, blocks: gr.Blocks, translations: gr.I18n | None = None, *, max_upload: int = 1 << 20
) -> None:
    """Gradio at `/`, closed: no documentation, no monitoring, no plugins, no file of the machine."""
    import gradio as gr

    from .page import theme

    blocks.queue(max_size=64, api_open=False)
    # Gradio looks for work every millisecond and for progress every ten, which costs 6 % and 1 % of a core on an idle
    # server; only /predict waits here, and tells no progress.
    blocks._queue.sleep_when_free = 0.05
    blocks._queue.progress_update_sleep_when_free = 1.0
    _know_events(blocks)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=theme(),
        i18n=translations,
        auth_dependency=_login_name,
        max_file_size=max_upload,
        show_error=False,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        allowed_paths=[],
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    # A mounted Gradio app skips every check of file paths until this is set, which only launch() does: without it any
    # event that takes a file reads any file. This page has no such event; tests/ prove the refusal with one.
    blocks.has_launched = True


def _know_events(blocks: gr.Blocks) -> None:
    """An event that there is not is answered 404 also by its number (`fn_index`): Gradio looks it up unchecked."""
    push = blocks._queue.push

    async def known(body: Any, request: Request, username: str | None) -> Any:
        event = blocks.fns.get(body.fn_index)
        if event is None or event.fn is None:  # without a function: the page's own, which runs in the browser
            raise HTTPException(404)
        return await push(body=body, request=request, username=username)

    blocks._queue.push = known


def _login_name(request: Request) -> str | None:
    """The second lock behind the app's own gate: without a login name Gradio answers 401."""
    return getattr(request.state, "user", None) or None


def _version() -> str:
    """Changes with every change of an asset, so that browsers may keep assets for good."""
    digest = hashlib.sha256()
    for path in sorted(ASSETS.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
