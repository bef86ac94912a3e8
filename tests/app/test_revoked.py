"""A stream of events that is open when its caller may no longer come in ends within seconds, while its job goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request

from service_app.api import events
from service_app.errors import Unavailable, database_away

from .conftest import NewServer, Server, create

BOB = ("bob", "Correct-horse-2")
NEW = "Correct-horse-8"
LONG = "SPEECH 4000 0.05"


@pytest.fixture(scope="module")
def bobs(new_server: NewServer) -> Iterator[Server]:
    server = new_server().start()
    with server.program() as admin:
        assert admin.post("/api/users", json={"name": BOB[0], "password": BOB[1]}).status_code == 201
    yield server


def _until_refused(lines: Iterator[str]) -> str:
    """The code of the error with which the stream ends."""
    latest = time.monotonic() + 40
    last = ""
    for line in lines:
        assert time.monotonic() < latest, "it runs on"
        last = line.removeprefix("data: ") or last
    return str(json.loads(last)["error"]["code"])


def test_an_open_stream_ends_with_its_session_key_or_password(bobs: Server) -> None:
    with contextlib.ExitStack() as stack:
        bob = stack.enter_context(bobs.client(auth=BOB))
        job_id = create(bob, LONG)
        keys = {name: bob.post("/api/keys", json={"name": name}).json() for name in ("events", "speech")}

        def opened(client: httpx.Client, job_id: str = job_id) -> Iterator[str]:
            lines = stack.enter_context(client.stream("GET", f"/api/jobs/{job_id}/events", timeout=30)).iter_lines()
            assert next(lines).startswith("event: ")
            return lines

        def program(name: str) -> httpx.Client:
            return stack.enter_context(bobs.client(headers={"authorization": f"Bearer {keys[name]['key']}"}))

        def browser() -> httpx.Client:
            client = stack.enter_context(bobs.client())
            assert client.post("/login", data={"username": BOB[0], "password": BOB[1]}).status_code == 303
            return client

        leaves, elsewhere, stays = browser(), browser(), browser()
        admin = stack.enter_context(bobs.program())
        other = create(admin, LONG)
        kept = [opened(stays), opened(admin, other)]
        ending = [opened(client) for client in (leaves, elsewhere, program("events"), bob)]
        call = {"files": {"file": ("a.wav", LONG)}, "data": {"stream": "true"}, "timeout": 30}
        spoken = stack.enter_context(
            program("speech").stream("POST", "/v1/audio/transcriptions", **cast("dict[str, Any]", call))
        ).iter_lines()
        assert next(spoken).startswith("data: ")
        ending.append(spoken)

        assert leaves.post("/logout").status_code == 303
        assert bobs.run("keys", "revoke", "events").returncode == 0
        assert stays.delete(f"/api/keys/{keys['speech']['id']}").status_code == 204
        assert stays.put("/api/password", json={"current": BOB[1], "new": NEW}).status_code == 204
        assert [_until_refused(lines) for lines in ending] == ["access_ended"] * 5
        for client, job, lines in ((stays, job_id, kept[0]), (admin, other, kept[1])):  # they saw as many looks
            assert client.get(f"/api/jobs/{job}").json()["state"] in ("queued", "running")
            client.post(f"/api/jobs/{job}/cancel")
            assert [line for line in lines if line.startswith("event: ")][-1] == "event: end"


async def _never() -> AsyncIterator[str]:
    await asyncio.Event().wait()
    yield ""


def _said(source: AsyncIterator[str], still: Any) -> list[str]:
    request = cast("Request", SimpleNamespace(state=SimpleNamespace(still=still), scope={"headers": []}))

    async def read() -> list[str]:
        async with asyncio.timeout(20):
            return [cast("str", piece) async for piece in events.stream(request, source).body_iterator]

    return asyncio.run(read())


def test_a_silent_stream_ends_too_and_an_absent_database_ends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)
    answers: list[bool | Unavailable] = [True, database_away(), False]

    async def still() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    (said,) = _said(_never(), still)
    assert (json.loads(said.removeprefix("data: "))["error"]["code"], answers) == ("access_ended", [])


def test_many_events_ask_no_more_often() -> None:
    asked = 0

    async def many() -> AsyncIterator[str]:
        for _ in range(2000):
            yield "x"

    async def still() -> bool:
        nonlocal asked
        asked += 1
        return True

    assert len(_said(many(), still)) == 2000
    assert asked < 20
