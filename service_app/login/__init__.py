"""The login page, without scripts, so that it is there before anything else has loaded: nothing heavy is imported here.
Its form and the sessions are in routes.py."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from ..errors import UserError
from .words import WORDS

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FOLDER = Path(__file__).parent
_PAGE = Template((_FOLDER / "login.html").read_text("utf-8"))
_WAITING_PAGE = Template((_FOLDER / "starting.html").read_text("utf-8"))
# What the page needs beside itself: path -> file, type, seconds that browsers may keep it.
FILES: Final = {
    "/login/style.css": ("login.css", "text/css", 3600),
    "/favicon.svg": ("icon.svg", "image/svg+xml", 86400),
}


def login_file(path: str) -> Response:
    """One of `FILES`."""
    name, kind, seconds = FILES[path]
    return FileResponse(_FOLDER / name, media_type=kind, headers={"cache-control": f"max-age={seconds}"})


def starting_page(request: Request, reason: str = "") -> Response:
    """What the page shows while it is being loaded; it looks again by itself."""
    if "text/html" not in request.headers.get("accept", ""):
        body = {"error": {"message": reason or "starting", "type": "server_error", "param": None, "code": "starting"}}
        return JSONResponse(body, 503, headers={"retry-after": "1"})
    return _waiting(request, WORDS[page_language(request)]["starting"])


def waiting_page(request: Request, error: UserError) -> Response:
    """What a browser is shown while the service waits for something; it looks again by itself."""
    return _waiting(request, error.text(page_language(request)))


def _waiting(request: Request, message: str) -> Response:
    language = page_language(request)
    html = _WAITING_PAGE.substitute(language=language, title=WORDS[language]["title"], message=escape(message))
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


def login_page(request: Request, following: str, *, error: UserError | None = None, user: str = "") -> Response:
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
        switch_url=escape(f"{login_url(following)}{'&' if following != '/' else '?'}lang={other}"),
        other=other,
    )
    headers = {"cache-control": "no-store", "content-security-policy": POLICY, "vary": "Accept-Language, Cookie"}
    response = HTMLResponse(html, error.status if error else 200, headers=headers)
    if error is not None and error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def login_url(following: str) -> str:
    return "/login" if following == "/" else f"/login?next={quote(following, safe='/')}"


def local_path(target: str) -> str:
    """Where to go after the login: a path of ours and nothing that a browser could take for another host."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\", "/login")):
        return "/"
    return target if target.isascii() and target.isprintable() and "\\" not in target else "/"
