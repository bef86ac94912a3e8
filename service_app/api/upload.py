"""Multipart uploads, straight from the socket to the data disk.

Starlette's own form parser spools whole files to /tmp before a handler sees them; here the limit is checked at every
chunk, memory stays flat, and whatever goes wrong leaves no file behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from ..characters import kept, require_text
from ..errors import BadRequest, TooLarge, disk_full, unwritten

_LARGEST_FIELD = 64 * 1024
_LONGEST_BOUNDARY = 70  # RFC 2046, 5.1.1
_MOST_FIELDS = 64
_MOST_HEADER_BYTES = 16 * 1024
_OVERHEAD = 1024 * 1024  # what a form may add to its file
KEEP_FREE = 512 * 1024 * 1024  # with less, no upload is taken, so that what is accepted can be finished
_WRITE_AT = 1024 * 1024


@dataclass(slots=True)
class Upload:
    """A received form. `path` is a temporary file below the data folder; whoever does not move it discards it. Of a
    resumable upload `keeps` is told its path instead."""

    path: Path | None = None
    keeps: Callable[[Path], None] | None = None
    name: str = ""
    size: int = 0
    sha256: str = ""  # of the file
    fields: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str, default: str = "") -> str:
        return self.fields.get(name, [default])[0].strip() or default

    def every(self, name: str) -> list[str]:
        """A list field, in both spellings that clients use: `name` and `name[]`."""
        return self.fields.get(f"{name}[]", []) + self.fields.get(name, [])

    def discard(self) -> None:
        if self.path is None:
            return
        if self.keeps is not None:
            self.keeps(self.path)
        else:
            self.path.unlink(missing_ok=True)


async def receive(
    request: Request, folder: Path, *, limit: int, files: Collection[str] = ("file",), instead: Collection[str] = ()
) -> Upload:
    """Reads the form; the one file field has one of the names `files`, and may be missing where a field `instead` is
    given. `limit` is in bytes.

    Raises `TooLarge` as soon as the limit is passed, `BadRequest` for a broken form, a missing or an empty file,
    `Unavailable` when the disk is full.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary or len(boundary) > _LONGEST_BOUNDARY:
        raise BadRequest(
            "not_multipart",
            zh="请求必须是 multipart/form-data 表单，并包含文件字段 file。",
            en="Send a multipart/form-data form with the recording in the field `file`.",
            param="file",
        )
    with contextlib.suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > limit + _OVERHEAD:
            raise too_large(limit)
    form = await asyncio.to_thread(_Form, folder, limit, files)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            parser.write(chunk)
            if form.pending >= _WRITE_AT:
                await asyncio.to_thread(form.flush)
        parser.finalize()
        await asyncio.to_thread(form.flush)
        if not form.complete:
            raise MultipartParseError("the closing boundary is missing")
        form.check(instead)
    except BaseException as error:
        form.close()
        form.upload.discard()
        if isinstance(error, OSError):
            raise unwritten(error) from error
        if isinstance(error, (MultipartParseError, ClientDisconnect)):
            raise BadRequest(
                "broken_form",
                zh="上传的表单不完整或已损坏，请重新上传。",
                en="The uploaded form is incomplete or broken; upload again.",
            ) from None
        raise
    form.close()
    return form.upload


class _Form:
    """The parser's callbacks; they only collect, `flush` writes (in a thread)."""

    def __init__(self, folder: Path, limit: int, files: Collection[str]) -> None:
        require_space(folder)
        self._files = files
        self._digest = hashlib.sha256()
        self.upload = Upload()
        self.complete = False
        self.pending = 0
        self._folder = folder
        self._limit = limit
        self._file: BinaryIO | None = None
        self._chunks: list[bytes] = []
        self._header_name = b""
        self._header_value = b""
        self._header_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._value = bytearray()
        self._is_file = False
        self._parts = 0

    def callbacks(self) -> dict[str, object]:
        names = (
            "on_part_begin", "on_part_data", "on_part_end", "on_header_field", "on_header_value", "on_header_end",
            "on_headers_finished", "on_end",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_FIELDS:
            raise BadRequest("too_many_fields", zh="表单字段过多。", en=f"A form has at most {_MOST_FIELDS} fields.")
        self._headers = {}
        self._header_bytes = 0
        self._value = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += self._counted(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += self._counted(data[start:end])

    def _counted(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise BadRequest("header_too_long", zh="表单字段头过长。", en="A form field's header is too long.")
        return piece

    def on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if not self._is_file:
            return
        if self._field not in self._files or self.upload.path is not None:
            field = next(iter(self._files))
            raise BadRequest(
                "one_file",
                zh=f"每次请求只能在字段 {field} 中上传一个文件。",
                en=f"Send exactly one file, in the field `{field}`.",
                param=field,
            )
        # The name is only ever shown; on disk the file is called by a random one.
        name = kept(options[b"filename"].decode("utf-8", "replace"))
        self.upload.name = name.replace("\\", "/").rsplit("/", 1)[-1][:255]
        self.upload.path = self._folder / uuid.uuid4().hex
        self._file = self.upload.path.open("xb")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.upload.size += end - start
            self.pending += end - start
            if self.upload.size > self._limit:
                raise too_large(self._limit)
            self._chunks.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _LARGEST_FIELD:
            raise BadRequest(
                "field_too_long",
                zh=f"字段 {self._field[:40]} 过长。",
                en=f"Field {self._field[:40]} is too long.",
                param=self._field[:40],
            )

    def on_part_end(self) -> None:
        if not self._is_file:
            value = self._value.decode("utf-8", "replace")
            require_text(value, self._field)
            self.upload.fields.setdefault(self._field, []).append(value)

    def on_end(self) -> None:
        self.complete = True

    def flush(self) -> None:
        if self._file is not None:
            self._file.writelines(self._chunks)
            for chunk in self._chunks:
                self._digest.update(chunk)
        self._chunks.clear()
        self.pending = 0

    def check(self, instead: Collection[str]) -> None:
        field = next(iter(self._files))
        if self.upload.path is None:
            if any(self.upload.first(name) for name in instead):
                return
            raise BadRequest(
                "no_file",
                zh=f"没有收到文件。请在表单字段 {field} 中上传音频或视频。",
                en=f"There is no file. Send the recording in the form field `{field}`.",
                param=field,
            )
        self.upload.sha256 = self._digest.hexdigest()
        if self.upload.size == 0:
            raise BadRequest("empty_file", zh="文件是空的（0 字节）。", en="The file is empty (0 bytes).", param="file")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def require_space(folder: Path) -> None:
    """Makes the folder; raises `Unavailable` when the disk has too little left for work to go on."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise unwritten(error) from error
    if free < KEEP_FREE:
        raise disk_full()


def too_large(limit: int) -> TooLarge:
    size = limit // (1024 * 1024)
    return TooLarge(
        "file_too_large",
        zh=f"文件超过 {size} MiB 的上限。请压缩为 MP3/M4A 或分段上传。",
        en=f"The file is over the limit of {size} MiB. Compress it (MP3, M4A) or split it.",
        param="file",
    )
