"""Files whose address changes with their content: read and compressed once, then answered from memory, and kept by the
browser for good. A first visit asks for a hundred small files at once; on a small machine, compressing each of them
again is most of the time that the page takes to open.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

IMMUTABLE = "private, max-age=31536000, immutable"
_WORTH_IT = 200  # bytes; what is smaller fits into one packet anyway
_TEXT = ("text/", "application/json", "image/svg+xml")
_KINDS = mimetypes.MimeTypes()  # the same whatever the system's table says and whoever added to it
_KINDS.add_type("text/javascript", ".js")


@dataclass(frozen=True, slots=True)
class _File:
    kind: str
    plain: bytes
    packed: bytes | None  # gzip


class KeptFiles:
    """An ASGI app for the files of one folder, by the last part of the path. Only names that were there at the start
    are looked up, so that no path leads out of the folder."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.name: path for path in folder.iterdir() if path.is_file()}
        self._files: dict[str, _File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].rsplit("/", 1)[-1]
        path = self._paths.get(name)
        if path is None or scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        if name not in self._files:
            self._files[name] = await asyncio.to_thread(_read, path)
        file = self._files[name]
        headers = {"cache-control": IMMUTABLE}
        body = file.plain
        if file.packed is not None:
            headers["vary"] = "Accept-Encoding"
            if takes_gzip(scope):
                headers["content-encoding"], body = "gzip", file.packed
        await Response(body, media_type=file.kind, headers=headers)(scope, receive, send)


def takes_gzip(scope: Scope) -> bool:
    accepted = Headers(scope=scope).get("accept-encoding", "").lower().split(",")
    return any(each.split(";")[0].strip() == "gzip" and "q=0" not in each.split(";") for each in accepted)


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    kind = _KINDS.guess_type(path.name)[0] or "application/octet-stream"
    worth_it = len(plain) >= _WORTH_IT and kind.startswith(_TEXT)
    return _File(kind, plain, gzip.compress(plain, 9, mtime=0) if worth_it else None)
