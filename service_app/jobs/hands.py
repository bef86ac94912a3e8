"""What this node's devices do: take open windows off the board, decode, save.

    woken (news, a window done) ─▶ room? ─▶ whose turn (turns.py) ─▶ claim ─▶ engine ─▶ save ─▶ room again

A node takes little more than keeps its devices busy: what it has taken no idle device elsewhere can have. A window
that cannot be decoded because this node stops, or its device or the media store is away, goes back unharmed.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from ..database import away
from ..engine.scheduler import SHORT
from ..errors import UserError
from ..telemetry import Telemetry
from ..types import Failure, Job, Lane, Plan, WindowResult
from ..writing import written
from .board import Board, Open, Place
from .changes import Changes
from .pace import Pace
from .presence import Presence
from .recordings import Recordings
from .rows import AGAIN_SECONDS
from .runs import RunStore
from .turns import Turns

if TYPE_CHECKING:
    from .work import Engine

_ALONE: Final = 32  # windows in the engine's hands where no other node could have them: batches on four GPUs
_A_DEVICE: Final = 16  # at most, of windows that another node could have
_AHEAD_SECONDS: Final = 2.0  # of work taken in advance
_AT_ONCE: Final = 8  # windows of one claim, where others wait too
_LOOK_SECONDS: Final = 1.0  # without news
_YIELD_SECONDS: Final = 0.03  # a busy node lets idle ones go first
_TRIES: Final = 3  # of a window that fails for no reason that the engine names
_THREADS: Final = 8
_PLANS: Final = 64
_LANES: Final = (Lane.INTERACTIVE, Lane.API, Lane.BULK)
# The engine's, not the window's fault.
_ENGINE_AWAY: Final = ("engine_not_ready", "engine_stopped")
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Flight:
    """A claimed window. `lost` is set when it is no longer ours, or nobody wants it any more."""

    job: Job
    plan: Plan
    place: Place
    began: int = field(default_factory=time.time_ns)
    lost: threading.Event = field(default_factory=threading.Event)
    working: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


class Hands:
    def __init__(
        self,
        board: Board,
        runs: RunStore,
        engine: Engine,
        *,
        presence: Presence,
        recordings: Recordings,
        changes: Changes,
        pace: Pace,
        telemetry: Telemetry,
        fail: Callable[[Place, Failure], None],
    ) -> None:
        """`fail` ends a job whose window cannot be decoded, unless the window is no longer ours."""
        self._board, self._runs, self._engine, self._presence = board, runs, engine, presence
        self._recordings, self._changes, self._pace, self._fail = recordings, changes, pace, fail
        self._telemetry = telemetry
        self._turns = Turns()
        self._lock = threading.Condition()
        self._flights: dict[Place, _Flight] = {}
        self._plans: collections.OrderedDict[str, tuple[Job, Plan]] = collections.OrderedDict()
        self._done: collections.deque[float] = collections.deque(maxlen=4096)
        self._woken = False
        self._looked = 0.0
        self._resting = False
        self._taking = threading.Lock()  # from a claim until what was claimed is in hand
        self._forgotten = False  # something on the board may be ours without being in hand
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hand")
        self._thread = threading.Thread(target=self._run, name="hands", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Windows are open, or something changed about those taken."""
        with self._lock:
            self._woken = True
            self._lock.notify_all()

    def move(self, job_id: str, lane: Lane) -> None:
        """Another lane for a job that waits or runs, at all nodes within a moment. Blocking."""
        if self._runs.move(job_id, lane):
            self.wake()

    def has(self, job_id: str) -> bool:
        """Whether a window of this job is in hand."""
        with self._lock:
            return any(place[0] == job_id for place in self._flights)

    def rest(self) -> None:
        """Takes nothing more from its return on; what is in hand is finished. Blocking."""
        self._resting = True
        with self._taking:
            pass

    def drop(self, *, give_back: bool = True) -> None:
        """Lets go of everything at once."""
        with self._lock:
            flights = list(self._flights.values())
        for flight in flights:
            flight.lost.set()
        if give_back and flights:
            self._give_back([flight.place for flight in flights])

    def stop(self) -> None:
        """Everything in hand goes back on the board. Blocking."""
        self._resting = True
        self._stop.set()
        self.wake()
        self.drop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __len__(self) -> int:
        return len(self._flights)

    # -- taking

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._woken:
                    self._lock.wait(_LOOK_SECONDS)
                self._woken = False
            try:
                self._look()
                self._take()
            except Exception as error:
                # What was claimed just now is on the board as ours, and in nobody's hands.
                self._forgotten = True
                if away(error):
                    _log.warning("cannot take windows for now", extra={"reason": str(error)[:200]})
                else:
                    _log.exception("taking windows failed")
                self._stop.wait(AGAIN_SECONDS)

    def _look(self) -> None:
        """Lets go of what was cancelled, deleted, or taken away from this node; what was moved changes its lane."""
        if not (self._flights or self._forgotten) or time.monotonic() - self._looked < _YIELD_SECONDS:
            return
        with self._lock:
            flights = list(self._flights.values())
        held = self._board.held(self._presence.executor)
        self._looked = time.monotonic()
        moved: dict[str, Lane] = {}
        for flight in flights:
            lane = held.pop(flight.place, None)
            if lane is None:
                flight.lost.set()
            elif lane is not flight.job.lane:
                flight.job = dataclasses.replace(flight.job, lane=lane)
                moved[flight.job.id] = lane
        for job_id, lane in moved.items():
            self._engine.move(self._recordings.media(job_id), lane)
        if self._forgotten:
            self._forgotten = False
            self._give_back(list(held))

    def _take(self) -> None:
        if len(self._flights) >= self._devices() and self._presence.nodes > 1:
            self._stop.wait(_YIELD_SECONDS)
        while not self._stop.is_set() and self._devices() and not self._recordings.problem:
            waiting = [entry for entry in self._board.open(self._presence.executor) if self._room(entry) > 0]
            if not waiting:
                return
            with self._taking:
                if self._resting or not self._turn(waiting):
                    return

    def _turn(self, waiting: list[Open]) -> bool:
        """Claims for as long as the list is true; False when there was nothing to be had."""
        entry = self._turns.following(waiting, time.monotonic())
        most = min(self._room(entry), _AT_ONCE if len(waiting) > 1 else _ALONE)
        positions = self._board.claim(entry.job_id, self._presence.executor, most, self._presence.nodes)
        self._turns.took(entry, time.monotonic())
        if not positions:
            return False
        known = self._known(entry.job_id)
        if known is None:
            self._give_back([(entry.job_id, position) for position in positions])
            return False
        job, plan = dataclasses.replace(known[0], lane=entry.lane), known[1]
        flights = [_Flight(job, plan, (entry.job_id, position)) for position in positions]
        with self._lock:
            self._flights.update({flight.place: flight for flight in flights})
        for flight in flights:
            flight.working.enter_context(self._pace.working())
            self._threads.submit(self._begin, flight)
        return True

    def _devices(self) -> int:
        return sum(device.alive for device in self._engine.status().devices)

    def _room(self, entry: Open) -> int:
        """How many more windows of this job to take. What is behind a lane leaves its room alone: a person at the
        page does not wait for bulk work that was taken in advance."""
        with self._lock:
            ahead = _LANES[: _LANES.index(entry.lane) + 1]
            taken = sum(flight.job.lane in ahead for flight in self._flights.values())
        devices = self._devices()
        if self._presence.nodes == 1:
            room = max(_ALONE, _A_DEVICE * devices) - taken
            # The engine serves what begins before what is long; it has to know of it, not to wait for others to land.
            return room if self.has(entry.job_id) else max(room, SHORT)
        since = time.monotonic() - _AHEAD_SECONDS
        lately = sum(at > since for at in list(self._done))
        return max(2 * devices, min(_A_DEVICE * devices, lately)) - taken

    def _known(self, job_id: str) -> tuple[Job, Plan] | None:
        if job_id not in self._plans:
            job, plan = self._runs.get(job_id), self._runs.plan(job_id)
            if job is None or plan is None:
                return None
            self._plans[job_id] = (job, plan)
            if len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return self._plans[job_id]

    # -- decoding

    def _begin(self, flight: _Flight) -> None:
        def ended(result: Future[WindowResult]) -> None:
            try:
                self._threads.submit(self._end, flight, result)
            except RuntimeError:  # stopping
                self._landed(flight)

        job = flight.job
        try:
            result = self._engine.decode(
                self._recordings.media(job.id),
                flight.plan.windows[flight.place[1]],
                flight.plan,
                job.options,
                lane=job.lane,
                owner=job.owner,
                previous=self._previous(flight),
                cancelled=lambda: self._unwanted(flight),
            )
        except Exception as error:
            result = Future()
            result.set_exception(error)
            self._end(flight, result)
        else:
            result.add_done_callback(ended)

    def _unwanted(self, flight: _Flight) -> bool:
        return flight.lost.is_set() or self._stop.is_set()

    def _previous(self, flight: _Flight) -> tuple[int, ...]:
        """Of a chain, the text before the window, which is saved by now."""
        if not flight.job.options.condition_on_previous_text:
            return ()
        return self._runs.lasting(lambda: self._runs.carried(*flight.place), lambda: self._unwanted(flight)) or ()

    def _end(self, flight: _Flight, result: Future[WindowResult]) -> None:
        try:
            if not self._unwanted(flight):
                self._settle(flight, result)
        except Exception:
            _log.exception("a window was not saved", extra={"job": flight.job.id})
            self._give_back([flight.place])
            self._stop.wait(AGAIN_SECONDS)
        finally:
            self._landed(flight)

    def _landed(self, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(flight.place) is flight:  # not one that has taken the place of a lost one
                del self._flights[flight.place]
        flight.working.close()
        self._changes.notify(flight.job.id)
        self.wake()

    def _settle(self, flight: _Flight, result: Future[WindowResult]) -> None:
        try:
            decoded = result.result()
        except (CancelledError, Exception) as error:
            self._undone(flight, error)
            return
        job, plan = flight.job, flight.plan
        self._telemetry.window(job, flight.place[1], flight.began)
        segments = written(decoded.segments, plan.language, job.options)
        decoded = dataclasses.replace(decoded, segments=segments)
        if self._save(flight, decoded):
            self._done.append(time.monotonic())
            total = sum(window.end - window.start for window in plan.windows) or 1.0
            self._pace.decoded(plan.duration * (decoded.window.end - decoded.window.start) / total)

    def _save(self, flight: _Flight, decoded: WindowResult) -> bool:
        """Holds the text while the disk is full: to decode it again would make no room."""

        def save() -> bool:
            chain = flight.job.options.condition_on_previous_text
            return self._board.save(flight.job.id, self._presence.executor, flight.plan, decoded, chain=chain)

        told = False
        while not self._unwanted(flight):
            try:
                return bool(self._board.lasting(save, lambda: self._unwanted(flight)))
            except SQLAlchemyError:
                if not self._recordings.full:
                    raise
                if not told:
                    _log.warning("the disk is full; the job waits until there is room", extra={"job": flight.job.id})
                told = True
                self._stop.wait(AGAIN_SECONDS)
        return False

    def _undone(self, flight: _Flight, error: BaseException) -> None:
        if self._unwanted(flight):
            return
        if (isinstance(error, UserError) and error.code in _ENGINE_AWAY) or self._recordings.at_fault():
            self._give_back([flight.place])
            self._stop.wait(AGAIN_SECONDS)
            return
        if isinstance(error, UserError):
            self._fail(flight.place, error.failure)
            return
        _log.error("a window failed", exc_info=error, extra={"job": flight.job.id, "window": flight.place[1]})
        if not self._board.failed(self._presence.executor, flight.place, _TRIES):
            self._fail(flight.place, internal_error())

    def _give_back(self, places: list[Place]) -> None:
        try:
            self._board.give_back(self._presence.executor, places)
        except SQLAlchemyError:  # the database is away, or the disk full: at the next look
            self._forgotten = True


def internal_error() -> Failure:
    return Failure(
        "internal_error",
        zh="服务内部错误，未能完成转写。请重试；若仍失败，请联系管理员查看日志。",
        en="The service failed inside and could not finish. Try again; "
        "if it fails again, ask the administrator to look at the log.",
    )
