"""Tells a job's webhook that it has ended, signed as https://www.standardwebhooks.com says:

    webhook-id         the job's id          (the same at every try: receivers drop repeats)
    webhook-timestamp  Unix time of this try
    webhook-signature  v1,<base64 of HMAC-SHA256 over "id.timestamp.body" with the owner's secret>

The secret differs for every user and is shown by `GET /api/webhook-secret`. Tries are stored, so they survive restarts.
Receivers are told side by side, a few for each host and user: one that is slow delays its own messages only. The order
is not promised; each says when its job ended.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from . import outbound
from .aside import aside
from .database import ask, away
from .errors import Unavailable, UserError
from .jobs import Jobs
from .jobs.nodes import NodeStore
from .types import Job

# Seconds until the next try; then it is given up.
DELAYS: Final = (10.0, 60.0, 600.0, 3600.0, 6 * 3600.0)
_LOOK_SECONDS: Final = 5.0
_TRY_SECONDS: Final = 120.0  # after which a try is taken for lost with its node
_AT_ONCE: Final = 32  # receivers that are being told
_OF_HOST: Final = 4
_OF_USER: Final = 8
_log = logging.getLogger(__name__)


class Secrets:
    """One secret for each user, all derived from a key that the database holds, so that every node has the same.
    Blocking."""

    def __init__(self, nodes: NodeStore, data_dir: Path) -> None:
        self._nodes = nodes
        self._former = data_dir / "webhook.key"  # where releases before 0.2 kept it

    def of(self, user: str) -> str:
        """`whsec_` and Base64, as receivers' libraries take it."""
        return "whsec_" + base64.b64encode(self._raw(user)).decode()

    def sign(self, user: str, message_id: str, at: int, body: bytes) -> str:
        content = f"{message_id}.{at}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self._raw(user), content, hashlib.sha256)).decode()

    def _raw(self, user: str) -> bytes:
        return hmac.digest(bytes.fromhex(self._nodes.fact("webhook key", self._made)), user.encode(), hashlib.sha256)

    def _made(self) -> str:
        return self._former.read_bytes().hex() if self._former.exists() else secrets.token_hex(32)


class Webhooks:
    def __init__(self, jobs: Jobs, keys: Secrets, allowed: Sequence[outbound.Network]) -> None:
        self._jobs = jobs
        self._keys = keys
        self._allowed = allowed
        self._wake = asyncio.Event()
        self._telling: dict[str, tuple[str, str]] = {}  # job: its owner, the receiver's host
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()

        def ended(_job_id: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop closes while the server stops
                loop.call_soon_threadsafe(self._wake.set)

        jobs.when_ended.append(ended)

    async def deliver(self) -> None:
        """Runs until it is cancelled; what is being told then is told to its end."""
        while True:
            self._wake.clear()
            try:
                await self._look()
            except Unavailable:
                pass  # what is due stays due
            except Exception:
                _log.exception("webhooks failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Begins to tell what is due, as far as there is room; whoever has been told makes room for the next look."""
        for job_id, owner, url in await ask(self._jobs.figures.webhooks_due, time.time()):
            if len(self._telling) >= _AT_ONCE:
                return
            told = list(self._telling.values())
            host = urlsplit(url).netloc.rpartition("@")[2].lower()
            of_user, of_host = (sum(each[part] == value for each in told) for part, value in enumerate((owner, host)))
            if job_id in self._telling or of_user >= _OF_USER or of_host >= _OF_HOST:
                continue
            self._telling[job_id] = owner, host
            telling = asyncio.create_task(self._tell(job_id))
            self._tasks.add(telling)
            telling.add_done_callback(self._tasks.discard)

    async def _tell(self, job_id: str) -> None:
        try:
            await aside(lambda: self._try(job_id))
        except Exception as error:
            if not away(error):
                _log.exception("a webhook failed", extra={"job": job_id})
        finally:
            del self._telling[job_id]
            self._wake.set()

    def _try(self, job_id: str) -> None:
        taken = self._jobs.figures.webhook_taken(job_id, time.time(), _TRY_SECONDS)
        if taken is None:
            return  # another node tells it
        job, url, tries = taken
        body = json.dumps(_message(job), ensure_ascii=False).encode()
        at = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": job.id,
            "webhook-timestamp": str(at),
            "webhook-signature": self._keys.sign(job.owner, job.id, at, body),
        }
        try:
            status = outbound.post(url, body, headers, self._allowed)
            outcome = f"HTTP {status}"
            delivered = 200 <= status < 300
        except UserError as error:
            outcome, delivered = error.code, False
        following = None if delivered or tries >= len(DELAYS) else time.time() + DELAYS[tries]
        self._jobs.figures.webhook_tried(job.id, following)
        self._jobs.note(job.id, "webhook", outcome + ("" if delivered or following else ", given up"))


def _message(job: Job) -> dict[str, Any]:
    return {
        "type": f"job.{job.state.value}",
        "data": {
            "id": job.id,
            "state": job.state.value,
            "language": job.language,
            "duration": job.duration,
            "created": job.created,
            "finished": job.finished,
            "error": job.failure and {"code": job.failure.code, "message": job.failure.en},
        },
    }
