"""How a recording becomes a job: is there room, then the file is taken over, the row written, the id queued."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ..database import ask
from ..errors import BadRequest, Busy, Conflict, NotFound, draining, unwritten
from ..types import Job, JobState, Lane, Options
from .asking import Asking
from .length import likely
from .pace import require_room

if TYPE_CHECKING:
    from ..auth.keys import ApiKey

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Accepting(Asking):
    async def require_room(self, owner: str) -> None:
        """Ask before an upload is read: it saves sending one that `accept` would refuse. Raises `Busy`, with an
        estimate, while too much waits, and `Unavailable` while the recordings' store is away or this node leaves the
        service."""
        if self.presence.draining and not self.presence.others:
            raise draining()
        self.recordings.require()
        require_room(owner, await ask(self._all_waiting), self.speed, self._limits)

    async def accept(
        self,
        media: Path,
        *,
        name: str,
        owner: str,
        options: Options,
        lane: Lane,
        job_id: str | None = None,
        fingerprint: str | None = None,
        key: ApiKey | None = None,
        webhook: str | None = None,
        source: str | None = None,
    ) -> Job:
        """Takes the file over: it is moved, so it must lie in the store of the recordings. Stored before it returns.
        Where it raises `Busy` the file lies where it was, and is the caller's.

        The same `job_id` again gives the job that exists. `fingerprint` names the bytes, the parameters and the
        caller, for `alike`; `key` the API key that pays; `webhook` the address to tell when it ends; `source` the
        job whose recording it is. Raises `Conflict` when the id is somebody else's, `Busy` when there is no room among
        all nodes' jobs or the key's day is used up, `Unavailable` when the disk is full or the store away.
        """
        now = time.time()
        new_id = job_id or uuid.uuid4().hex
        job = Job(new_id, owner, name, JobState.QUEUED, options, lane, created=now, source=source)
        try:
            return await ask(self._accept, media, job, fingerprint, key, webhook, named=job_id is not None)
        except OSError as error:
            raise unwritten(error) from error

    def _accept(
        self,
        media: Path,
        job: Job,
        fingerprint: str | None,
        key: ApiKey | None,
        webhook: str | None,
        *,
        named: bool,
    ) -> Job:
        """`named`: the caller chose the id, so there may be such a job."""
        job = dataclasses.replace(job, size=media.stat().st_size)
        if not _ID.fullmatch(job.id):
            raise BadRequest(
                "bad_job_id",
                zh="任务编号只能包含字母、数字、下划线和连字符，最长 64 个字符。",
                en="A job id has letters, digits, underscores and hyphens, 64 at most.",
            )
        existing = self._store.get(job.id) if named else None
        if existing is not None:
            media.unlink(missing_ok=True)
            if existing.owner != job.owner:
                raise Conflict("job_exists", zh="此任务编号已被使用。", en="This job id is taken.")
            return existing
        seconds = likely(media, job.size)
        self.recordings.take(media, job.id)
        try:
            self._store.add(
                job,
                fingerprint=fingerprint,
                key=key,
                webhook=webhook,
                likely=seconds,
                room=lambda waiting: require_room(job.owner, waiting, self.speed, self._limits),
            )
        except Busy:
            self.recordings.give_back(job.id, media)
            raise
        self._waiting = (0.0, [])
        self._telemetry.accepted(job)
        self._queue.submit(job.id, job.lane)
        return job

    async def rerun(self, job_id: str, options: Options, *, owner: str, lane: Lane, key: ApiKey | None = None) -> Job:
        """A new job on the same recording. Raises `NotFound` when the recording is gone."""
        job = await self.get(job_id, owner=owner)
        try:
            copy = await asyncio.to_thread(self.recordings.again, job_id)
        except FileNotFoundError:
            raise NotFound("media_gone", zh="录音文件已删除。", en="The recording was removed.") from None
        except OSError as error:
            raise unwritten(error) from error
        try:
            return await self.accept(
                copy, name=job.name, owner=owner, options=options, lane=lane, key=key, source=job_id
            )
        finally:
            copy.unlink(missing_ok=True)
