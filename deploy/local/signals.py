"""Signals to WaitConditions: where they are sent, and who waits for them."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ApiError, CancelError
from .faults import Faults
from .store import Signal, Store

PATH = "/waitcondition"
STATUSES = ("SUCCESS", "FAILURE")


class Signals:
    """`url` is the emulator's own address; `key` makes the tokens that let a sender in."""

    def __init__(self, store: Store, key: bytes, url: Callable[[], str], faults: Faults) -> None:
        self._store, self._key, self._url, self._faults = store, key, url, faults
        self._arrived = threading.Condition()

    def address(self, handle: str) -> str:
        return f"{self._url()}{PATH}?handle={handle}"

    def headers(self, handle: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "x-acs-wait-condition-token": self._token(handle),
        }

    def curl(self, handle: str) -> str:
        """The curl prefix to which a sender appends `-d`."""
        headers = " ".join(f"-H '{name}: {value}'" for name, value in self.headers(handle).items())
        return f"curl -i -X POST {headers} '{self.address(handle)}'"

    def receive(self, handle: str, token: str, body: Any) -> None:
        """Keeps one signal; keys may be in either case. Raises ApiError for a wrong token or shape."""
        if not hmac.compare_digest(self._token(handle).encode(), token.encode()):
            raise ApiError("Forbidden", "The token does not belong to this wait condition handle.", 403)
        values = {str(k).lower(): v for k, v in body.items()} if isinstance(body, Mapping) else {}
        status = str(values.get("status", "")).upper()
        if status not in STATUSES:
            raise ApiError("InvalidSignal", f"A signal is a JSON map whose status is one of {', '.join(STATUSES)}.")
        data = values.get("data", values.get("reason", ""))
        with self._arrived:
            for _ in range(self._faults.signal_copies(status)):
                self._store.add_signal(handle, Signal(str(values.get("id") or uuid.uuid4()), status, data))
            self._arrived.notify_all()

    def wait(self, handle: str, count: int, deadline: float, cancelled: threading.Event) -> list[Signal]:
        """Waits for `count` successes or one failure; returns what came until then, or until `deadline` (Unix time)."""
        with self._arrived:
            while True:
                signals = self._store.signals(handle)
                enough = sum(s.status == "SUCCESS" for s in signals) >= count
                remaining = deadline - time.time()
                if enough or remaining <= 0 or any(s.status == "FAILURE" for s in signals):
                    return signals
                if cancelled.is_set():
                    raise CancelError
                self._arrived.wait(min(remaining, 0.2))

    def forget(self, handle: str) -> None:
        self._store.forget_signals(handle)

    def forget_above(self, handle: str, count: int) -> None:
        """Signals whose id is a number greater than `count`."""
        self._store.forget_signals(handle, lambda signal: signal.id.isdigit() and int(signal.id) > count)

    def forget_failures(self, handle: str) -> None:
        self._store.forget_signals(handle, lambda signal: signal.status == "FAILURE")

    def _token(self, handle: str) -> str:
        return hmac.new(self._key, handle.encode(), hashlib.sha256).hexdigest()
