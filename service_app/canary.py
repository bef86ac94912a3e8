"""A transcription of the bundled clip every few minutes: a service whose engine hangs or talks nonsense is not healthy,
however quickly it answers."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .aside import aside
from .errors import UserError
from .types import Lane, Options, WindowResult

if TYPE_CHECKING:
    from .jobs import Engine

CLIP: Final = Path(__file__).parent / "assets" / "clips" / "demo-en.wav"
LONGEST_SECONDS: Final = 300.0  # behind a full batch on a slow processor
_ENOUGH = 0.5  # of the clip's words: small models mishear some
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sung:
    """The last try: when (Unix time), how long it took, and what was wrong ("" when nothing was)."""

    at: float
    seconds: float
    problem: str


class Canary:
    """`clip` has its words beside it in a .txt file; `folder` takes a copy, for engines write beside the media."""

    def __init__(self, engine: Engine, folder: Path, clip: Path = CLIP, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest
        self._engine = engine
        self._folder = folder
        self._clip = clip
        self._failures = 0
        self.last: Sung | None = None

    @property
    def problem(self) -> str:
        """ "" while the last two tries did not both fail."""
        return self.last.problem if self.last is not None and self._failures > 1 else ""

    async def sing(self, every: float) -> None:
        """Tries until it is cancelled, every so many seconds, and sooner after a failure."""
        while True:
            # While the engine loads for the first time there is nothing to say of it yet.
            if self.last is not None or self._engine.status().ready:
                await self.once()
            await asyncio.sleep(every if not self._failures else min(every, 20.0))

    async def once(self) -> Sung:
        began = time.monotonic()
        left = threading.Event()
        try:
            async with asyncio.timeout(self._longest):
                problem = await aside(lambda: self._try(left))
        except TimeoutError:
            problem = f"no text after {self._longest:g} s"
        except (UserError, CancelledError, OSError, RuntimeError) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            left.set()
        self._failures = self._failures + 1 if problem else 0
        self.last = Sung(time.time(), round(time.monotonic() - began, 3), problem)
        if problem:
            _log.error("canary failed", extra={"reason": problem})
        return self.last

    def _try(self, left: threading.Event) -> str:
        status = self._engine.status()
        if not any(device.alive for device in status.devices):
            return status.reason or "no device answers"
        self._folder.mkdir(parents=True, exist_ok=True)
        media = self._folder / "media"
        shutil.copyfile(self._clip, media)
        options = Options(language="en", beam_size=1)
        plan = self._engine.plan(media, options, cancelled=left.is_set)
        results: list[Future[WindowResult]] = [
            self._engine.decode(media, window, plan, options, lane=Lane.INTERACTIVE, owner="", cancelled=left.is_set)
            for window in plan.windows
        ]
        text = " ".join(segment.text for result in results for segment in result.result(self._longest).segments)
        wanted = set(_words(self._clip.with_suffix(".txt").read_text("utf-8")))
        found = len(wanted & set(_words(text))) / max(1, len(wanted))
        return "" if found >= _ENOUGH else f"only {found:.0%} of the clip's words came out"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
