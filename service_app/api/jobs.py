"""The job endpoints: accept now, ask later. A job is visible to its owner only."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from ..errors import NotFound
from ..types import Job, JobState, Lane, Punctuation, Script, Task
from .envelope import language_of
from .forms import JOB_FORM, answers
from .options import changed, lane_from, options_from, task_from
from .services import Services, key_of, services_of, user_of
from .sources import recording, upload_mark

router = APIRouter(prefix="/api/jobs", tags=["jobs"])
_PREVIEW = 160  # letters of the text in the list
_RANGE = re.compile(r"bytes\s*=\s*(?:(?:\d{1,18}-\d{0,18}|-\d{1,18})(?:\s*,\s*|$))+", re.IGNORECASE)


class Amended(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(None, min_length=1, max_length=255, pattern=r"\S")
    lane: Lane | None = Field(None, description="who goes first; of an ended job it stays")


class Changes(BaseModel):
    """What is to be different; a field left out stays as it was."""

    model_config = ConfigDict(extra="forbid")
    task: str | None = None
    language: str | None = Field(None, description='"" detects it')
    model: str | None = None
    prompt: str | None = Field(None, max_length=65536)
    hotwords: list[str] | None = Field(None, max_length=256)
    word_timestamps: bool | None = None
    script: str | None = Field(None, description='hans or hant; "": as recognised')
    punctuation: str | None = Field(None, description="keep, full or none")
    condition_on_previous_text: bool | None = None


class Problem(BaseModel):
    code: str
    message: str


class PlaceView(BaseModel):
    position: int = Field(description="jobs before it")
    seconds: float | None = Field(description="until it should be done; null: not known yet")


class OptionsView(BaseModel):
    language: str | None
    prompt: str | None
    hotwords: list[str]
    word_timestamps: bool
    script: Script | None
    punctuation: Punctuation
    condition_on_previous_text: bool


class JobBrief(BaseModel):
    """A job without its text. Moments are Unix times."""

    id: str
    name: str
    state: JobState
    task: Task
    lane: Lane = Field(description="people at the page go before programs that wait, and both before bulk")
    model: str | None
    language: str | None = Field(description="chosen or detected")
    duration: float | None = Field(description="seconds of recording")
    size: int = Field(description="bytes")
    progress: float = Field(ge=0, le=1)
    created: float
    started: float | None
    finished: float | None
    expires: float | None = Field(description="when recording and text are removed")
    error: Problem | None
    edited: bool
    version: int
    complete: bool = Field(description="false: the file is damaged, a part of it could not be read")
    source: str | None = Field(description="the job that this one was begun from by a re-run")
    options: OptionsView


class JobView(JobBrief):
    queue: PlaceView | None
    translation: str | None = Field(description="the newest job that translates this one's recording")
    text: str


class Listed(JobBrief):
    preview: str


class History(BaseModel):
    jobs: list[Listed]


_ONE: dict[int | str, dict[str, Any]] = {200: {"model": JobView}}
_NEW: dict[int | str, dict[str, Any]] = {202: {"model": JobView}}


def describe(job: Job, services: Services, language: str) -> dict[str, Any]:
    """A job as the API shows it; the failure in the caller's language."""
    days = services.settings.retention_days
    options = dataclasses.asdict(job.options)
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "task": job.options.task,
        "lane": job.lane.value,
        "model": job.options.model,
        "language": job.language,
        "duration": job.duration,
        "size": job.size,
        "progress": round(job.progress, 4),
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "expires": job.finished + days * 86400 if days and job.finished else None,
        "error": job.failure and {"code": job.failure.code, "message": job.failure.text(language)},
        "edited": job.edited,
        "version": job.version,
        "complete": job.complete,
        "source": job.source,
        "options": {name: options[name] for name in OptionsView.model_fields},
    }


async def with_place(job: Job, services: Services, language: str) -> dict[str, Any]:
    place = await services.jobs.place(job)
    return {**describe(job, services, language), "queue": place and dataclasses.asdict(place)}


async def whole(job: Job, request: Request) -> dict[str, Any]:
    services = services_of(request)
    described = await with_place(job, services, language_of(request.scope))
    translation = await services.jobs.translation(job)
    return {**described, "translation": translation and translation.id, "text": job.text}


async def _accepted(job: Job, request: Request) -> Response:
    return JSONResponse(await whole(job, request), 202, headers={"location": f"/api/jobs/{job.id}"})


