"""The gate: a plain ASGI middleware that decides before one byte of a request's body is read.

Open to everybody is what `OPEN` lists, and nothing else. People come with a session cookie, programs with an
`Authorization` header. Browsers' unsafe requests must come from our own pages.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..api.envelope import error_response
from ..errors import Forbidden, Unauthorized, Unavailable, UserError
from . import Auth, Caller

if TYPE_CHECKING:
    from .keys import ApiKey

OPEN: Final = frozenset({"/healthz", "/readyz", "/login", "/login/style.css", "/favicon.ico", "/favicon.svg"})
# What a key with this scope opens. A key without scopes opens all of it, and the page; never the account's own routes.
SCOPES: Final[dict[str, tuple[str, ...]]] = {
    # The last two are what gradio_client asks for before and around /predict, its only endpoint.
    "speech": ("/v1/", "/asr", "/detect-language", "/config", "/gradio_api/"),
    "jobs": ("/api/jobs", "/api/uploads", "/api/usage", "/api/me"),
    "metrics": ("/metrics",),
}
PERSONS_ONLY: Final = ("/api/keys", "/api/users", "/api/password", "/api/audit", "/api/webhook-secret")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_log = logging.getLogger(__name__)


def cookie_name(scheme: str) -> str:
    """`__Host-` binds the cookie to this host and to https; browsers refuse the prefix on http."""
    return "__Host-sid" if scheme == "https" else "sid"


def session_token(scope: Scope) -> str | None:
    header = Headers(scope=scope).get("cookie", "")
    return cookie_parser(header).get(cookie_name(_scheme(scope)))


def _scheme(scope: Scope) -> str:
    scheme = str(scope.get("scheme", "http"))
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


def client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


def require_same_origin(scope: Scope) -> None:
    """Raises `Forbidden` for a request that another site made a browser send.

    Browsers set Sec-Fetch-Site (all since 2023) and Origin on every unsafe request, and pages cannot change them;
    programs send neither and carry no cookie of somebody else's.
    """
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not allowed:
        raise Forbidden(
            "cross_site",
            zh="请求来自其他网站，已拒绝。请从本服务的页面操作。",
            en="The request came from another site and was refused. Use this service's own page.",
        )


def require_scope(key: ApiKey, path: str) -> None:
    """Raises `Forbidden` for what this key does not open."""
    scope = next((name for name, paths in SCOPES.items() if path.startswith(paths)), None)
    if path.startswith(PERSONS_ONLY) or (key.scopes and scope not in key.scopes):
        raise Forbidden(
            "key_scope",
            zh="此 API 密钥无权访问该接口。",
            en="This API key does not open that route.",
        )


def _hanging_up(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """For strangers: of a body that is not read to its end the rest is not taken and thrown away."""
    headers = Headers(scope=scope)
    rest = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

    async def reading() -> Message:
        nonlocal rest
        message = await receive()
        rest = bool(message.get("more_body"))
        return message

    async def answering(message: Message) -> None:
        if rest and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["connection"] = "close"
        await send(message)

    return reading, answering


class Gate:
    def __init__(self, app: ASGIApp, *, auth: Auth) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["path"] in OPEN:
            await self._app(scope, *_hanging_up(scope, receive, send))
            return
        try:
            caller = await self._caller(scope)
            if caller.key is not None:
                require_scope(caller.key, scope["path"])
        except UserError as error:
            _log.info("refused", extra={"code": error.code})
            await self._refuse(error, scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["user"] = caller.user
        state["key"] = caller.key
        state["still"] = caller.still
        state["admin"] = caller.user == self._auth.admin
        state["program"] = b"authorization" in dict(scope["headers"])
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        authorization = headers.get("authorization")
        if authorization is not None:
            return await self._auth.program(authorization, client_address(scope))
        token = session_token(scope)
        # Cookies do not open the OpenAI API: what no browser can call for a user needs no further thought.
        if token and not scope["path"].startswith("/v1/"):
            caller = await self._auth.session(token)
            if caller is not None:
                if scope["type"] == "websocket" or scope["method"] not in SAFE:
                    require_same_origin(scope)
                return caller
        raise Unauthorized(
            "not_logged_in",
            zh="需要登录，或在 Authorization 请求头中提供 API 密钥（Bearer）或用户名和密码（Basic）。",
            en="Log in, or send an API key (Bearer) or user name and password (Basic) in the Authorization header.",
        )

    async def _refuse(self, error: UserError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": error.code})
            return
        headers = Headers(scope=scope)
        wants_page = scope["method"] in SAFE and "text/html" in headers.get("accept", "")
        response: Response
        if wants_page and isinstance(error, Unauthorized) and "authorization" not in headers:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            target = quote(scope["path"], safe="/") + query
            response = RedirectResponse(
                "/login" if target == "/" else f"/login?next={quote(target, safe='/')}", status_code=303
            )
        elif wants_page and isinstance(error, Unavailable):
            from ..login import waiting_page

            response = waiting_page(Request(scope), error)
        else:
            response = error_response(error, scope)
            if isinstance(error, Unauthorized):
                # A browser that hears "Basic" to a script's request opens its own password box over our page.
                challenge = 'Bearer realm="whisper"'
                if "sec-fetch-mode" not in headers:
                    challenge += ', Basic realm="whisper", charset="UTF-8"'
                response.headers["www-authenticate"] = challenge
        response.headers["connection"] = "close"  # the body, if any, is never read
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)
