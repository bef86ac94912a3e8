"""Server-sent events: the wire format, and a job's progress with its text as it comes.

A stream lives as long as its job, so it looks again and again whether its caller may still come in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse

from ..errors import NotFound, Unauthorized, Unavailable
from ..jobs.codec import plain
from ..types import Segment
from .envelope import failure_body, language_of
from .forms import answers
from .jobs import describe, with_place
from .services import Services, services_of, user_of

router = APIRouter(prefix="/api/jobs", tags=["jobs"])
PING_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 5.0
_T = TypeVar("_T")


def event(data: dict[str, Any], name: str = "") -> str:
    """One event of the stream (WHATWG HTML, 9.2)."""
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def stream(
    request: Request, events: AsyncIterator[str], after: Callable[[], Awaitable[None]] | None = None
) -> StreamingResponse:
    """An answer of events, with a comment every 15 s so that no proxy takes the silence for death. It ends with an
    error soon after what the request came with has been revoked. `after` is called at its end, also when nobody has
    read a single event."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    end = None if after is None else BackgroundTask(after)
    return StreamingResponse(_pinged(request, events), media_type="text/event-stream", headers=headers, background=end)


async def _pinged(request: Request, events: AsyncIterator[str]) -> AsyncIterator[str]:
    following: asyncio.Task[str] | None = None
    looked = said = time.monotonic()
    try:
        while True:
            following = following or asyncio.ensure_future(_following(events))
            done, _ = await asyncio.wait({following}, timeout=looked + LOOK_SECONDS - time.monotonic())
            now = time.monotonic()
            if now >= looked + LOOK_SECONDS:
                looked = now
                if not await _still(request):
                    yield event(failure_body(_revoked().failure, language_of(request.scope)))
                    return
            if done:
                try:
                    yield following.result()
                except StopAsyncIteration:
                    return
                following, said = None, now
            elif now >= said + PING_SECONDS:
                yield ": ping\n\n"
                said = now
    finally:
        if following is not None:
            following.cancel()
            with contextlib.suppress(BaseException):
                await following
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _still(request: Request) -> bool:
    """Whether what the request came with still opens anything."""
    try:
        return bool(await request.state.still())
    except Unavailable:  # asked again when the database is there
        return True


def _revoked() -> Unauthorized:
    return Unauthorized(
        "access_ended",
        zh="登录或密钥已失效（已退出、密码已更改、密钥已吊销或过期），请重新登录或更换密钥。",
        en="The login or key has ended (logged out, password changed, key revoked or expired); log in again, or take "
        "another key.",
    )


async def _following(events: AsyncIterator[str]) -> str:
    return await anext(events)


@router.get("/{job_id}/events", response_class=StreamingResponse, responses=answers(200, "text/event-stream"))
async def follow(request: Request, job_id: str) -> StreamingResponse:
    """The job at every change (`job`), each finished window's text (`segments`), and the end (`end`)."""
    services = services_of(request)
    await services.jobs.get(job_id, owner=user_of(request))
    return stream(request, _job_events(services, job_id, user_of(request), language_of(request.scope)))


async def _job_events(services: Services, job_id: str, owner: str, language: str) -> AsyncIterator[str]:
    known: set[int] = set()
    job = None
    try:
        async for job in services.jobs.watch(job_id, owner=owner):
            for window in await services.jobs.windows(job_id, known, owner=owner):
                known.add(window.index)
                said = [_shown(segment) for segment in window.segments]
                yield event({"window": window.index, "segments": said}, "segments")
            if not job.state.final:
                yield event(await with_place(job, services, language), "job")
    except NotFound:  # deleted in another window
        yield event({"id": job_id, "state": "deleted"}, "end")
        return
    assert job is not None
    yield event({**describe(job, services, language), "queue": None}, "end")


def _shown(segment: Segment) -> dict[str, Any]:
    shown = plain(segment)
    return {name: shown[name] for name in ("start", "end", "text", "words")}
