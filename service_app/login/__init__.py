"""The login page and its form. Rendered here, without scripts, so that it is there before anything else has loaded."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from ..api.envelope import error_response
from ..auth import Auth
from ..auth.gate import client_address, cookie_name, require_same_origin, session_token
from ..auth.sessions import ABSOLUTE_SECONDS
from ..errors import BadRequest, TooLarge, UserError
from .words import WORDS

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FOLDER = Path(__file__).parent
_PAGE = Template((_FOLDER / "login.html").read_text("utf-8"))
_WAITING_PAGE = Template((_FOLDER / "starting.html").read_text("utf-8"))
_LARGEST_FORM = 4096
_YEAR = 365 * 24 * 3600


def login_router(auth: Auth) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def form(request: Request) -> Response:
        """`?lang=zh-CN` or `?lang=en` switches the language and remembers it."""
        chosen = request.query_params.get("lang")
        following = _local(request.query_params.get("next", "/"))
        if chosen in WORDS:
            response: Response = RedirectResponse(_login_url(following), 303)
            response.set_cookie(
                "lang", chosen, max_age=_YEAR, secure=request.url.scheme == "https", samesite="lax", path="/"
            )
            return response
        return _page(request, following)

    @router.post("/login")
    async def submit(request: Request) -> Response:
        """Form fields `username`, `password`; sets the session cookie and goes to the page."""
        following = "/"
        fields: dict[str, list[str]] = {}
        try:
            require_same_origin(request.scope)
            fields = parse_qs(await _small_body(request), keep_blank_values=True, max_num_fields=10)
            following = _local(fields.get("next", ["/"])[0])
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
        return _page(request, following, error=error, user=fields.get("username", [""])[0])

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

    @router.get("/login/style.css")
    async def style() -> Response:
        return FileResponse(_FOLDER / "login.css", media_type="text/css", headers={"cache-control": "max-age=3600"})

    @router.get("/favicon.svg")
    async def icon() -> Response:
        return FileResponse(
            _FOLDER / "icon.svg", media_type="image/svg+xml", headers={"cache-control": "max-age=86400"}
        )

    @router.get("/favicon.ico")
    async def old_icon() -> Response:
        return RedirectResponse("/favicon.svg", 308)

    return router


def starting_page(request: Request, reason: str = "") -> Response:
    """What the page shows while it is being loaded; it looks again by itself."""
    if "text/html" not in request.headers.get("accept", ""):
        body = {"error": {"message": reason or "starting", "type": "server_error", "param": None, "code": "starting"}}
        return JSONResponse(body, 503, headers={"retry-after": "1"})
    language = page_language(request)
    words = WORDS[language]
    html = _WAITING_PAGE.substitute(language=language, title=words["title"], starting=words["starting"])
    headers = {"retry-after": "1", "cache-control": "no-store", "content-security-policy": POLICY}
    return HTMLResponse(html, 503, headers=headers)


def page_language(request: Request) -> str:
    """`zh-CN` or `en`: the user's choice (cookie `lang`), else the first of the two that the browser accepts."""
    chosen = request.cookies.get("lang", "")
    for tag in (chosen, *request.headers.get("accept-language", "").split(",")):
        found = {"zh": "zh-CN", "en": "en"}.get(tag.strip().lower()[:2])
        if found:
            return found
    return "en"


def _page(request: Request, following: str, *, error: UserError | None = None, user: str = "") -> Response:
    language = page_language(request)
    words = WORDS[language]
    message = f'<p class="error" role="alert" id="problem">{escape(error.text(language))}</p>' if error else ""
    other = "en" if language == "zh-CN" else "zh-CN"
    html = _PAGE.substitute(
        {name: escape(text) for name, text in words.items()},
        language=language,
        error=message,
        described='aria-describedby="problem" aria-invalid="true"' if error else "",
        user=escape(user[:100]),
        user_focus="" if user else "autofocus",
        password_focus="autofocus" if user else "",
        following=escape(following),
        switch_url=escape(f"{_login_url(following)}{'&' if following != '/' else '?'}lang={other}"),
        other=other,
    )
    headers = {"cache-control": "no-store", "content-security-policy": POLICY, "vary": "Accept-Language, Cookie"}
    response = HTMLResponse(html, error.status if error else 200, headers=headers)
    if error is not None and error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def _login_url(following: str) -> str:
    return "/login" if following == "/" else f"/login?next={quote(following, safe='/')}"


def _local(target: str) -> str:
    """Where to go after the login: a path of ours and nothing that a browser could take for another host."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\", "/login")):
        return "/"
    return target if target.isascii() and target.isprintable() and "\\" not in target else "/"


async def _small_body(request: Request) -> str:
    body = bytearray()
    async with asyncio.timeout(30):
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_FORM:
                raise TooLarge("form_too_large", zh="登录表单过大。", en="The login form is too large.")
    return body.decode("utf-8", "replace")
