"""`/asr` and `/detect-language` as whisper-asr-webservice has them, for programs written for it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import uuid
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..aside import aside
from ..exports import plain_text, srt, tsv, vtt
from ..jobs.codec import plain
from ..languages import language_name
from ..types import Job, JobState, Options, Plan, Punctuation, Script, Segment
from .audio import cancelled_error, ended_or_left, joined, unless_left
from .envelope import failure_response
from .forms import answers
from .options import options_from
from .services import Services, key_of, services_of, user_of
from .upload import receive
from .written import written

router = APIRouter(tags=["whisper-asr-webservice"])
_FIELD: Final = ("audio_file",)
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["audio_file"],
                    "properties": {"audio_file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class Wanted(BaseModel):
    task: Literal["transcribe", "translate"] = "transcribe"
    language: str = Field("", max_length=40)
    initial_prompt: str = Field("", max_length=8000)
    word_timestamps: bool = False
    script: Literal["", Script] = Field("", description="ours: Chinese in these letters")
    punctuation: Punctuation = Field("keep", description="ours")
    output: Literal["txt", "vtt", "srt", "tsv", "json"] = "txt"


@router.post(
    "/asr",
    openapi_extra=_FORM,
    response_class=Response,
    responses=answers(200, "text/plain", "application/json"),
)
async def asr(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """The recording's text as `output` says. `encode` and `vad_filter` are accepted and change nothing."""
    services = services_of(request)
    await services.require_minutes(key_of(request))
    await services.jobs.require_room(user_of(request))
    settings = services.settings
    async with services.callers.sending(user_of(request)):
        form = await receive(request, services.incoming, limit=settings.max_upload_bytes, files=_FIELD)
        try:
            form.fields = {
                "language": [wanted.language],
                "prompt": [wanted.initial_prompt],
                "script": [wanted.script],
                "punctuation": [wanted.punctuation],
            }
            if wanted.word_timestamps:
                form.fields["timestamp_granularities"] = ["word"]
            job = await joined(request, services, form, options_from(form, services.engine.models(), task=wanted.task))
            leave = contextlib.AsyncExitStack()
            await leave.enter_async_context(services.callers.waiting(job))
        finally:
            form.discard()
    async with leave:
        ended = await ended_or_left(request, services, job)
    if ended is None:
        return Response(status_code=499)
    if ended.failure is not None:
        return failure_response(ended.failure, request.scope)
    if ended.state is JobState.CANCELLED:
        raise cancelled_error()
    return await _answer(ended, await services.jobs.segments(job.id, owner=job.owner), wanted.output)


@router.post("/detect-language", openapi_extra=_FORM)
async def detect_language(request: Request) -> dict[str, Any]:
    """Which language is spoken, and how sure the model is (0 to 1)."""
    services = services_of(request)
    settings = services.settings
    await services.require_minutes(key_of(request))
    await services.jobs.require_room(user_of(request))
    form = await receive(request, services.incoming, limit=settings.max_upload_bytes, files=_FIELD)
    assert form.path is not None
    # The engine writes beside the file: a folder of its own goes as a whole.
    folder = services.incoming / f"{uuid.uuid4().hex}.detect"
    try:
        await asyncio.to_thread(folder.mkdir)
        media = await asyncio.to_thread(form.path.rename, folder / "media")
        plan = await unless_left(request, _plan(services, media))
    finally:
        form.discard()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    if plan is None:
        return {}  # nobody reads it
    return {
        "detected_language": language_name(plan.language),
        "language_code": plan.language,
        "confidence": plan.language_probability,
    }


async def _plan(services: Services, media: Path) -> Plan:
    left = threading.Event()
    try:
        async with services.detecting:
            return await aside(lambda: services.engine.plan(media, Options(), cancelled=left.is_set))
    finally:
        left.set()


async def _answer(job: Job, segments: list[Segment], output: str) -> Response:
    match output:
        case "json":
            return await written(
                lambda: {
                    "language": job.language,
                    "text": plain_text(segments),
                    "segments": [plain(segment) for segment in segments],
                }
            )
        case "vtt":
            text = vtt(segments)
        case "srt":
            text = srt(segments)
        case "tsv":
            text = tsv(segments)
        case _:
            text = "".join(f"{segment.text.strip()}\n" for segment in segments)
    return PlainTextResponse(text, headers={"content-disposition": f'attachment; filename="transcript.{output}"'})
