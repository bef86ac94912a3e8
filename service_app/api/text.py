"""A job's text: as it is recognised, corrected by hand, and as files to take away."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Self
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..exports import MEDIA_TYPES, Export, Style, archive, export, needs_words, side_by_side
from ..types import Segment, Word
from .forms import answers
from .services import services_of, user_of
from .written import Ready, written

router = APIRouter(prefix="/api/jobs", tags=["text"])
_DAY = 86400.0 * 7
Seconds = Annotated[float, Field(ge=0, le=_DAY, allow_inf_nan=False)]
_Count = Annotated[int | None, Query(ge=1, le=200)]


class _Span(BaseModel):
    model_config = ConfigDict(extra="ignore")
    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise PydanticCustomError("not_in_order", "end is before start")
        return self


class EditedWord(_Span):
    text: str = Field(max_length=1000)
    probability: float = Field(1.0, ge=0, le=1)


class EditedSegment(_Span):
    text: str = Field(max_length=20_000)
    speaker: str | None = Field(None, max_length=100)
    words: list[EditedWord] = Field(default_factory=list, max_length=5000)


class Edit(BaseModel):
    """The whole text. `version` is the one that was changed: 0 is what was recognised."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=0, lt=2**31)
    segments: list[EditedSegment] = Field(max_length=100_000)


class Version(BaseModel):
    version: int


def _style(
    characters: _Count = None,
    lines: _Count = None,
    seconds: Annotated[float | None, Query(ge=0.5, le=600)] = None,
) -> Style | None:
    """The largest cue of SRT and VTT: characters a line (a Chinese one counts as two), lines, seconds."""
    given = {"characters": characters, "lines": lines, "seconds": seconds}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return Style(**chosen) if chosen else None


@router.get("/export", response_class=Response, responses=answers(200, "application/zip"))
async def several(
    request: Request,
    ids: Annotated[list[str], Query(alias="id", min_length=1, max_length=200)],
    formats: Annotated[list[str], Query(alias="format", min_length=1, max_length=10)],
    style: Annotated[Style | None, Depends(_style)],
) -> Response:
    """Several jobs, in one or more formats, as one ZIP."""
    jobs = services_of(request).jobs
    made: list[Export] = []
    for job_id, format in itertools.product(dict.fromkeys(ids), dict.fromkeys(formats)):  # noqa: A001
        job = await jobs.get(job_id, owner=user_of(request))
        segments = await jobs.segments(job_id, owner=user_of(request), words=needs_words(format, style))
        made.append(await asyncio.to_thread(export, job, segments, format, style))
    content = await asyncio.to_thread(archive, made)
    return _download(Export(content, "application/zip", "transcripts.zip"), "zip")


@router.get("/{job_id}/export/{format}", response_class=Response, responses=answers(200, *MEDIA_TYPES))
async def download(
    request: Request,
    job_id: str,
    format: str,  # noqa: A002
    style: Annotated[Style | None, Depends(_style)],
    beside: Annotated[str, Query(max_length=64, description="a job that translates it: both languages in one")] = "",
) -> Response:
    """The transcript as a file: txt, srt, vtt, tsv, json, lrc or docx."""
    jobs, owner, words = services_of(request).jobs, user_of(request), needs_words(format, style)
    job = await jobs.get(job_id, owner=owner)
    segments: Sequence[Segment] = await jobs.segments(job_id, owner=owner, words=words)
    if beside:
        segments = side_by_side(segments, await jobs.segments(beside, owner=owner, words=words))
    made = await asyncio.to_thread(export, job, segments, format, style)
    return _download(made, format)


@router.get("/{job_id}/segments", response_class=JSONResponse)
async def show(request: Request, job_id: str) -> Response:
    """The corrected segments where there are any, else those recognised so far, in time order."""
    job, found = await services_of(request).jobs.segments_json(job_id, owner=user_of(request))
    return await written(lambda: {"version": job.version, "edited": job.edited, "segments": Ready(found)})


@router.put("/{job_id}/segments")
async def edit(request: Request, job_id: str, new: Edit) -> Version:
    """Saves the corrected text. 409 `edit_conflict` when somebody saved a newer version."""
    segments = await asyncio.to_thread(_segments, new)
    job = await services_of(request).jobs.edit(job_id, new.version, segments, owner=user_of(request))
    return Version(version=job.version)


@router.delete("/{job_id}/segments")
async def revert(request: Request, job_id: str) -> Version:
    """Drops all corrections: the text as it was recognised."""
    jobs = services_of(request).jobs
    job = await jobs.get(job_id, owner=user_of(request))
    job = await jobs.edit(job_id, job.version, None, owner=user_of(request))
    return Version(version=job.version)


def _segments(new: Edit) -> list[Segment]:
    return [_segment(entry) for entry in sorted(new.segments, key=lambda entry: (entry.start, entry.end))]


def _segment(entry: EditedSegment) -> Segment:
    words = tuple(Word(word.start, word.end, word.text, word.probability) for word in entry.words)
    return Segment(entry.start, entry.end, entry.text, words=words, speaker=entry.speaker)


def _download(made: Export, ending: str) -> Response:
    disposition = f"attachment; filename=\"transcript.{ending}\"; filename*=UTF-8''{quote(made.file_name, safe='')}"
    return Response(made.content, media_type=made.media_type, headers={"content-disposition": disposition})
