"""One call of the SDK, made well: tried again where that is worth it, its errors told in one line.

request ─▶ SDK client ─▶ answer
              └─ error ─▶ worth another try? ─▶ wait, again
                              └─ no ─▶ ServiceError: what, and what to do
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import ServiceError

# With full jitter between them, a service that turns away every third call is outlasted; the waits end after about a
# minute.
ATTEMPTS = 12
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")

_PERMISSIONS = "the user needs AliyunROSFullAccess, AliyunECSFullAccess, AliyunVPCFullAccess and AliyunEIPFullAccess"
# What to do about the errors that a user can do something about; by code, or by the part before its first dot.
_REMEDIES = {
    "InvalidAccessKeyId": "check the access key: it may be mistyped, disabled or deleted",
    "SignatureDoesNotMatch": "check the access key's secret",
    "InvalidSecurityToken": "get a fresh STS token",
    "InvalidTimeStamp": "set this machine's clock",
    "Forbidden": _PERMISSIONS,
    "NoPermission": _PERMISSIONS,
    "StackNotFound": "python -m deploy list shows the stacks there are",
    "StackExists": "choose another name, or delete that stack first",
    "ActionInProgress": "wait until it is done: python -m deploy events NAME --follow",
    "StackValidationFailed": "correct the option that the message names",
    "Throttling": "try again in a minute",
}


class Calls:
    """Calls to one service at `host`. `sleep` waits between tries; `local` is a target on this machine, which is never
    reached through a proxy."""

    def __init__(self, host: str, *, local: bool, sleep: Callable[[float], None]) -> None:
        self._host, self._local, self._sleep = host, local, sleep

    def body(self, method: Callable[[Any], Any], request: Any, *, done: Collection[str] = ()) -> Any:
        """The body of the answer; only `ServiceError` comes out. `done` are error codes which, at a second try, say
        that the first one got through though its answer was lost: the body is then None."""
        answer = self.answer(method, request, done=done)
        return None if answer is None else answer.body

    def answer(self, method: Callable[[Any], Any], request: Any, *, done: Collection[str] = ()) -> Any:
        """The whole answer, headers too."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with _direct(self._local):
                    return method(request)
            except Exception as error:  # the SDK has three families of exceptions, and OSError
                failure = self._failure(error)
                if failure is None:
                    raise
                if attempt > 1 and failure.code in done:
                    return None
                if attempt == ATTEMPTS or not self._worth_another_try(failure):
                    raise failure from None
                # Full jitter, so that many clients that were turned away do not come back together.
                self._sleep(random.uniform(0.1, min(0.2 * 2**attempt, 10)))  # noqa: S311
        raise AssertionError("unreachable")

    def _worth_another_try(self, failure: ServiceError) -> bool:
        if failure.code == "Refused":
            # Nobody listens on a port of this machine: that does not heal by waiting.
            return not self._local
        return failure.code.startswith("Throttling") or failure.status >= 500 or failure.status == 0

    def _failure(self, error: Exception) -> ServiceError | None:
        """What a user is told, or None if the error is not the service's."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status >= 400:
            data = getattr(error, "data", None)
            answer: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
            code = str(getattr(error, "code", "") or "Unknown")
            message = " ".join(str(answer.get("Message") or getattr(error, "message", "") or "no message").split())
            request_id = answer.get("RequestId")
            trace = f" (request {request_id})" if request_id and status >= 500 else ""
            remedy = _REMEDIES.get(code) or _REMEDIES.get(code.partition(".")[0], "")
            return ServiceError(f"{code}: {message.rstrip('.')}{trace}", remedy, code=code, status=status)
        text = str(error)
        if not _is_network(error):
            return None
        if "refused" in text.lower():
            return self._no_answer("Refused", "refuses the connection")
        if "timed out" in text.lower() or "timeout" in text.lower():
            return self._no_answer("Timeout", "does not answer in time")
        if "resolve" in text.lower() or "Name or service not known" in text:
            return self._no_answer("UnknownHost", "is not known to DNS")
        return self._no_answer("ConnectionBroken", "broke the connection")

    def _no_answer(self, code: str, what: str) -> ServiceError:
        if self._local:
            return ServiceError(
                f"the local target {what}: its emulator has stopped",
                "bring it and its stacks back with: python -m deploy local serve",
                code=code,
            )
        return ServiceError(f"{self._host} {what}", "check the network, the proxy and --endpoint", code=code)


@contextmanager
def _direct(local: bool) -> Iterator[None]:
    """Without the environment's proxies while a local call runs: the SDK reads them at every call and does not heed
    NO_PROXY."""
    hidden = {name: os.environ.pop(name) for name in _PROXIES if local and name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_network(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"RetryError", "UnretryableException", "OSError", "HTTPException"})


def pages(page: Callable[[int], tuple[list[Any], int]]) -> Iterator[Any]:
    """All items, given the items of a page by its number and how many there are in all."""
    seen, number = 0, 1
    while True:
        items, total = page(number)
        yield from items
        seen += len(items)
        if not items or seen >= total:
            return
        number += 1
