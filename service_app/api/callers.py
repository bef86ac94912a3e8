"""Who waits for which job. A synchronous call's work stops when nobody waits for it any more; but not at once: clients
that timed out send the same recording again, and shall find their job still running.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from ..errors import UserError
from ..types import Job, Options

if TYPE_CHECKING:
    from ..jobs import Jobs


def fingerprint(sha256: str, options: Options, caller: str) -> str:
    """The same for the same bytes, parameters and caller (user and key)."""
    return hashlib.sha256(json.dumps([sha256, asdict(options), caller], sort_keys=True).encode()).hexdigest()


_LOOK_SECONDS: Final = 1.0


class Callers:
    """`grace`: seconds after the last caller left until its job is cancelled. On the event loop only."""

    def __init__(self, jobs: Jobs, grace: float) -> None:
        self._jobs = jobs
        self._grace = grace
        self._waiting: Counter[str] = Counter()
        self._sending: Counter[str] = Counter()
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()  # nobody came back: these jobs are being cancelled
        self._arrived = asyncio.Event()  # an upload has come to its end; a new event for each
        self.joining = asyncio.Lock()  # around looking for an equal job and making one

    def __len__(self) -> int:
        """Who waits or sends."""
        return self._waiting.total() + self._sending.total()

    @contextlib.asynccontextmanager
    async def sending(self, owner: str) -> AsyncIterator[None]:
        """While a user's upload is on its way: it may be the repeat of a job whose caller has left."""
        self._sending[owner] += 1
        try:
            await self._jobs.call(_sender(owner), True)
            yield
        finally:
            self._sending[owner] -= 1
            if not self._sending[owner]:
                del self._sending[owner]
                await self._tell_gone(_sender(owner))
            self._arrived.set()
            self._arrived = asyncio.Event()

    def joinable(self, job: Job) -> bool:
        """Whether one more caller may wait for this job: it goes on, and is not just being stopped."""
        return not job.state.final and job.id not in self._stopping

    @contextlib.asynccontextmanager
    async def waiting(self, job: Job) -> AsyncIterator[None]:
        """While a caller waits for this job."""
        self._waiting[job.id] += 1
        leaving = self._leaving.pop(job.id, None)
        if leaving is not None:
            leaving.cancel()
        try:
            await self._jobs.call(job.id, True)
            yield
        finally:
            self._waiting[job.id] -= 1
            if not self._waiting[job.id]:
                del self._waiting[job.id]
                # At once: whoever is cancelled here does not get to a second step.
                self._leaving[job.id] = asyncio.create_task(self._left(job))

    async def _tell_gone(self, subject: str) -> None:
        with contextlib.suppress(UserError):  # the database is away; the node's own end clears it
            await self._jobs.call(subject, False)

    async def _left(self, job: Job) -> None:
        try:
            await self._tell_gone(job.id)
            latest = await self._jobs.get(job.id, owner=job.owner)
            if not latest.state.final:
                await asyncio.sleep(self._grace)
                while self._sending[job.owner]:
                    await self._arrived.wait()
                while await self._jobs.called_elsewhere(_sender(job.owner)):  # noqa: ASYNC110 (told by no event)
                    await asyncio.sleep(_LOOK_SECONDS)
                # Who waits for it at another node answers for it from now on.
                if not await self._jobs.called_elsewhere(job.id):
                    self._stopping.add(job.id)
                    await self._jobs.cancel(job.id, owner=job.owner)
        except UserError:
            pass  # deleted meanwhile
        finally:
            self._stopping.discard(job.id)
            if self._leaving.get(job.id) is asyncio.current_task():
                del self._leaving[job.id]


def _sender(owner: str) -> str:
    return f"sender {owner}"  # no job's id has a space
