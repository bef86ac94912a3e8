"""The login form: sessions begin and end here."""

from __future__ import annotations

import asyncio
import functools
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from ..api.envelope import error_response
from ..auth import Auth
from ..auth.gate import client_address, cookie_name, require_same_origin, session_token
from ..auth.sessions import ABSOLUTE_SECONDS
from ..errors import BadRequest, TooLarge, UserError
from . import FILES, local_path, login_file, login_page, login_url
from .words import WORDS

_LARGEST_FORM: Final = 4096
_FORM_SECONDS: Final = 30.0
_YEAR: Final = 365 * 24 * 3600


def login_router(auth: Auth) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def form(request: Request) -> Response:
        """`?lang=zh-CN` or `?lang=en` switches the language and remembers it."""
        chosen = request.query_params.get("lang")
        following = local_path(request.query_params.get("next", "/"))
        if chosen in WORDS:
            response: Response = RedirectResponse(login_url(following), 303)
            response.set_cookie(
                "lang", chosen, max_age=_YEAR, secure=request.url.scheme == "https", samesite="lax", path="/"
            )
            return response
        return login_page(request, following)

    @router.post("/login")
    async def submit(request: Request) -> Response:
        """Form fields `username`, `password`; sets the session cookie and goes to the page."""
        following = "/"
        fields: dict[str, list[str]] = {}
        try:
            require_same_origin(request.scope)
            fields = parse_qs(await _small_body(request), keep_blank_values=True, max_num_fields=10)
            following = local_path(fields.get("next", ["/"])[0])
            token = await auth.log_in(
                fields.get("username", [""])[0], fields.get("password", [""])[0], client_address(request.scope)
            )
        except ValueError:
            error: UserError = BadRequest("bad_form", zh="登录表单有误。", en="The login form is broken.")
        except UserError as caught:
            error = caught
        else:
            former = session_token(request.scope)
            if former:
                await auth.log_out(former)
            response = RedirectResponse(following, 303, headers={"cache-control": "no-store"})
            secure = request.url.scheme == "https"
            response.set_cookie(
                cookie_name(request.url.scheme),
                token,
                max_age=ABSOLUTE_SECONDS,
                secure=secure,
                httponly=True,
                samesite="lax",
                path="/",
            )
            return response
        if "text/html" not in request.headers.get("accept", ""):
            return error_response(error, request.scope)
        return login_page(request, following, error=error, user=fields.get("username", [""])[0])

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        """Ends the session; the old cookie opens nothing any more."""
        token = session_token(request.scope)
        if token:
            await auth.log_out(token)
        response = RedirectResponse("/login", 303)
        name = cookie_name(request.url.scheme)
        response.delete_cookie(name, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax")
        return response

    for path in FILES:
        router.add_api_route(path, functools.partial(login_file, path), methods=["GET"], response_class=Response)

    @router.get("/favicon.ico")
    async def old_icon() -> Response:
        return RedirectResponse("/favicon.svg", 308)

    return router


async def _small_body(request: Request) -> str:
    """Raises `UserError`, and ValueError for one that does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_FORM:
                    raise TooLarge("form_too_large", zh="登录表单过大。", en="The login form is too large.")
    except (TimeoutError, ClientDisconnect):
        raise ValueError from None
    return body.decode("utf-8", "replace")
