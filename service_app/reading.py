"""How a connection is read: no faster than the app asks, and never at a stranger's pace.

Uvicorn alone takes 256 KiB at once and up to 64 KiB more for which nobody has asked, and waits for ever for the end of
a request's head. Here little is taken until the app, behind its gate, wants the body; and whoever drips a head
(slowloris) is hung up on.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_STRANGERS: Final = 16 * 1024  # bytes at once of a head, and of a body that nobody has asked for
_WANTED: Final = 256 * 1024


class Reading(H11Protocol):
    head_seconds: ClassVar[float] = 30.0  # from a head's first byte, or the connection's start, to its end
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._read_at_most(_STRANGERS)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        else:
            self._head_is_here()
        # What is small is read even so: who is refused gets a reset in place of the answer where bytes were left.
        enough = self.conn.their_state is h11.SEND_BODY and len(self.cycle.body) >= _STRANGERS
        self._read_at_most(_WANTED if enough else _STRANGERS)
        if enough and not self.cycle.response_complete:
            self.flow.pause_reading()  # the app's `receive` goes on

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def _read_at_most(self, size: int) -> None:
        self.transport.max_size = size  # type: ignore[attr-defined] # of asyncio's own transports

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_is_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
