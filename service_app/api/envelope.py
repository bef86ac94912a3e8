"""OpenAI's error object, in the caller's language: `{"error": {"message", "type", "param", "code"}}`, always all."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from ..errors import UserError
from ..types import Failure

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def language_of(scope: Scope, default: str = "en") -> str:
    """ "zh" or "en", whichever Accept-Language names first."""
    for part in Headers(scope=scope).get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith(("zh", "en")):
            return tag[:2]
    return default


def error_body(message: str, status: int, *, code: str | None, param: str | None = None) -> dict[str, object]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(error: UserError, scope: Scope) -> JSONResponse:
    message = error.text(language_of(scope))
    response = JSONResponse(error_body(message, error.status, code=error.code, param=error.param), error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    elif error.status < 500:
        # OpenAI's clients try 408, 409, 429 and 5xx again; what is wrong with the request stays wrong.
        response.headers["x-should-retry"] = "false"
    if scope["type"] == "http" and scope["method"] == "POST":
        # Perhaps the body was left unread; with this the server does not read on just to keep the connection.
        response.headers["connection"] = "close"
    return response


def failure_body(failure: Failure, language: str) -> dict[str, object]:
    return error_body(failure.text(language), failure.status, code=failure.code)


def failure_response(failure: Failure, scope: Scope) -> JSONResponse:
    """The answer to a program that waited for a job which failed."""
    response = JSONResponse(failure_body(failure, language_of(scope)), failure.status)
    response.headers["x-should-retry"] = "false"
    return response