@router.post("", status_code=202, openapi_extra=JOB_FORM, responses=_NEW)
async def create(request: Request) -> Response:
    """Takes a recording and answers with the job at once. Give one of `file`, `upload` and `url`. The same `upload`
    again gives the job that it has become."""
    services = services_of(request)
    form = await recording(request, services)
    if isinstance(form, Job):
        return await _accepted(form, request)
    try:
        options = options_from(form, services.engine.models(), task=task_from(form.first("task")))
        webhook = form.first("webhook") or None
        if webhook:
            await services.checked_address(webhook)
        assert form.path is not None
        job = await services.jobs.accept(
            form.path,
            name=form.name,
            owner=user_of(request),
            options=options,
            lane=lane_from(form.first("lane")) or _lane(request),
            key=key_of(request),
            webhook=webhook,
            fingerprint=upload_mark(form),
        )
        if form.first("upload"):
            await asyncio.to_thread(services.resumable.used, form.first("upload"))
    finally:
        form.discard()
    return await _accepted(job, request)


@router.get("", responses={200: {"model": History}})
async def history(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    search: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[float | None, Query(description="`created` of the last job of the page before")] = None,
) -> dict[str, Any]:
    """The caller's jobs, newest first; `search` looks in names and texts. `preview` is how the text begins."""
    services = services_of(request)
    jobs = await services.jobs.list(owner=user_of(request), limit=limit, search=search, before=before)
    language = language_of(request.scope)
    return {"jobs": [{**describe(job, services, language), "preview": job.text[:_PREVIEW]} for job in jobs]}


@router.get("/{job_id}", responses=_ONE)
async def show(request: Request, job_id: str) -> dict[str, Any]:
    """The job with its text so far."""
    return await whole(await services_of(request).jobs.get(job_id, owner=user_of(request)), request)


@router.patch("/{job_id}", responses=_ONE)
async def amend(request: Request, job_id: str, new: Amended) -> dict[str, Any]:
    """Another name; another lane while it waits or runs."""
    from ..database import ask

    jobs, owner = services_of(request).jobs, user_of(request)
    await jobs.get(job_id, owner=owner)
    if new.name is not None:
        await jobs.rename(job_id, new.name, owner=owner)
    if new.lane is not None:
        await ask(jobs.hands.move, job_id, new.lane)
    return await whole(await jobs.get(job_id, owner=owner), request)


@router.post("/{job_id}/rerun", status_code=202, responses=_NEW)
async def rerun(request: Request, job_id: str, changes: Changes) -> Response:
    """A new job on the same recording, with other settings."""
    services = services_of(request)
    owner = user_of(request)
    key = key_of(request)
    await services.require_minutes(key)
    await services.jobs.require_room(owner)
    old = await services.jobs.get(job_id, owner=owner)
    options = changed(old.options, changes.model_dump(exclude_none=True), services.engine.models())
    return await _accepted(
        await services.jobs.rerun(job_id, options, owner=owner, lane=_lane(request), key=key), request
    )


@router.head("/{job_id}/media", include_in_schema=False)
@router.get(
    "/{job_id}/media",
    response_class=Response,
    responses={**answers(200, "application/octet-stream"), **answers(206, "application/octet-stream")},
)
async def media(request: Request, job_id: str) -> Response:
    """The recording as it was uploaded; understands Range."""
    services = services_of(request)
    path = await services.jobs.media(job_id, owner=user_of(request))
    if not _makes_sense(request.headers.get("range", "")):  # then it counts as none (RFC 9110, 14.2)
        request.scope["headers"] = [header for header in request.scope["headers"] if header[0] != b"range"]
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("media_gone", zh="录音文件已删除。", en="The recording was removed.")
    # Never a type that a browser would run; players look at the content.
    return FileResponse(path, media_type="application/octet-stream", headers={"cache-control": "private, no-store"})


@router.get("/{job_id}/log")
async def log(request: Request, job_id: str) -> dict[str, Any]:
    """What happened to the job, oldest first; never text."""
    lines = await services_of(request).jobs.log(job_id, owner=user_of(request))
    return {"log": [{"at": at, "event": event, "detail": detail} for at, event, detail in lines]}


@router.post("/{job_id}/cancel", responses=_ONE)
async def cancel(request: Request, job_id: str) -> dict[str, Any]:
    """Stops the job; the text so far stays."""
    return await whole(await services_of(request).jobs.cancel(job_id, owner=user_of(request)), request)


@router.delete("/{job_id}", status_code=204)
async def delete(request: Request, job_id: str) -> Response:
    """Removes the job, its text and its recording. Other jobs on the same recording (a re-run, a translation) stay,
    and keep it."""
    services = services_of(request)
    await services.jobs.delete(job_id, owner=user_of(request))
    await services.audit(request, "job deleted", job_id)
    return Response(status_code=204)


def _makes_sense(ranges: str) -> bool:
    if not _RANGE.fullmatch(ranges.strip()):
        return False
    return all(int(first) <= int(last) for first, last in re.findall(r"(\d+)-(\d+)", ranges))


def _lane(request: Request) -> Lane:
    # A cookie means a person at the page, who waits; programs that wait use /v1.
    return Lane.BULK if request.state.program else Lane.INTERACTIVE
