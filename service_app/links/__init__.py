"""Recordings from pages (YouTube, Bilibili and many others) by yt-dlp, where it is installed (extra `links`).

    take ─▶ a process of its own (child.py): no secrets, limits, and a guard under which nothing but public addresses
    can be reached ─▶ one file in a folder of its own ─▶ moved to where uploads lie

yt-dlp runs a great deal of code on what strangers wrote. So it gets a process that can reach no private address, start
no program, write nowhere else, and ends with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ..errors import BadRequest, UserError, disk_full
from ..outbound import Network

_LONGEST: Final = 3600.0  # seconds for finding and fetching it
_PASSED_ON: Final = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def installed() -> bool:
    return find_spec("yt_dlp") is not None


async def take(url: str, folder: Path, limit: int, allowed: Sequence[Network]) -> tuple[Path, str]:
    """The page's recording as a new file in `folder`, of at most `limit` bytes, and its title. `allowed` are private
    networks that may be reached. Raises `BadRequest`, `Unavailable`; then nothing is left behind."""
    own = folder / f"{uuid.uuid4().hex}.link"
    await asyncio.to_thread(own.mkdir, mode=0o700)
    try:
        order = {"url": url, "folder": str(own), "limit": limit, "allowed": [str(network) for network in allowed]}
        answer = await _run(order, own)
        if "error" in answer:
            raise _error(answer["error"], limit)
        path = folder / uuid.uuid4().hex
        await asyncio.to_thread(os.replace, own / answer["file"], path)
        return path, answer["name"]
    finally:
        await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)


async def _run(order: dict[str, Any], own: Path) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"HOME": str(own), "PYTHONPATH": str(Path(__file__).parents[2]), "YTDLP_NO_PLUGINS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-B",
        "-m",
        "service_app.links.child",
        cwd=own,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    try:
        # The pipe stays open: when this server dies, the other end notices.
        process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(_LONGEST):
            said = await process.stdout.read(65_536)
            await process.wait()
    except (TimeoutError, OSError):
        return {"error": "failed"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    try:
        answer: dict[str, str] = json.loads(said)
    except ValueError:  # it was killed by a limit
        return {"error": "failed"}
    return answer


def _error(code: str, limit: int) -> UserError:
    size = limit // (1024 * 1024)
    return {
        "not_allowed": BadRequest(
            "url_not_allowed",
            zh="不允许访问链接指向的地址：它不是公网地址。如需访问内网，请管理员设置 WHISPER_PRIVATE_NETWORKS。",
            en="The link leads to an address that may not be reached: it is not a public one. The operator can allow "
            "private networks with WHISPER_PRIVATE_NETWORKS.",
            param="url",
        ),
        "nothing": BadRequest(
            "link_no_recording",
            zh="网页里没有找到音频或视频。请换一个链接，或下载后上传文件。",
            en="No audio or video was found on this page. Try another link, or download and upload the file.",
            param="url",
        ),
        "live": BadRequest(
            "link_is_live",
            zh="链接是正在进行的直播，没有结尾。请在直播结束后使用回放链接。",
            en="The link is a live stream, which has no end. Use the link of its recording when it is over.",
            param="url",
        ),
        "refused": BadRequest(
            "link_refused",
            zh="该网站拒绝了下载：许多网站（如 YouTube）不允许云服务器访问，或需要登录。"
            "请在自己的电脑上下载，再上传文件。",
            en="The site refused the download: many (YouTube among them) do not let cloud servers in, or want a login. "
            "Download it on your own computer, then upload the file.",
            param="url",
        ),
        "too_large": BadRequest(
            "link_too_large",
            zh=f"链接的文件超过 {size} MiB 的上限。请使用较短的录音，或只下载音轨后上传。",
            en=f"The linked file is over the limit of {size} MiB. Take a shorter one, or upload its audio track only.",
            param="url",
        ),
        "disk": disk_full(),
    }.get(code) or BadRequest(
        "link_failed",
        zh="没能从这个网页取得录音。请稍后重试，或下载后上传文件。",
        en="The recording could not be taken from this page. Try again later, or download and upload the file.",
        param="url",
    )
