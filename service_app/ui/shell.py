"""What is put around Gradio's index page: our style sheet, the language, the configuration, the security policy, and
what is shown while the page opens.

Gradio renders `index.html` itself and has no hook early enough for the language, nor one for a nonce. So this ASGI
wrapper rewrites that one HTML answer on its way out; every other answer passes through untouched, except that Gradio's
assets, whose names carry a hash of their content, come from memory and may be kept by the browser.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..api.envelope import error_response
from ..errors import UserError
from ..login import page_language
from .files import IMMUTABLE, takes_gzip

# What the page and gradio_client ask for. Gradio has more, which nobody here needs, and any release may add to it: it
# runs ffmpeg on what is sent to it without a word about formats (/gradio_api/process_recording), fetches links
# (/gradio_api/file=), holds a stream open for every page (/gradio_api/heartbeat).
SERVED = (
    "/config",
    "/gradio_api/call/predict/",  # the one event; any other name is an error inside Gradio
    "/gradio_api/cancel",
    "/gradio_api/info",
    "/gradio_api/queue/",
    "/gradio_api/reset",
    "/gradio_api/startup-events",
    "/gradio_api/theme.css",
    "/gradio_api/upload",
    "/static/",
    "/theme.css",
)

# 'unsafe-eval': gr.HTML compiles its templates; style 'unsafe-inline': Svelte; blob: the preview of a chosen file.
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

# Gradio reads navigator.language only; and it knows zh-CN but neither zh nor zh-TW.
_LANGUAGE_SCRIPT = (
    'for (const [name, value] of [["language", {language}], ["languages", [{language}]]])'
    " Object.defineProperty(navigator, name, {{value, configurable: true}});"
)

_FRAMED = re.compile(r"<script>(?:(?!</script>).)*/iframeResizer(?:(?!</script>).)*</script>", re.DOTALL)
_OPENING = Template(Path(__file__).with_name("opening.html").read_text("utf-8"))
_PACKING = 5  # gzip's level for the index: a fifth of its size for a millisecond


def opening(texts: Mapping[str, str]) -> str:
    """What stands before the page until it is there, with the page's `texts`."""
    shown = {name: html.escape(texts[f"wt_{name}"]) for name in ("brand", "opening", "reload")}
    told = {name: _script_json(texts[f"wt_opening_{name}"]) for name in ("slow", "offline", "failed")}
    return _OPENING.substitute(shown | told)


def _script_json(value: Any) -> str:
    """JSON that ends no script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


class PageShell:
    """Wraps Gradio's app. `assets` answers for Gradio's own assets; `head` and `later` begin and end the page's head,
    `opening` (by language) its body; `config(scope, language)` is what the page's scripts read as `#wt-config` (JSON);
    `admit` raises `UserError` for an upload that is not to be taken."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        assets: ASGIApp,
        head: str,
        later: str,
        opening: Mapping[str, str],
        title: Callable[[str], str],
        config: Callable[[Scope, str], dict[str, Any]],
        admit: Callable[[Scope], Awaitable[None]],
    ) -> None:
        self.app, self.assets, self.head, self.later, self.opening = app, assets, head, later, opening
        self.title, self.config, self.admit = title, config, admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # Gradio has no websocket
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in {"", "/"} and scope["method"] == "GET":
            await self._index(scope, receive, send)
        elif path.startswith("/assets/"):
            await self.assets(scope, receive, send)
        elif path not in {"", "/"} and not f"{path}/".startswith(SERVED):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif path == "/theme.css":  # its query is the hash of what it says
            await self.app(scope, receive, cached(send))
        elif path.startswith("/gradio_api/upload"):
            try:
                await self.admit(scope)
            except UserError as error:
                await error_response(error, scope)(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _index(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Read as plain bytes: no compressed or partial answer may come back.
        plain = {**scope, "headers": [h for h in scope["headers"] if h[0] not in {b"accept-encoding", b"range"}]}
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            headers = MutableHeaders(raw=start["headers"])
            page = bytes(body)
            if headers.get("content-type", "").startswith("text/html"):
                page = self._rewrite(page.decode(), scope, headers).encode()
                if takes_gzip(scope):
                    page = gzip.compress(page, _PACKING)
                    headers["Content-Encoding"] = "gzip"
                headers["Content-Length"] = str(len(page))
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self.app(plain, receive, collect)

    def _rewrite(self, page: str, scope: Scope, headers: MutableHeaders) -> str:
        language = page_language(Request(scope))
        nonce = secrets.token_urlsafe(16)
        headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
        headers["Cache-Control"] = "no-store"
        headers["Vary"] = "Cookie, Accept-Language, Accept-Encoding"
        config = _script_json(self.config(scope, language))
        title = html.escape(self.title(language))
        ours = (
            f"<title>{title}</title>"
            f"<script>{_LANGUAGE_SCRIPT.format(language=json.dumps(language))}</script>"
            f'<script type="application/json" id="wt-config">{config}</script>{self.head}'
        )
        # The links and previews of Gradio's own project have no place on this page.
        page = re.sub(r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>", "", page)
        # Nor has what it does in other sites' frames, where this one is never shown: two requests less.
        page = _FRAMED.sub("", page).replace('<link rel="manifest" href="/manifest.json" />', "", 1)
        # The title is ours: Gradio would put the one title it knows in its place.
        page = page.replace('control_page_title="true"', 'control_page_title="false"', 1)
        page = page.replace('lang="en"', f'lang="{language}"', 1).replace("<head>", "<head>" + ours, 1)
        page = page.replace("</head>", self.later + "</head>", 1)
        page = page.replace("<gradio-app", self.opening[language] + "<gradio-app", 1)
        return re.sub(r"<script(?=[\s>])", f'<script nonce="{nonce}"', page)


def cached(send: Send) -> Send:
    """For files whose address changes with their content."""

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(raw=message["headers"])["Cache-Control"] = IMMUTABLE
        await send(message)

    return keep
