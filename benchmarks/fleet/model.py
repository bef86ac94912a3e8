"""A fleet of GPUs as a discrete-event simulation: jobs arrive in lanes, their windows wait on one board, free devices
take batches of them, devices fail and come back.

arrivals ─▶ reading (a core) ─▶ windows on the board ─▶ device with room: whose turn ─▶ batch ─▶ text ─▶ job done

The order is the product's (service_app/engine/scheduler.py): the turn that has waited longest, where a lane's patience
counts as time not yet waited. Time is in seconds; nothing here reads a clock, and a seed decides every chance.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

LANES = ("interactive", "api", "bulk")
PATIENCE = {"interactive": 0.0, "api": 3.0, "bulk": 20.0}


@dataclass(frozen=True)
class Service:
    """How fast things are. A batch of n windows takes `fixed + n * each`; `overhead` is what passes between a window's
    end and the next one's begin on a device that is kept busy."""

    fixed: float
    each: float
    batch: int
    window_seconds: float = 15.0
    reading: float = 632.0  # seconds of audio that a core reads in a second: decodes, finds speech
    overhead: float = 0.0

    def seconds(self, windows: int) -> float:
        return self.fixed + self.each * windows + self.overhead

    @property
    def realtime(self) -> float:
        """Seconds of audio a second of one device with full batches."""
        return self.batch * self.window_seconds / self.seconds(self.batch)


@dataclass(frozen=True)
class Failures:
    """Every device fails after about `every` seconds (exponential). Its windows are free again after `takeover`, the
    device after `repair`."""

    every: float
    takeover: float = 30.0
    repair: float = 300.0


@dataclass(frozen=True)
class Arrival:
    at: float
    lane: str
    seconds: float  # of audio
    owner: int = 0


@dataclass(eq=False)
class _Job:
    arrival: Arrival
    left: int
    free: int = 0


@dataclass
class _Owner:
    since: float  # when its turn began to wait
    jobs: deque[_Job] = field(default_factory=deque)


@dataclass
class Outcome:
    """`turnaround` is from arrival to the last text, by lane."""

    devices: int
    turnaround: dict[str, list[float]] = field(default_factory=lambda: {lane: [] for lane in LANES})
    audio: float = 0.0  # seconds that became text
    busy: float = 0.0  # seconds of devices
    end: float = 0.0
    batches: int = 0
    windows: int = 0
    again: int = 0  # windows that a failed device had begun
    open: int = 0  # most windows on the board at once
    open_jobs: int = 0

    def percentile(self, lane: str, share: float) -> float:
        found = sorted(self.turnaround[lane])
        return found[min(len(found) - 1, math.ceil(share * len(found)) - 1)] if found else math.nan


class _Board:
    """Windows that nobody has taken: of jobs, of owners, in lanes; each in the order of its turns."""

    def __init__(self) -> None:
        self._lanes: dict[str, OrderedDict[int, _Owner]] = {lane: OrderedDict() for lane in LANES}
        self.windows = self.jobs = 0

    def put(self, job: _Job, windows: int, now: float) -> None:
        if not job.free:
            owners = self._lanes[job.arrival.lane]
            owners.setdefault(job.arrival.owner, _Owner(now)).jobs.append(job)
            self.jobs += 1
        job.free += windows
        self.windows += windows

    def take(self, most: int, devices: int, now: float) -> list[tuple[_Job, int]]:
        """Up to `most` windows. No device takes more than its share of a job, so that all end together."""
        taken = []
        while most and self.windows:
            owners = self._lanes[min((name for name in LANES if self._lanes[name]), key=self._turn)]
            name, owner = owners.popitem(last=False)
            job = owner.jobs.popleft()
            number = min(most, math.ceil(job.free / devices))
            job.free -= number
            if job.free:
                owner.jobs.append(job)
            else:
                self.jobs -= 1
            if owner.jobs:
                owner.since = now
                owners[name] = owner
            self.windows -= number
            most -= number
            taken.append((job, number))
        return taken

    def _turn(self, lane: str) -> float:
        return next(iter(self._lanes[lane].values())).since + PATIENCE[lane]


def simulate(
    arrivals: Iterable[Arrival], devices: int, service: Service, failures: Failures | None = None, seed: int = 0
) -> Outcome:
    """Runs until every job that arrived is done."""
    return _Run(arrivals, devices, service, failures, random.Random(seed)).to_the_end()


