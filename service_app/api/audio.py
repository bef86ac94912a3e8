"""OpenAI's audio endpoints: `/v1/audio/transcriptions`, `/v1/audio/translations`, `/v1/models`.

A call is a job like any other: stored before it runs, seen in the history. A client that times out and sends the same
again attaches to its job; when the last caller has left, the work stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..errors import Conflict
from ..exports import plain_text, srt, verbose, vtt
from ..exports.verbose import logprobs, usage
from ..types import Job, JobState, Lane, Options, Segment, Task
from .callers import fingerprint
from .envelope import failure_body, failure_response, language_of
from .events import event, stream
from .forms import TRANSCRIPTION_FORM, TRANSLATION_FORM, answers
from .options import Answer, answer_from, model_from, options_from
from .services import Services, key_of, services_of, user_of
from .upload import Upload, receive
from .written import written

router = APIRouter(prefix="/v1", tags=["OpenAI"])
_T = TypeVar("_T")
_ANSWERS = answers(200, "application/json", "text/plain", "text/event-stream")


@router.post("/audio/transcriptions", response_class=Response, openapi_extra=TRANSCRIPTION_FORM, responses=_ANSWERS)
async def transcriptions(request: Request) -> Response:
    """The recording's text in its own language, as `response_format` says; with `stream` as server-sent events."""
    return await _run(request, "transcribe")


@router.post("/audio/translations", response_class=Response, openapi_extra=TRANSLATION_FORM, responses=_ANSWERS)
async def translations(request: Request) -> Response:
    """The recording's text in English."""
    return await _run(request, "translate")


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The installed models."""
    return {"object": "list", "data": [_model(model.name) for model in services_of(request).engine.models()]}


@router.get("/models/{model:path}")  # names may have a slash: clients escape it, and it comes unescaped
async def model(request: Request, model: str) -> dict[str, Any]:
    """One installed model, also under the names that OpenAI's programs send."""
    # Without a name it would be the default one.
    return _model(model_from(model or "/", services_of(request).engine.models()).name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "whisper"}


async def _run(request: Request, task: Task) -> Response:
    services = services_of(request)
    settings = services.settings
    owner = user_of(request)
    await services.require_minutes(key_of(request))
    if not _repeated(request):  # whose job is in the queue already shall not be refused because the queue is full
        await services.jobs.require_room(owner)
    async with services.callers.sending(owner):
        form = await receive(request, services.incoming, limit=settings.max_upload_bytes)
        try:
            answer = answer_from(form, task=task)
            job = await joined(request, services, form, options_from(form, services.engine.models(), task=task))
            # Entered while the upload still counts as on its way: no moment in which the job has no caller.
            leave = contextlib.AsyncExitStack()
            await leave.enter_async_context(services.callers.waiting(job))
        finally:
            form.discard()
    if answer.stream:
        return await _streamed(request, services, job, answer, leave)
    async with leave:
        ended = await ended_or_left(request, services, job)
    if ended is None:
        return Response(status_code=499)  # nobody reads it
    if ended.failure is not None:
        return failure_response(ended.failure, request.scope)
    if ended.state is JobState.CANCELLED:
        raise cancelled_error()
    segments = await services.jobs.segments(job.id, owner=owner) if _needs_segments(answer) else []
    return await _answer(ended, segments, answer)


def _repeated(request: Request) -> bool:
    """OpenAI's clients say when they send something again."""
    return request.headers.get("x-stainless-retry-count", "0") not in ("", "0")


async def joined(request: Request, services: Services, form: Upload, options: Options) -> Job:
    """The caller's job: the running one on the same recording with the same parameters, else a new one. A repeat also
    gets the result of a job that ended meanwhile."""
    owner, key = user_of(request), key_of(request)
    mark = fingerprint(form.sha256, options, f"{owner}:{key.id if key else ''}")
    async with services.callers.joining:
        known = await services.jobs.alike(mark, owner=owner)
        if known is not None and (
            services.callers.joinable(known) or (_repeated(request) and known.state is JobState.DONE)
        ):
            return known
        assert form.path is not None
        return await services.jobs.accept(
            form.path,
            name=form.name,
            owner=owner,
            options=options,
            lane=Lane.API,
            fingerprint=mark,
            key=key,
        )


