"""A window on its way through the pool, and how it ends when it has no text."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Unavailable
from ..types import Lane
from .messages import Outcome, Task

TRIES = 3


@dataclass(eq=False, slots=True)
class Ticket:
    """A window on its way."""

    task: Task
    lane: Lane
    owner: str
    recording: Path
    cancelled: Callable[[], bool]
    future: Future[Outcome] = field(default_factory=Future)
    tries: int = 0
    long: bool = False  # of a recording that takes turns

    def drop_if_cancelled(self) -> bool:
        if self.tries == 0 and not self.future.cancelled() and self.cancelled():
            self.future.cancel()
        if self.tries == 0:
            return not self.future.set_running_or_notify_cancel()
        if self.cancelled():  # its future is running already, which cannot be cancelled any more
            self.future.set_exception(CancelledError())
            return True
        return False


def fail(ticket: Ticket, error: Exception) -> None:
    if ticket.tries or ticket.future.set_running_or_notify_cancel():
        ticket.future.set_exception(error)


def not_ready(reason: str) -> Unavailable:
    return Unavailable(
        "engine_not_ready",
        zh=f"语音引擎尚未就绪：{reason}。请稍后再试。",
        en=f"The speech engine is not ready: {reason}. Try again later.",
        retry_after=10,
    )


def stopped() -> Unavailable:
    return Unavailable(
        "engine_stopped",
        zh="服务正在停止，请稍后再试。",
        en="The service is stopping; try again later.",
        retry_after=10,
    )


def window_failed(start: float, reason: str) -> Unavailable:
    minutes, seconds = divmod(int(start), 60)
    return Unavailable(
        "window_failed",
        zh=f"录音 {minutes}:{seconds:02d} 处转写失败（已试 {TRIES} 次）：{reason}",
        en=f"The recording could not be transcribed at {minutes}:{seconds:02d} (tried {TRIES} times): {reason}",
    )