class _Run:
    def __init__(
        self, arrivals: Iterable[Arrival], devices: int, service: Service, failures: Failures | None,
        chance: random.Random,
    ) -> None:  # fmt: skip
        self._coming, self._devices, self._service = iter(arrivals), devices, service
        self._failures, self._chance = failures, chance
        self._seen, self._board = Outcome(devices), _Board()
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()  # equal times in the order in which they were planned
        self._idle = list(range(devices))
        self._dies_at = [self._life(0.0) for _ in range(devices)]

    def to_the_end(self) -> Outcome:
        self._next_arrival()
        while self._events:
            now, _, what, arguments = heapq.heappop(self._events)
            what(now, *arguments)
            self._seen.open = max(self._seen.open, self._board.windows)
            self._seen.open_jobs = max(self._seen.open_jobs, self._board.jobs)
            while self._idle and self._board.windows:
                self._begin(now, self._idle.pop())
        return self._seen

    def _later(self, at: float, what: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), what, arguments))

    def _next_arrival(self) -> None:
        """One at a time, so that a day of a thousand devices fits in memory."""
        arrival = next(self._coming, None)
        if arrival is not None:
            self._later(arrival.at, self._arrives, arrival)

    def _arrives(self, now: float, arrival: Arrival) -> None:
        self._later(now + arrival.seconds / self._service.reading, self._is_read, arrival)
        self._next_arrival()

    def _is_read(self, now: float, arrival: Arrival) -> None:
        windows = max(1, math.ceil(arrival.seconds / self._service.window_seconds))
        self._board.put(_Job(arrival, windows), windows, now)

    def _begin(self, now: float, device: int) -> None:
        if self._dies_at[device] <= now:  # while it was idle
            self._fails(now, device, [])
            return
        taken = self._board.take(self._service.batch, self._devices, now)
        number = sum(windows for _, windows in taken)
        lasts = self._service.seconds(number)
        self._seen.batches += 1
        self._seen.windows += number
        if self._dies_at[device] < now + lasts:
            self._seen.busy += self._dies_at[device] - now
            self._seen.again += number
            self._fails(self._dies_at[device], device, taken)
            return
        self._seen.busy += lasts
        self._later(now + lasts, self._ends, device, taken)

    def _ends(self, now: float, device: int, taken: list[tuple[_Job, int]]) -> None:
        self._idle.append(device)
        for job, number in taken:
            job.left -= number
            if not job.left:
                self._seen.turnaround[job.arrival.lane].append(now - job.arrival.at)
                self._seen.audio += job.arrival.seconds
                self._seen.end = now

    def _fails(self, at: float, device: int, taken: list[tuple[_Job, int]]) -> None:
        assert self._failures
        self._later(at + self._failures.takeover, self._given_back, taken)
        self._later(at + self._failures.repair, self._is_repaired, device)

    def _given_back(self, now: float, taken: list[tuple[_Job, int]]) -> None:
        for job, number in taken:
            self._board.put(job, number, now)

    def _is_repaired(self, now: float, device: int) -> None:
        self._dies_at[device] = self._life(now)
        self._idle.append(device)

    def _life(self, now: float) -> float:
        return now + self._chance.expovariate(1 / self._failures.every) if self._failures else math.inf


@dataclass(frozen=True)
class Lane:
    """Of a day: the share of all audio, whose recordings they are, the median length of a recording, its spread (sigma
    of the log), and how busy each hour is."""

    name: str
    share: float
    owners: float  # for each hundred hours of audio a day
    median: float
    sigma: float
    hours: tuple[float, ...]

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)


_OFFICE = (0.1,) * 7 + (0.4, 1.0, 2.2, 2.4, 1.6, 0.9, 1.6, 2.4, 2.2, 1.8, 1.0, 0.6, 0.4, 0.3, 0.2, 0.1, 0.1)
_EVEN = (0.6,) * 7 + (1.0,) * 13 + (0.8,) * 4
_NIGHT = (2.5, 2.0, 1.0, 0.3) + (0.05,) * 18 + (3.0, 4.0)
DAY = (
    Lane("interactive", 0.35, 20, 300.0, 1.0, _OFFICE),  # meetings and voice notes of people at the page
    Lane("api", 0.15, 2, 40.0, 0.8, _EVEN),  # programs: calls, messages
    Lane("bulk", 0.50, 0.2, 2700.0, 0.6, _NIGHT),  # archives, given in the evening
)


def day(audio: float, seed: int, lanes: tuple[Lane, ...] = DAY, hours: range = range(24)) -> Iterator[Arrival]:
    """Arrivals of a day on which about `audio` seconds of recordings come, in order."""
    chance = random.Random(seed)
    streams = [_stream(lane, audio, hours, random.Random(chance.random())) for lane in lanes]
    return heapq.merge(*streams, key=lambda arrival: arrival.at)


def _stream(lane: Lane, audio: float, hours: range, chance: random.Random) -> Iterator[Arrival]:
    jobs = audio * lane.share / lane.mean
    owners = max(1, round(lane.owners * audio / 360_000))
    for hour in hours:
        rate = jobs * lane.hours[hour] / sum(lane.hours) / 3600
        at = hour * 3600 + chance.expovariate(rate)
        while at < (hour + 1) * 3600:
            seconds = chance.lognormvariate(math.log(lane.median), lane.sigma)
            yield Arrival(at, lane.name, seconds, chance.randrange(owners))
            at += chance.expovariate(rate)