async def ended_or_left(request: Request, services: Services, job: Job) -> Job | None:
    """The job at its end; None when the caller has left before."""

    async def watch() -> Job:
        latest = job
        async for latest in services.jobs.watch(job.id, owner=job.owner, end=True):  # noqa: B007
            pass
        return latest

    return await unless_left(request, watch())


async def unless_left(request: Request, work: Coroutine[Any, Any, _T]) -> _T | None:
    """What the work gives; None when the caller has left before, and then the work is cancelled."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()


async def _streamed(
    request: Request, services: Services, job: Job, answer: Answer, leave: contextlib.AsyncExitStack
) -> Response:
    """Server-sent events. What is wrong with the recording is still an HTTP error: it shows before the first text."""
    try:
        begun = await unless_left(request, _begun(services, job))
    except BaseException:
        await leave.aclose()
        raise
    if begun is None:
        await leave.aclose()
        return Response(status_code=499)
    if begun.failure is not None:
        await leave.aclose()
        return failure_response(begun.failure, request.scope)

    async def events() -> AsyncIterator[str]:
        async with leave:
            async for piece in _deltas(services, job, answer, language_of(request.scope)):
                yield piece

    # Closed there too: of a caller that leaves just now, not one event is asked for.
    return stream(request, events(), after=leave.aclose)


async def _begun(services: Services, job: Job) -> Job:
    """The job when its recording has been understood, or at its end."""
    latest = job
    async for latest in services.jobs.watch(job.id, owner=job.owner):
        if latest.duration is not None or latest.failure is not None:
            break
    return latest


async def _deltas(services: Services, job: Job, answer: Answer, language: str) -> AsyncIterator[str]:
    """`transcript.text.delta` for every window in its order, `transcript.text.done` with the whole text, `[DONE]`. The
    deltas joined are the whole text."""
    known: set[int] = set()
    early: dict[int, tuple[Segment, ...]] = {}
    said: list[Segment] = []
    sent = ""
    latest = job
    async for latest in services.jobs.watch(job.id, owner=job.owner):  # noqa: B007
        for window in await services.jobs.windows(job.id, known, owner=job.owner):
            known.add(window.index)
            early[window.index] = window.segments
        while (index := len(known) - len(early)) in early:
            fresh = early.pop(index)
            said += fresh
            text = plain_text(said)
            if text != sent:
                delta: dict[str, Any] = {"type": "transcript.text.delta", "delta": text[len(sent) :]}
                if answer.logprobs:
                    delta["logprobs"] = logprobs(fresh)
                sent = text
                yield event(delta)
    if latest.failure is not None:
        yield event(failure_body(latest.failure, language))
        return
    if latest.state is JobState.CANCELLED:
        yield event(failure_body(cancelled_error().failure, language))
        return
    done: dict[str, Any] = {"type": "transcript.text.done", "text": plain_text(said)}
    if latest.language:
        done["languages"] = [{"code": latest.language}]
    if answer.logprobs:
        done["logprobs"] = logprobs(said)
    yield event(done)
    yield "data: [DONE]\n\n"


def cancelled_error() -> Conflict:
    """Somebody cancelled the job that this caller waits for; clients shall not start it again by themselves."""
    return Conflict("cancelled", zh="任务已被取消。", en="The job was cancelled.")


def _needs_segments(answer: Answer) -> bool:
    """Whether the answer says more than the whole text."""
    return answer.logprobs or answer.format not in ("json", "text")


async def _answer(job: Job, segments: list[Segment], answer: Answer) -> Response:
    match answer.format:
        case "text":
            return PlainTextResponse(job.text + "\n")
        case "srt":
            return PlainTextResponse(srt(segments))
        case "vtt":
            return PlainTextResponse(vtt(segments))
        case "verbose_json":
            return await written(lambda: verbose(job, segments, words=answer.words))
        case _:
            body: dict[str, Any] = {"text": job.text, "usage": usage(job)}
            if job.language:
                body["languages"] = [{"code": job.language}]
            if answer.logprobs:
                return await written(lambda: {**body, "logprobs": logprobs(segments)})
            return JSONResponse(body)
