"""News between nodes: which jobs changed, that windows are open, that a node came or left. By PostgreSQL's LISTEN and
NOTIFY.

News only make things quick: whoever misses some looks again within a second. What is told within a moment goes out in
one statement, because commits that notify wait for each other in the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from ..database import shared

OPEN: Final = "*open"  # windows on the board
NODES: Final = "*nodes"  # one came, left, or has other devices
_CHANNEL: Final = "whisper"
_COLLECT_SECONDS: Final = 0.03
_LONGEST: Final = 7000  # bytes; PostgreSQL takes 8000
_LISTEN_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class News:
    """`heard` is called with what any node told. What this one tells it hears at once, in the caller's thread: before
    the others, so that a small job stays where it came in."""

    def __init__(self, engine: sa.Engine, heard: Callable[[str], None]) -> None:
        self._engine = engine
        self._heard = heard
        self._shared = shared(engine)
        self._told: dict[str, None] = {}
        self._something = threading.Event()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"news-{target.__name__.strip('_')}", daemon=True)
            for target in (self._send, self._listen)
        ]

    def start(self) -> None:
        if self._shared:
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """What was told goes out first."""
        self._stop.set()
        self._something.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)

    def tell(self, what: str) -> None:
        self._heard(what)
        if self._shared:
            self._told[what] = None
            self._something.set()

    def _send(self) -> None:
        while not (self._stop.is_set() and not self._told):
            self._something.wait()
            self._stop.wait(_COLLECT_SECONDS)
            self._something.clear()
            payload = ""
            while self._told and len(payload) < _LONGEST:
                what = next(iter(self._told))
                del self._told[what]
                payload += f" {what}"
            try:
                with self._engine.begin() as connection:
                    connection.execute(
                        sa.text("SELECT pg_notify(:channel, :payload)"),
                        {"channel": _CHANNEL, "payload": payload},
                    )
            except sa.exc.SQLAlchemyError:
                # Nobody waits for them: every reader looks again by itself.
                self._stop.wait(_AGAIN_SECONDS)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(sa.text(f"LISTEN {_CHANNEL}"))
                    driver: Any = connection.connection.driver_connection
                    while not self._stop.is_set():
                        for news in driver.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                            for what in news.payload.split():
                                self._heard(what)
                        # A cut line gives no news and no error: only an answer proves that somebody is there.
                        connection.execute(sa.text("SELECT 1"))
            except Exception as error:
                if not self._stop.is_set():
                    _log.warning("no news from other nodes for now", extra={"reason": type(error).__name__})
                    self._stop.wait(_AGAIN_SECONDS)
