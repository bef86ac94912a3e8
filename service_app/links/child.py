"""python -m service_app.links.child: yt-dlp under a guard. One line of JSON in, one line of JSON out.

The guard is an audit hook, which nothing can take off again: Python asks it before every connection, with the address
to which the connection will really go, so neither a redirect nor a name server's second answer gets around it.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from ..outbound import Network, reachable

_MEMORY: Final = 1 << 30  # bytes of address space; a page that never ends must not take the machine's
_PROCESSOR: Final = 900  # seconds
_CONNECTIONS: Final = ("socket.connect", "socket.sendto", "socket.sendmsg")
_PROGRAMS: Final = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn")
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
# What sites answer to addresses that they do not like, or to those who have not logged in.
_REFUSALS: Final = frozenset({401, 402, 403, 407, 412, 429, 451})
_REFUSING_WORDS: Final = ("sign in", "log in", "login", "cookies", "not a bot", "captcha", "your country", "forbidden")
_NOTHING_WORDS: Final = ("unsupported url", "no video", "no media", "no suitable")


class Guard:
    """`crossed`: somebody tried to reach an address that is not allowed."""

    def __init__(self, folder: Path, allowed: list[Network]) -> None:
        self._folder = str(folder.resolve()) + os.sep
        self._allowed = allowed
        self.crossed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTIONS:
            address = arguments[1]
            if not isinstance(address, tuple) or not self._may_reach(str(address[0])):
                self.crossed = True
                raise PermissionError(errno.EACCES, "this address may not be reached")
        elif event in _PROGRAMS:
            raise PermissionError(errno.EACCES, "no other program")
        elif event == "open":
            path, _, flags = arguments
            if flags & _WRITING and not self._own(path):
                raise PermissionError(errno.EACCES, "not outside of the folder")

    def _may_reach(self, address: str) -> bool:
        try:
            return reachable(address, self._allowed)
        except ValueError:  # a name, which would be looked up behind our back
            return False

    def _own(self, path: object) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True  # a descriptor that is open already
        return (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(self._folder) or path == os.devnull


class _TooLarge(Exception):
    pass


class _Live(Exception):
    pass


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_leave_with_the_server, daemon=True).start()
    folder, limit = Path(order["folder"]), int(order["limit"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit + (1 << 20), limit + (1 << 20)))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR, _PROCESSOR))
    # These reach the network in ways that Python does not see, or start programs.
    for module in ("curl_cffi", "websockets", "secretstorage"):
        sys.modules[module] = None  # type: ignore[assignment]
    import yt_dlp  # what it loads may be loaded before the guard is up

    guard = Guard(folder, [ip_network(text) for text in order["allowed"]])
    sys.addaudithook(guard)
    try:
        answer = _take(yt_dlp, order["url"], folder, limit)
    except BaseException as error:
        answer = {"error": "not_allowed" if guard.crossed else _reason(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _leave_with_the_server() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _take(yt_dlp: Any, url: str, folder: Path, limit: int) -> dict[str, str]:
    def counted(news: dict[str, Any]) -> None:
        if (news.get("downloaded_bytes") or 0) > limit or (news.get("total_bytes") or 0) > limit:
            raise _TooLarge

    def recorded(info: dict[str, Any], *, incomplete: bool = False) -> None:
        if info.get("is_live"):
            raise _Live

    options = {
        "format": "bestaudio/best",
        "outtmpl": {"default": str(folder / "media.%(ext)s")},
        "match_filter": recorded,
        "progress_hooks": [counted],
        "noplaylist": True,
        "playlist_items": "1",
        "nopart": True,
        "cachedir": False,
        "fixup": "never",  # by ffmpeg, which may not be started; the engine reads what it is
        "hls_prefer_native": True,
        "external_downloader": {"default": "native"},
        "ffmpeg_location": os.devnull,
        "proxy": "",
        "socket_timeout": 20,
        "retries": 2,
        "fragment_retries": 2,
        "extractor_retries": 1,
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "logger": _Nobody(),
    }
    with yt_dlp.YoutubeDL(options) as downloader:
        info = downloader.extract_info(url)
    while info and info.get("entries") is not None:
        info = next(iter(info["entries"]), None)
    files = [path for path in folder.iterdir() if path.is_file() and path.stat().st_size]
    if not info or not files:
        return {"error": "nothing"}
    file = max(files, key=lambda path: path.stat().st_size)
    if file.stat().st_size > limit:
        raise _TooLarge
    return {"file": file.name, "name": f"{str(info.get('title') or 'link')[:200]}{file.suffix}"}


class _Nobody:
    """Takes what yt-dlp says: addresses and titles belong in no log."""

    def debug(self, _: str) -> None: ...
    def warning(self, _: str) -> None: ...
    def error(self, _: str) -> None: ...


def _reason(error: BaseException) -> str:
    causes = list(_causes(error))
    said = str(error).lower()
    signs = {
        "too_large": any(isinstance(each, _TooLarge) or _numbered(each, errno.EFBIG) for each in causes),
        "live": any(isinstance(each, _Live) for each in causes),
        "disk": any(_numbered(each, errno.ENOSPC) for each in causes),
        "refused": any(getattr(each, "status", None) in _REFUSALS for each in causes)
        or any(words in said for words in _REFUSING_WORDS),
        "nothing": any(words in said for words in _NOTHING_WORDS),
    }
    return next((reason for reason, seen in signs.items() if seen), "failed")


def _numbered(error: BaseException, number: int) -> bool:
    return isinstance(error, OSError) and error.errno == number


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, in all the ways in which yt-dlp wraps one."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        wrapped = getattr(each, "exc_info", None) or (None, None)
        waiting += [each.__cause__, each.__context__, getattr(each, "cause", None), wrapped[1]]


if __name__ == "__main__":
    main()
