"""Removes what has had its time: jobs past retention with their recordings and text, abandoned uploads, old audit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Final

from .api.services import Services
from .database import ask
from .errors import Unavailable

EVERY_SECONDS: Final = 600.0
PAGE_UPLOADS: Final = "gradio"  # below the data folder: what programs send to /predict
# Gradio gives equal files one path, so another call may still need it.
_PAGE_UPLOAD_SECONDS: Final = 3600.0
_SPENT_SECONDS: Final = 2 * 86400.0  # minutes are counted by the day
_AT_ONCE = 100
_log = logging.getLogger(__name__)


async def keep_clean(services: Services) -> None:
    """Runs until it is cancelled."""
    while True:
        now = time.time()
        try:
            await asyncio.to_thread(_remove_older, services.settings.data_dir / PAGE_UPLOADS, now)
            if await ask(services.jobs.nodes.lease, "janitor", EVERY_SECONDS * 0.9):  # for all nodes
                removed = await clean(services, now)
                if removed:
                    _log.info("expired jobs removed", extra={"jobs": removed})
        except Unavailable:
            pass  # what has expired stays expired
        except Exception:
            _log.exception("cleaning failed")
        await asyncio.sleep(EVERY_SECONDS)


async def clean(services: Services, now: float) -> int:
    """One round over what the nodes share; how many jobs went."""
    from .jobs.figures import NOBODY

    removed = 0
    days = services.settings.retention_days
    while days:
        expired = await ask(services.jobs.figures.expired, now - days * 86400, _AT_ONCE)
        for job_id in expired:
            await ask(services.jobs.remove, job_id)
            await asyncio.sleep(0)  # others come first
        removed += len(expired)
        if len(expired) < _AT_ONCE:
            break
    for job_id in await ask(services.jobs.figures.owned, NOBODY):
        await ask(services.jobs.remove, job_id)
        removed += 1
    await ask(services.jobs.figures.forget_spent, now - _SPENT_SECONDS)
    await asyncio.to_thread(services.resumable.sweep)
    await ask(services.jobs.sweep, now)
    await services.auth.forget_old()
    return removed


def _remove_older(folder: Path, now: float) -> None:
    """Also the pieces that broken uploads left."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < now - _PAGE_UPLOAD_SECONDS:
                path.unlink()
