"""What is changed about a job that exists: its name, its text, its end; what is removed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..database import ask
from ..errors import Conflict
from ..types import Job, JobState, Segment
from .asking import Asking


class Changing(Asking):
    async def rename(self, job_id: str, name: str, *, owner: str) -> Job:
        await self.get(job_id, owner=owner)
        await ask(self._store.rename, job_id, name)
        self._changes.notify(job_id)
        return await self.get(job_id, owner=owner)

    async def edit(self, job_id: str, base: int, segments: Sequence[Segment] | None, *, owner: str) -> Job:
        """Saves a corrected text over version `base`; None drops all corrections. Raises `Conflict` while the job
        runs, and when `base` is not the newest version."""
        job = await self.get(job_id, owner=owner)
        if not job.state.final:
            raise Conflict(
                "job_running",
                zh="任务还在进行，完成后才能修改文字。",
                en="The job still runs; its text can be edited when it has ended.",
            )
        if not await ask(self._store.edit, job_id, base, segments):
            raise Conflict(
                "edit_conflict",
                zh="文字已在另一个窗口中修改，请重新加载后再保存。",
                en="The text was changed in another window; load it again, then save.",
                param="version",
            )
        return await self.get(job_id, owner=owner)

    def note(self, job_id: str, event: str, detail: str = "") -> None:
        """A line for the job's log. Blocking."""
        self._store.note(job_id, time.time(), event, detail)

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """The text so far stays. A job that has ended stays as it is."""
        job = await self.get(job_id, owner=owner)
        if not job.state.final:
            await ask(self._cancel, job_id)
        return await self.get(job_id, owner=owner)

    def _cancel(self, job_id: str) -> None:
        if self._runs.end(job_id, JobState.CANCELLED, time.time()):
            self._queue.cancel(job_id)
            self._store.note(job_id, time.time(), "cancelled")
            self._changes.notify(job_id, ended=True)
            self._ended(job_id)

    async def delete(self, job_id: str, *, owner: str) -> None:
        """Removes the job, its text and its media; stops it first."""
        await self.get(job_id, owner=owner)
        await ask(self.remove, job_id)

    def remove(self, job_id: str) -> None:
        """Blocking; whoever's job it is."""
        self._cancel(job_id)
        self._store.delete(job_id)
        self._queue.forget(job_id)
        self.recordings.remove(job_id)
        self._changes.notify(job_id, ended=True)

    def sweep(self, now: float) -> None:
        """Removes files that belong to no job. Blocking."""
        self.recordings.sweep(now, self._store.known)
