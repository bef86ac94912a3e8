"""OpenAI's audio endpoints: `/v1/audio/transcriptions`, `/v1/audio/translations`, `/v1/models`.

A call is a job like any other: stored before it runs, seen in the history, and cancelled when its caller leaves.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..errors import Unavailable
from ..exports import plain_text, srt, verbose, vtt
from ..exports.verbose import usage
from ..types import Job, JobState, Lane, Segment, Task
from .envelope import failure_response
from .options import options_from, response_format
from .services import Services, services_of, user_of
from .upload import receive

router = APIRouter(prefix="/v1")


@router.post("/audio/transcriptions")
async def transcriptions(request: Request) -> Response:
    """The recording's text in its own language."""
    return await _run(request, "transcribe")


@router.post("/audio/translations")
async def translations(request: Request) -> Response:
    """The recording's text in English."""
    return await _run(request, "translate")


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The installed models."""
    entries = services_of(request).engine.models()
    return {
        "object": "list",
        "data": [{"id": model.name, "object": "model", "created": 0, "owned_by": "whisper"} for model in entries],
    }


async def _run(request: Request, task: Task) -> Response:
    services = services_of(request)
    settings = services.settings
    form = await receive(request, settings.data_dir / "uploads", limit=settings.max_upload_bytes)
    try:
        chosen = response_format(form)
        options = options_from(form, services.engine.models(), task=task)
        assert form.path is not None
        owner = user_of(request)
        job = await services.jobs.accept(form.path, name=form.name, owner=owner, options=options, lane=Lane.API)
    finally:
        form.discard()
    job = await _ended(request, services, job)
    if job.failure is not None:
        return failure_response(job.failure, request.scope)
    if job.state is JobState.CANCELLED:
        raise Unavailable("cancelled", zh="任务已被取消。", en="The job was cancelled.", retry_after=1)
    return _answer(job, await services.jobs.segments(job.id, owner=owner), chosen)


async def _ended(request: Request, services: Services, job: Job) -> Job:
    """The job at its end. A caller that leaves takes its job along: nobody would read the text."""

    async def watch() -> Job:
        latest = job
        async for latest in services.jobs.watch(job.id, owner=job.owner):  # noqa: B007
            pass
        return latest

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watching, leaving = asyncio.create_task(watch()), asyncio.create_task(gone())
    try:
        await asyncio.wait({watching, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not watching.done():
            await services.jobs.cancel(job.id, owner=job.owner)
        return await watching
    finally:
        watching.cancel()
        leaving.cancel()


def _answer(job: Job, segments: list[Segment], chosen: str) -> Response:
    match chosen:
        case "text":
            return PlainTextResponse(plain_text(segments) + "\n")
        case "srt":
            return PlainTextResponse(srt(segments))
        case "vtt":
            return PlainTextResponse(vtt(segments))
        case "verbose_json":
            return JSONResponse(verbose(job, segments, words=job.options.word_timestamps))
        case _:
            return JSONResponse({"text": plain_text(segments), "usage": usage(job)})
