"""The worker processes and their windows: one thread here for each device.

    submit ─▶ scheduler ─▶ thread of a device: take a batch ─▶ worker process ─▶ futures
                  ▲                                                 │ died, hung, failed
                  └────────────── put back, at most three tries ────┘

A window whose try failed goes alone afterwards, so that one that kills its worker takes no other with it. Between two
steps of the model a batch of a long recording lets a short one go first.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..types import DeviceStatus, Lane
from .backends import Setup
from .devices import Device
from .messages import Alive, Batch, Failed, Go, Message, Ready, Results
from .process import Child
from .scheduler import Scheduler
from .tickets import TRIES, Ticket, fail, not_ready, stopped, window_failed

log = logging.getLogger(__name__)

FINISH_SECONDS = 0.1  # between two looks at whether all is done
RESTART_SECONDS = (0.0, 1.0, 5.0, 15.0, 60.0)  # before each further start of a worker that does not load
PAIR = 2  # windows: together they cost a fifth less than one after the other…
FEW = 4  # …and so many a quarter
VISITED_SECONDS = 10.0  # after something short went first, in which more of it is expected
FIRST_BATCH = 1  # windows of a recording of which nothing was read yet: somebody waits for the first words


class WorkerLostError(Exception):
    """The worker process ended or hangs."""


class Pool:
    """Decodes tickets on all devices."""

    def __init__(
        self,
        devices: Sequence[Device],
        setup: Callable[[Device], Setup],
        *,
        hang_seconds: float,
        idle_seconds: float | None = None,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._scheduler: Scheduler[Ticket] = Scheduler(time.monotonic)
        self._work = threading.Condition()
        self._idle = 0
        self._visited = -math.inf  # when something short last went ahead of a long recording
        self._closed = threading.Event()
        self._lanes = [_DeviceThread(self, device, setup(device), hang_seconds) for device in devices]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    def stop(self) -> None:
        """End the workers and cancel what waits. No process is left when it returns."""
        self._closed.set()
        with self._work:
            waiting = self._scheduler.drain()
            self._work.notify_all()
        for lane in self._lanes:
            lane.kill()
        for lane in self._lanes:
            lane.join()
        for ticket in waiting:
            fail(ticket, stopped())

    def status(self) -> tuple[DeviceStatus, ...]:
        return tuple(lane.status for lane in self._lanes)

    def await_ready(self) -> str:
        """Wait until every device answers: "". Else why one of them does not."""
        while not all(lane.status.alive for lane in self._lanes):
            for lane in self._lanes:
                if not lane.hopeful:
                    return lane.status.description
            if self._closed.wait(FINISH_SECONDS):
                return "stopped"
        return ""

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the running worker processes."""
        return tuple(pid for lane in self._lanes if (pid := lane.pid) is not None)

    def submit(self, ticket: Ticket) -> None:
        with self._work:
            if self._closed.is_set():
                raise stopped()
            self._scheduler.add(ticket, lane=ticket.lane, owner=ticket.owner, recording=ticket.recording)
            self._work.notify()

    def move(self, recording: Path, lane: Lane) -> None:
        """Serve what waits of a recording in another lane."""
        with self._work:
            for ticket in self._scheduler.move(recording, lane):
                ticket.lane = lane

    def finish(self) -> None:
        """Decode what waits, then stop. Blocks."""
        with self._work:
            while not self._closed.is_set() and (len(self._scheduler) or self._idle < len(self._lanes)):
                self._work.wait(FINISH_SECONDS)
        self.stop()

    def _take(self, most: int, child: Child) -> list[Ticket]:
        """Wait for work for the child. Empty: stop, nothing came for the idle time, or the child has ended."""
        with self._work:
            self._idle += 1
            try:
                while not self._closed.is_set():
                    if not child.running:
                        self._work.notify()  # the wake-up may have been for work, which another device shall take
                        return []
                    batch = self._fill(self._share(most))
                    if batch or not self._work.wait(self._idle_seconds):
                        return batch
                return []
            finally:
                self._idle -= 1

    def _share(self, most: int) -> int:
        """How much of what waits one device takes that asks. Idle ones divide it, so that a short recording spreads
        over them; busy ones are left theirs, so that all end together (guided self-scheduling, Polychronopoulos and
        Kuck, 1987), but no window goes alone that could go with another. A recording that has the devices to itself
        takes half batches: that costs it little, and who comes meanwhile waits half as long. Since a batch cannot be
        interrupted, a long recording takes quarters while short ones keep coming."""
        waiting = len(self._scheduler)
        if self._idle > 1:
            share = math.ceil(waiting / self._idle)
        else:
            share = max(PAIR, math.ceil(waiting / max(1, sum(lane.status.alive for lane in self._lanes))))
        if self._scheduler.recordings == 1:
            share = min(share, max(FEW, most // 2))
        if self._scheduler.next_is_long and time.monotonic() < self._visited + VISITED_SECONDS:
            share = min(share, max(1, most // 4))
        return min(share, most)

    def _take_ahead(self, batch: list[Ticket], most: int) -> list[Ticket]:
        """What goes first now that a step of this batch is done, mostly nothing: a short recording's windows do not
        wait for a long one's. One such batch between two steps, so the long one goes on too."""
        if any(ticket.tries or not ticket.long for ticket in batch):
            return []
        with self._work:
            if not self._scheduler.short_waits(batch[0].lane):
                return []
            self._visited = time.monotonic()
            return self._fill(most, ahead_of=batch[0].lane)

    def _look_again(self) -> None:
        with self._work:
            self._work.notify_all()

    def _await_work(self) -> None:
        with self._work:
            self._idle += 1
            while not self._closed.is_set() and not len(self._scheduler):
                self._work.wait()
            self._idle -= 1

    def _fill(self, limit: int, *, ahead_of: Lane | None = None) -> list[Ticket]:
        """The next batch; `ahead_of`: of what is short and may go before a long recording of that lane."""
        batch: list[Ticket] = []
        hurried = self._scheduler.recordings == 1  # where several wait, full batches are what helps them all
        while len(batch) < limit:
            long = self._scheduler.next_is_long
            if batch and ahead_of is None and long is not batch[0].long:
                break  # what is short would wait for the long one's windows too
            ticket = self._scheduler.take(ahead_of)
            if ticket is None:
                break
            ticket.long = long and ahead_of is None
            if ticket.drop_if_cancelled():
                continue
            if ticket.tries and (batch or ahead_of is not None):
                self._put_back(ticket)
                break
            batch.append(ticket)
            if ticket.tries:
                break
            if hurried and ticket.task.window.index == 0:
                limit = min(limit, FIRST_BATCH)
        return batch

    def _put_back(self, ticket: Ticket) -> None:
        self._scheduler.put_back(ticket, lane=ticket.lane, owner=ticket.owner, recording=ticket.recording)

    def _retry(self, ticket: Ticket, reason: str) -> None:
        ticket.tries += 1
        if ticket.tries >= TRIES or self._closed.is_set():
            fail(ticket, stopped() if self._closed.is_set() else window_failed(ticket.task.window.start, reason))
            return
        with self._work:
            self._put_back(ticket)
            self._work.notify()

    def _nobody_left(self, reason: str) -> None:
        """A device failed to load; when none is left, nobody would ever serve those who wait."""
        if any(lane.hopeful for lane in self._lanes):
            return
        with self._work:
            waiting = self._scheduler.drain()
        for ticket in waiting:
            fail(ticket, not_ready(reason))


class _DeviceThread(threading.Thread):
    """Keeps one worker process alive and feeds it."""

    def __init__(self, pool: Pool, device: Device, setup: Setup, hang_seconds: float) -> None:
        super().__init__(name=f"engine {device.name}", daemon=True)
        self._pool, self._device, self._setup, self._hang_seconds = pool, device, setup, hang_seconds
        self._child: Child | None = None
        self._lock = threading.Lock()
        self._failures = 0
        self._asleep = False
        self._losses = 0
        self.status = DeviceStatus(device.name, alive=False, description="loading")

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child and child.running else None

    @property
    def hopeful(self) -> bool:
        """Whether it may yet serve: it runs, or has not failed to load more than once in a row."""
        return self._failures < 2

    def kill(self) -> None:
        with self._lock:
            if self._child:
                self._child.kill()

    def _tell(self, description: str, *, alive: bool = False) -> None:
        self.status = DeviceStatus(self._device.name, alive, description, losses=self._losses)

    def run(self) -> None:
        while not self._pool._closed.wait(RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]):
            try:
                self._serve()
            except WorkerLostError as lost:
                if not self._pool._closed.is_set():
                    log.warning("worker %s lost: %s", self._device.name, lost)
                    self._losses += 1
                    self._tell(str(lost))
            finally:
                with self._lock:
                    if self._child:
                        self._child.end()
                    self._child = None
            if self._failures and not self._pool._closed.is_set():
                self._pool._nobody_left(self.status.description)
        self._tell("stopped")

    def _serve(self) -> None:
        if self._asleep:
            self._pool._await_work()
            self._asleep = False
        began = time.monotonic()
        with self._lock:
            if self._pool._closed.is_set():
                return
            child = self._child = Child("service_app.engine.worker", self._device.environment)
        self._failures += 1  # until it has loaded
        self._send(child, self._setup)
        ready = self._receive(child)
        if not isinstance(ready, Ready):
            raise WorkerLostError(ready.reason if isinstance(ready, Failed) else "did not load")
        self._failures = 0
        self._setup = replace(self._setup, capacity=ready.capacity)
        loaded = f"{ready.description}, batch: {ready.capacity.batch}, loaded in {time.monotonic() - began:.1f} s"
        self._tell(loaded, alive=True)
        threading.Thread(target=self._watch, args=(child,), name=f"{self.name} end", daemon=True).start()
        most = ready.capacity.batch
        while batch := self._pool._take(most, child):
            self._decode(child, batch, most)
        if self._pool._closed.is_set():
            return
        if not child.running:
            last = self._receive(child)
            raise WorkerLostError(last.reason if isinstance(last, Failed) else child.end_told)
        self._asleep = True
        self._tell("unloaded while idle", alive=True)

    def _watch(self, child: Child) -> None:
        """Wakes the device's thread when the worker ends, which also happens while there is nothing to do."""
        child.await_end()
        self._pool._look_again()

    def _decode(self, child: Child, batch: list[Ticket], most: int) -> None:
        try:
            self._send(child, Batch(tuple(ticket.task for ticket in batch)))
            while isinstance(message := self._receive(child), Alive):
                ahead = self._pool._take_ahead(batch, most)
                if ahead:
                    self._decode(child, ahead, most)
                else:
                    self._send(child, Go())
            if isinstance(message, Failed):
                raise WorkerLostError(message.reason)
            assert isinstance(message, Results)
        except WorkerLostError as lost:
            self._tell(str(lost))
            for ticket in reversed(batch):
                self._pool._retry(ticket, str(lost))
            raise
        for ticket, outcome in zip(batch, message.outcomes, strict=True):
            if isinstance(outcome, Failed):
                log.warning(
                    "window at %.1f s failed on %s: %s", ticket.task.window.start, self._device.name, outcome.reason
                )
                self._pool._retry(ticket, outcome.reason)
            else:
                ticket.future.set_result(outcome)
        if any(isinstance(outcome, Failed) for outcome in message.outcomes):
            # After a CUDA error, or without memory, every further window would fail, and fail faster than others work.
            self._tell("starts afresh after a failure")
            raise WorkerLostError("a window failed")

    def _send(self, child: Child, message: Setup | Batch | Go) -> None:
        try:
            child.connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise WorkerLostError(child.end_told) from error

    def _receive(self, child: Child) -> Message:
        try:
            if not child.connection.poll(self._hang_seconds):
                raise WorkerLostError(f"no answer for {self._hang_seconds:g} s")
            message = child.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise WorkerLostError(child.end_told) from error
        assert isinstance(message, Ready | Alive | Failed | Results)
        return message
