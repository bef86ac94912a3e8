"""The job endpoints: accept now, ask later. A job is visible to its owner only."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from ..errors import BadRequest, NotFound
from ..exports import export
from ..types import Job, Lane, Task
from .envelope import language_of
from .options import options_from
from .services import services_of, user_of
from .upload import receive

router = APIRouter(prefix="/api/jobs")


def describe(job: Job, language: str) -> dict[str, Any]:
    """A job as the API shows it; the failure in the caller's language."""
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "task": job.options.task,
        "model": job.options.model,
        "language": job.language,
        "duration": job.duration,
        "progress": round(job.progress, 4),
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "error": job.failure and {"code": job.failure.code, "message": job.failure.text(language)},
        "text": job.text,
    }


@router.post("", status_code=202)
async def create(request: Request) -> Response:
    """Takes a recording (form fields as in /v1/audio/transcriptions, and `task`) and answers with the job."""
    services = services_of(request)
    settings = services.settings
    form = await receive(request, settings.data_dir / "uploads", limit=settings.max_upload_bytes)
    try:
        task: Task = "transcribe"
        match form.first("task", "transcribe"):
            case "transcribe":
                pass
            case "translate":
                task = "translate"
            case _:
                raise BadRequest(
                    "bad_task",
                    zh="task 应为 transcribe（转写）或 translate（译成英文）。",
                    en="task should be transcribe or translate.",
                    param="task",
                )
        options = options_from(form, services.engine.models(), task=task)
        assert form.path is not None
        # A cookie means a person at the page, who waits; programs that wait use /v1.
        lane = Lane.BULK if request.state.program else Lane.INTERACTIVE
        job = await services.jobs.accept(form.path, name=form.name, owner=user_of(request), options=options, lane=lane)
    finally:
        form.discard()
    return JSONResponse(describe(job, language_of(request.scope)), 202, headers={"location": f"/api/jobs/{job.id}"})


@router.get("")
async def history(request: Request, limit: int = 50, search: str = "") -> dict[str, Any]:
    """The caller's jobs, newest first; `search` looks in names and texts."""
    jobs = await services_of(request).jobs.list(owner=user_of(request), limit=limit, search=search)
    return {"jobs": [describe(job, language_of(request.scope)) for job in jobs]}


@router.get("/{job_id}")
async def show(request: Request, job_id: str) -> dict[str, Any]:
    job = await services_of(request).jobs.get(job_id, owner=user_of(request))
    return describe(job, language_of(request.scope))


@router.get("/{job_id}/segments")
async def segments(request: Request, job_id: str) -> dict[str, Any]:
    """The segments saved so far, in time order."""
    found = await services_of(request).jobs.segments(job_id, owner=user_of(request))
    return {"segments": [dataclasses.asdict(segment) for segment in found]}


@router.api_route("/{job_id}/media", methods=["GET", "HEAD"])
async def media(request: Request, job_id: str) -> Response:
    """The recording as it was uploaded; understands Range."""
    services = services_of(request)
    path = await services.jobs.media(job_id, owner=user_of(request))
    if not path.is_file():
        raise NotFound("media_gone", zh="录音文件已删除。", en="The recording was removed.")
    # Never a type that a browser would run; players look at the content.
    return FileResponse(path, media_type="application/octet-stream", headers={"cache-control": "private, no-store"})


@router.get("/{job_id}/export/{format}")
async def download(request: Request, job_id: str, format: str) -> Response:  # noqa: A002
    """The transcript as a file: txt, srt, vtt, tsv or json."""
    services = services_of(request)
    owner = user_of(request)
    job = await services.jobs.get(job_id, owner=owner)
    made = export(job, await services.jobs.segments(job_id, owner=owner), format)
    disposition = f"attachment; filename=\"transcript.{format}\"; filename*=UTF-8''{quote(made.file_name, safe='')}"
    return Response(made.content, media_type=made.media_type, headers={"content-disposition": disposition})


@router.post("/{job_id}/cancel")
async def cancel(request: Request, job_id: str) -> dict[str, Any]:
    """Stops the job; the text so far stays."""
    job = await services_of(request).jobs.cancel(job_id, owner=user_of(request))
    return describe(job, language_of(request.scope))


@router.delete("/{job_id}", status_code=204)
async def delete(request: Request, job_id: str) -> Response:
    """Removes the job, its text and its recording."""
    await services_of(request).jobs.delete(job_id, owner=user_of(request))
    return Response(status_code=204)
