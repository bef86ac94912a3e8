"""Uploads that survive a broken line: the client asks how far it came and goes on from there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..errors import BadRequest, Conflict, NotFound, Unavailable, unwritten
from .upload import require_space, too_large

KEPT_SECONDS: Final = 24 * 3600
_ID = re.compile(r"[0-9a-f]{32}")
_WRITE_AT = 1024 * 1024
_MOST_OF_USER = 50
_TAKEN_SECONDS = 600.0  # no acceptance lasts as long: the process that had taken it has died


@dataclass(frozen=True, slots=True)
class Started:
    """An upload under way; `offset` bytes have arrived."""

    id: str
    owner: str
    name: str
    size: int
    created: float
    offset: int = 0


class WrongOffset(Conflict):
    """The bytes do not go on where the last ones ended; `offset` is where they should."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            "wrong_offset",
            zh=f"应从第 {offset} 字节继续上传。",
            en=f"Go on at byte {offset}.",
            param="Upload-Offset",
        )
        self.offset = offset


class Resumable:
    """A folder with two files for each upload: what is known of it (JSON), and its bytes so far (`.part`, or `.taken`
    while one request, at whichever node, makes a job of it). Both stay until the job is there."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._busy: set[str] = set()

    async def start(self, owner: str, name: str, size: int) -> Started:
        """Raises `TooLarge`, `BadRequest` (`empty_file`, `too_many_uploads`), `Unavailable`."""
        if size > self._limit:
            raise too_large(self._limit)
        if size == 0:
            raise BadRequest("empty_file", zh="文件是空的（0 字节）。", en="The file is empty (0 bytes).", param="size")
        upload = Started(uuid.uuid4().hex, owner, name.replace("\\", "/").rsplit("/", 1)[-1][:255], size, time.time())
        await asyncio.to_thread(self._create, upload)
        return upload

    def _create(self, upload: Started) -> None:
        require_space(self._folder)
        self.sweep()
        if sum(entry.owner == upload.owner for entry in self._all()) >= _MOST_OF_USER:
            raise BadRequest(
                "too_many_uploads",
                zh=f"您有 {_MOST_OF_USER} 个上传尚未完成；请先完成或取消它们。",
                en=f"You have {_MOST_OF_USER} unfinished uploads; finish or delete them first.",
            )
        try:
            self._bytes(upload.id).touch(mode=0o600)
            self._known(upload.id).write_text(json.dumps(asdict(upload)))
        except OSError as error:
            raise unwritten(error) from error

    async def get(self, upload_id: str, *, owner: str) -> Started:
        """Raises `NotFound` also for somebody else's."""
        found = await asyncio.to_thread(self._read, upload_id) if _ID.fullmatch(upload_id) else None
        if found is None or found.owner != owner:
            raise NotFound(
                "upload_not_found",
                zh="没有这个上传，或它已过期；请重新上传。",
                en="There is no such upload, or it has expired; upload again.",
                param="upload",
            )
        return found

    async def append(self, upload_id: str, offset: int, stream: AsyncIterator[bytes], *, owner: str) -> int:
        """Adds bytes from `offset` on; the new offset. What arrived before the line broke is kept."""
        upload = await self.get(upload_id, owner=owner)
        if upload_id in self._busy or offset != upload.offset:
            raise WrongOffset(upload.offset)
        self._busy.add(upload_id)
        try:
            # At its place, not at the end: where a broken line was answered by another node, both may still write the
            # same bytes.
            file = await asyncio.to_thread(self._bytes(upload_id).open, "r+b")
            await asyncio.to_thread(file.seek, offset)
            try:
                pending: list[bytes] = []
                waiting = 0
                async for chunk in stream:
                    offset += len(chunk)
                    if offset > upload.size:
                        raise BadRequest(
                            "too_many_bytes",
                            zh=f"收到的数据超过了声明的 {upload.size} 字节。",
                            en=f"More bytes came than the {upload.size} that were announced.",
                            param="size",
                        )
                    pending.append(chunk)
                    waiting += len(chunk)
                    if waiting >= _WRITE_AT:
                        await asyncio.to_thread(file.writelines, pending)
                        pending, waiting = [], 0
                await asyncio.to_thread(file.writelines, pending)
            finally:
                await asyncio.to_thread(file.close)
        except OSError as error:
            raise unwritten(error) from error
        finally:
            self._busy.discard(upload_id)
        return offset

    async def take(self, upload_id: str, *, owner: str) -> tuple[Path, str]:
        """A second name of the finished file, for the caller to move away, and how the upload is called. Then the
        caller tells `used` when the job is there, and `released` in any case. Raises `Conflict` when bytes miss, and
        `Unavailable` while another request has it."""
        upload = await self.get(upload_id, owner=owner)
        if upload.offset != upload.size or upload_id in self._busy:
            raise Conflict(
                "upload_unfinished",
                zh=f"上传尚未完成（{upload.offset}/{upload.size} 字节）。",
                en=f"The upload is not finished ({upload.offset} of {upload.size} bytes).",
                param="upload",
            )
        try:
            return await asyncio.to_thread(self._take, upload_id), upload.name
        except FileNotFoundError:
            raise Unavailable(
                "upload_taken",
                zh="此上传正在成为任务，请稍后再试。",
                en="This upload is just becoming a job; ask again in a moment.",
                param="upload",
                retry_after=1,
            ) from None
        except OSError as error:
            raise unwritten(error) from error

    def _take(self, upload_id: str) -> Path:
        """Raises FileNotFoundError: renaming is what only one of several can do."""
        part, taken, known = self._bytes(upload_id), self._taken(upload_id), self._known(upload_id)
        link = self._link(upload_id)
        if not part.exists():
            if known.stat().st_mtime > time.time() - _TAKEN_SECONDS:
                raise FileNotFoundError
            taken.replace(part)
        os.utime(known)  # before it is taken: whoever finds it taken finds this time, too
        part.replace(taken)
        try:
            link.unlink(missing_ok=True)
            os.link(taken, link)
        except OSError:
            taken.replace(part)
            raise
        return link

    def used(self, upload_id: str) -> None:
        """There is a job of it. Blocking."""
        with contextlib.suppress(OSError):  # what stays is swept
            self._remove(upload_id)

    def released(self, link: Path) -> None:
        """What became no job (there was no room, an option was wrong, the database went away) can be asked for again.
        Blocking."""
        link.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._taken(link.stem).replace(self._bytes(link.stem))

    async def drop(self, upload_id: str, *, owner: str) -> None:
        await self.get(upload_id, owner=owner)
        await asyncio.to_thread(self._remove, upload_id)

    def sweep(self) -> None:
        """Removes what has expired, and what a process that died left. Blocking."""
        old = time.time() - KEPT_SECONDS
        alive = set()
        for upload in self._all():
            if upload.created < old and upload.id not in self._busy:
                self._remove(upload.id)
            else:
                alive.add(upload.id)
        for path in self._folder.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stem not in alive and path.stat().st_mtime < old:
                    path.unlink()

    def _all(self) -> list[Started]:
        found = (self._read(path.stem) for path in self._folder.glob("*.json"))
        return [upload for upload in found if upload is not None]

    def _read(self, upload_id: str) -> Started | None:
        try:
            known = json.loads(self._known(upload_id).read_text())
            return Started(**{**known, "offset": self._size(upload_id)})
        except (FileNotFoundError, ValueError, TypeError):
            return None
        except OSError as error:
            raise unwritten(error) from error

    def _size(self, upload_id: str) -> int:
        """Raises FileNotFoundError."""
        try:
            return self._bytes(upload_id).stat().st_size
        except FileNotFoundError:
            return self._taken(upload_id).stat().st_size

    def _remove(self, upload_id: str) -> None:
        for path in (self._bytes(upload_id), self._taken(upload_id), self._known(upload_id)):
            path.unlink(missing_ok=True)

    def _bytes(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    def _taken(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.taken"

    def _link(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.link"

    def _known(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"
