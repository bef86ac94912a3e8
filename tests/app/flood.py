"""What the server reads of an upload that it refuses: its own way of reading and its gate, with a count in between."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from service_app.auth import Auth
from service_app.auth.gate import Gate
from service_app.auth.store import AuthStore
from service_app.database import connect, sqlite_url
from service_app.login.routes import login_router
from service_app.reading import Reading
from service_app.settings import Settings

MOST = 64 * 1024
_HANGS_UP_SECONDS = 10.0
_SECRET_HASH = "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YQ"


class Counted(Reading):
    taken = 0

    def data_received(self, data: bytes) -> None:
        Counted.taken += len(data)
        super().data_received(data)


@dataclass(frozen=True)
class Refusal:
    status: int
    given: int  # bytes that were there for the server to read before it read any
    taken: int  # bytes that it read
    seconds: float  # from then to the answer


def upload(method: str, path: str, *headers: str) -> bytes:
    """The head of a request with 1 GiB to come."""
    lines = (f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: multipart/form-data; boundary=b", *headers)
    return "\r\n".join((*lines, f"Content-Length: {1 << 30}", "", "")).encode()


def refusals(folder: Path, heads: Sequence[bytes]) -> list[Refusal]:
    """What became of these uploads, each with a connection of its own."""
    return asyncio.run(_refusals(folder, heads))


async def _refusals(folder: Path, heads: Sequence[bytes]) -> list[Refusal]:
    async with serving(folder, Counted) as address:
        return [await _refused(address, head) for head in heads]


def closed(folder: Path) -> FastAPI:
    """Behind its gate there is only the login. On the event loop."""
    auth = Auth(Settings.from_environment({"WHISPER_ADMIN_PASSWORD_HASH": _SECRET_HASH}))
    auth.opened(AuthStore(connect(sqlite_url(folder / "a.sqlite"))))
    app = FastAPI()
    app.include_router(login_router(auth))
    app.add_middleware(Gate, auth=auth)
    return app


@contextlib.asynccontextmanager
async def serving(folder: Path, protocol: type[Reading]) -> AsyncIterator[tuple[str, int]]:
    """A closed server's address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(closed(folder), http=protocol, lifespan="off", log_config=None))
        task = asyncio.create_task(server._serve([listener]))
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            await task


async def _refused(address: tuple[str, int], head: bytes) -> Refusal:
    Counted.taken = 0
    with socket.socket() as connection:
        # Nothing is awaited, so the server does not run yet: all that the kernel takes is there when it does.
        connection.connect(address)
        connection.setblocking(False)
        given = connection.send(head)
        with contextlib.suppress(BlockingIOError):
            while True:
                given += connection.send(bytes(MOST))
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        answer = await loop.sock_recv(connection, 4096)
        took = time.monotonic() - began
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(_HANGS_UP_SECONDS):  # one that reads on would wait for the rest of the GiB
                while await loop.sock_recv(connection, MOST):
                    pass
    return Refusal(int(answer.split()[1]), given, Counted.taken, took)
