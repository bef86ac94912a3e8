"""`/api/uploads`: resumable uploads. A finished one becomes a job through `POST /api/jobs` with its id in `upload`."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .envelope import error_response
from .resumable import KEPT_SECONDS, Started, WrongOffset
from .services import Services, key_of, services_of, user_of

router = APIRouter(prefix="/api/uploads", tags=["uploads"])


class NewUpload(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field("recording", max_length=1000)
    size: int = Field(ge=0, description="bytes of the whole file")


class UploadState(BaseModel):
    id: str
    name: str
    size: int
    offset: int = Field(description="bytes that have arrived")
    expires: float = Field(description="Unix time")


class Offset(BaseModel):
    offset: int


@router.post("", status_code=201)
async def start(request: Request, new: NewUpload) -> UploadState:
    """Announces a file; refuses one that is too large before it is sent."""
    services = services_of(request)
    await services.require_minutes(key_of(request))
    await services.jobs.require_room(user_of(request))
    return _state(await services.resumable.start(user_of(request), new.name, new.size))


@router.get("/{upload_id}")
async def show(request: Request, upload_id: str) -> UploadState:
    """How much has arrived."""
    return _state(await _services(request).resumable.get(upload_id, owner=user_of(request)))


@router.patch(
    "/{upload_id}",
    responses={200: {"model": Offset}},
    openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "description": "the next bytes"}},
)
async def append(
    request: Request, upload_id: str, upload_offset: Annotated[int, Header(ge=0, description="bytes sent before")]
) -> Response:
    """Adds bytes; the new offset. After a broken line ask for the offset and go on there."""
    resumable = _services(request).resumable

    async def until_it_breaks() -> Any:
        with contextlib.suppress(ClientDisconnect):
            async for chunk in request.stream():
                yield chunk

    try:
        offset = await resumable.append(upload_id, upload_offset, until_it_breaks(), owner=user_of(request))
    except WrongOffset as error:
        refused = error_response(error, request.scope)
        refused.headers["upload-offset"] = str(error.offset)
        return refused
    return JSONResponse({"offset": offset}, headers={"upload-offset": str(offset)})


@router.delete("/{upload_id}", status_code=204)
async def drop(request: Request, upload_id: str) -> Response:
    """Gives the upload up; what has arrived is removed."""
    await _services(request).resumable.drop(upload_id, owner=user_of(request))
    return Response(status_code=204)


def _services(request: Request) -> Services:
    """Raises `Unavailable` while the store is away: an upload must not seem gone."""
    services = services_of(request)
    services.jobs.recordings.require()
    return services


def _state(upload: Started) -> UploadState:
    return UploadState(
        id=upload.id,
        name=upload.name,
        size=upload.size,
        offset=upload.offset,
        expires=upload.created + KEPT_SECONDS,
    )
