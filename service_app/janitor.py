"""Removes what has had its time: jobs past retention with their recordings and text, abandoned uploads, old audit."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from .api.services import Services

EVERY_SECONDS: Final = 600.0
_AT_ONCE = 100
_log = logging.getLogger(__name__)


async def keep_clean(services: Services) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            removed = await clean(services, time.time())
            if removed:
                _log.info("expired jobs removed", extra={"jobs": removed})
        except Exception:
            _log.exception("cleaning failed")
        await asyncio.sleep(EVERY_SECONDS)


async def clean(services: Services, now: float) -> int:
    """One round; how many jobs went."""
    removed = 0
    days = services.settings.retention_days
    while days:
        expired = await asyncio.to_thread(services.jobs.figures.expired, now - days * 86400, _AT_ONCE)
        for job_id in expired:
            await asyncio.to_thread(services.jobs.remove, job_id)
            await asyncio.sleep(0)  # others come first
        removed += len(expired)
        if len(expired) < _AT_ONCE:
            break
    await asyncio.to_thread(services.resumable.sweep)
    await services.auth.forget_old()
    return removed
