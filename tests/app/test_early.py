"""The first answers, before the app is loaded."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI

from service_app import serve
from service_app.early import Early

HEAVY = ("fastapi", "pydantic", "sqlalchemy", "dbos", "gradio", "argon2", "numpy", "av")


def test_nothing_heavy_is_imported_before_the_server_answers() -> None:
    code = f"import sys, service_app.serve; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def _alive(early: Early, visit: Callable[[httpx.AsyncClient], Any]) -> None:
    """Runs `visit` while the server lives, as uvicorn would have it."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    living = asyncio.create_task(early({"type": "lifespan"}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(early), base_url="http://here") as client:
        await visit(client)
    await told.put({"type": "lifespan.shutdown"})
    await living


def test_health_and_login_answer_at_once_and_the_rest_waits() -> None:
    ready = threading.Event()

    def load() -> FastAPI:
        ready.wait(30)
        app = FastAPI()

        @app.get("/{path:path}")
        def late(path: str) -> dict[str, str]:
            return {"late": path}

        return app

    async def visit(client: httpx.AsyncClient) -> None:
        waiting = [asyncio.create_task(client.get(path)) for path in ("/", "/login?lang=en", "/v1/models")]
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        page = await client.get("/login?next=/%3Fjob%3D1", headers={"accept-language": "zh-CN"})
        assert "用户名" in page.text and "/?job=1" in page.text
        assert page.headers["x-frame-options"] == "DENY"
        assert "form-action 'self'" in page.headers["content-security-policy"]
        assert (await client.get("/login/style.css")).headers["content-type"].startswith("text/css")
        assert (await client.get("/favicon.svg")).status_code == 200
        assert not any(task.done() for task in waiting)
        ready.set()
        assert [answer.json()["late"] for answer in await asyncio.gather(*waiting)] == ["", "login", "v1/models"]
        assert (await client.get("/healthz")).json() == {"late": "healthz"}

    asyncio.run(_alive(Early(load), visit))


def test_a_body_does_not_wait_until_its_head_is_acknowledged() -> None:
    """Nagle's algorithm would hold it back; a client that acknowledges late makes that 40 ms for every answer."""

    async def accepted() -> int:
        listener = serve._listen("127.0.0.1", 0)
        at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found = writer.get_extra_info("socket")
            at_once.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(look, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await at_once

    assert asyncio.run(accepted()) == 1
