"""Where a job's recording comes from: the form's own file, a finished resumable upload, or a link."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

from .. import links, outbound
from ..aside import aside
from ..characters import kept
from ..errors import BadRequest, UserError, unwritten
from ..types import Job
from .services import Services, key_of, user_of
from .upload import Upload, receive, require_space, too_large

_READ_AT_ONCE = 1024 * 1024
_LONGEST_FETCH = 3600.0
_SHORT: Final = 64 * 1024  # bytes


async def recording(request: Request, services: Services) -> Upload | Job:
    """The form with its recording on the data disk, or the job that its resumable upload has become already: whoever
    did not hear of it asks again. Raises `UserError`; then nothing is left behind, and a resumable upload is as it was.
    """
    settings = services.settings
    short = _short(request)
    if not short:  # refused before it is read
        await _require_room(request, services)
    folder = services.incoming
    form = await receive(request, folder, limit=settings.max_upload_bytes, instead=("upload", "url"))
    try:
        _require_one(form)
        job = await _taken(request, services, form)
        if job is None and short:
            await _require_room(request, services)
        if job is None and form.first("url"):
            with services.fetching.one(user_of(request)):
                form.path, name = await linked(
                    form.first("url"), folder, settings.max_upload_bytes, settings.private_networks
                )
                form.name = kept(name)
    except BaseException:
        form.discard()
        raise
    if job is not None:
        form.discard()
        return job
    form.name = form.first("name")[:255] or form.name
    return form


def _short(request: Request) -> bool:
    length = request.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= _SHORT


async def _require_room(request: Request, services: Services) -> None:
    await services.require_minutes(key_of(request))
    await services.jobs.require_room(user_of(request))


def _require_one(form: Upload) -> None:
    given = [name for name in ("upload", "url") if form.first(name)]
    if len(given) + (form.path is not None) > 1:
        raise BadRequest(
            "one_source",
            zh="file、upload、url 只能提供其中一个。",
            en="Give one of file, upload and url, not several.",
            param=given[-1],
        )


def upload_mark(form: Upload) -> str | None:
    """By what the job of the form's resumable upload is found again (`Jobs.alike`); None: it has none."""
    upload = form.first("upload")
    return f"upload {upload}" if upload else None


async def _taken(request: Request, services: Services, form: Upload) -> Job | None:
    """Takes the form's resumable upload, if it has one; the job that this has become already."""
    mark = upload_mark(form)
    if mark is None:
        return None
    upload, owner = form.first("upload"), user_of(request)
    refused: UserError | None = None
    try:
        form.path, form.name = await services.resumable.take(upload, owner=owner)
        form.keeps = services.resumable.released
    except UserError as error:
        refused = error
    # Asked only now: until it was taken, another request might have made the job.
    job = await services.jobs.alike(mark, owner=owner)
    if job is not None:
        await asyncio.to_thread(services.resumable.used, upload)
    elif refused is not None:
        raise refused
    return job


async def linked(url: str, folder: Path, limit: int, allowed: tuple[outbound.Network, ...]) -> tuple[Path, str]:
    """The linked file itself, or what yt-dlp finds on the linked page, and a name for it."""
    try:
        path = await aside(lambda: _fetch(url, folder, limit, allowed))
    except UserError as error:
        if error.code not in _MAYBE_A_PAGE or not links.installed():
            raise
        try:
            return await links.take(url, folder, limit, allowed)
        except UserError as second:
            # Where both find nothing, the first knows the better reason (there is no such page).
            if error.code == "url_failed" and second.code in ("link_failed", "link_no_recording"):
                raise error from None
            raise
    return path, unquote(PurePosixPath(urlsplit(url).path).name)[:255] or urlsplit(url).hostname or "link"


def _fetch(url: str, folder: Path, limit: int, allowed: tuple[outbound.Network, ...]) -> Path:
    require_space(folder)
    path = folder / uuid.uuid4().hex
    end = time.monotonic() + _LONGEST_FETCH
    try:
        with outbound.get(url, allowed) as answer, path.open("xb") as file:
            if answer.getheader("Content-Type", "").split(";")[0].strip().lower() in _PAGES:
                raise _no_recording()
            size = 0
            while chunk := _chunk(answer):
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                if time.monotonic() > end:
                    raise _broken()
                try:
                    file.write(chunk)
                except OSError as error:
                    raise unwritten(error) from error
            if answer.length:  # fewer bytes than announced
                raise _broken()
            if size == 0:
                raise BadRequest("empty_file", zh="链接的文件是空的。", en="The linked file is empty.", param="url")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


# Pages, and the lists of pieces (HLS, DASH) that only yt-dlp puts together.
_PAGES: Final = (
    "text/html",
    "application/xhtml+xml",
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "application/dash+xml",
)
# Sites answer a stranger's plain request with a page or with a refusal, and yt-dlp with the recording.
_MAYBE_A_PAGE: Final = ("url_is_a_page", "url_failed")


def _chunk(answer: outbound.Answer) -> bytes:
    try:
        return answer.read1(_READ_AT_ONCE)  # what is there: a server that drips must not outlive `_LONGEST_FETCH`
    except (OSError, outbound.HTTPException):
        raise _broken() from None


def _no_recording() -> UserError:
    return BadRequest(
        "url_is_a_page",
        zh="链接指向网页，不是录音文件，而本服务没有安装从网页取录音的组件（yt-dlp）。"
        "请使用音频或视频文件的直接链接，或下载后上传。",
        en="The link leads to a web page, not to a recording, and this service has nothing installed that takes "
        "recordings from pages (yt-dlp). Use the file's direct link, or download and upload it.",
        param="url",
    )


def _broken() -> UserError:
    return BadRequest(
        "url_broken",
        zh="下载中断，请重试，或下载后上传文件。",
        en="The download broke off. Try again, or download the file and upload it.",
        param="url",
    )
