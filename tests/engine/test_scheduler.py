from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service_app.engine.backends import Setup
from service_app.engine.devices import Device
from service_app.engine.messages import Task
from service_app.engine.pool import Pool
from service_app.engine.scheduler import HEAD_START, PATIENCE, SHORT, Scheduler
from service_app.engine.tickets import Ticket
from service_app.types import Lane, Options, Window

Item = tuple[Lane, str, str, int]


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def add(scheduler: Scheduler[Item], lane: Lane, owner: str, recording: str, *indices: int) -> None:
    for index in indices:
        scheduler.add((lane, owner, recording, index), lane=lane, owner=owner, recording=Path(recording))


def take_all(scheduler: Scheduler[Item]) -> list[Item]:
    return [item for _ in range(len(scheduler)) if (item := scheduler.take())]


additions = st.lists(
    st.tuples(st.sampled_from(list(Lane)), st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 5)), max_size=60
)


@given(additions, st.integers(0, 3))
def test_nothing_is_lost_nothing_doubled_and_a_recording_keeps_its_order(
    adds: list[tuple[Lane, str, str, float]], every: int
) -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    taken: list[Item] = []
    for index, (lane, owner, recording, pause) in enumerate(adds):
        add(scheduler, lane, owner, recording, index)
        clock.now += pause
        if every and index % every == 0 and (item := scheduler.take()):
            taken.append(item)
    taken += take_all(scheduler)
    assert Counter(taken) == Counter((lane, owner, name, n) for n, (lane, owner, name, _) in enumerate(adds))
    for key in {item[:3] for item in taken}:
        order = [item[3] for item in taken if item[:3] == key]
        assert order == sorted(order)
    assert scheduler.take() is None
    assert len(scheduler) == 0


def test_a_person_goes_before_a_program_and_a_program_before_bulk() -> None:
    scheduler: Scheduler[Item] = Scheduler(Clock())
    add(scheduler, Lane.BULK, "a", "x", 1)
    add(scheduler, Lane.API, "b", "y", 2)
    add(scheduler, Lane.INTERACTIVE, "c", "z", 3)
    assert [item[0] for item in take_all(scheduler)] == [Lane.INTERACTIVE, Lane.API, Lane.BULK]


def test_bulk_is_served_now_and_then_while_people_never_stop() -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    add(scheduler, Lane.BULK, "bulk", "x", *range(10))
    served = []
    for index in range(100):
        add(scheduler, Lane.INTERACTIVE, "person", "y", index)
        clock.now += 1
        item = scheduler.take()
        assert item
        served.append(item[0])
    waits = [index for index, lane in enumerate(served) if lane is Lane.BULK]
    assert len(waits) >= 3
    assert waits[0] <= PATIENCE[Lane.BULK] + 2


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_owners_take_turns_whatever_they_bring(sizes: list[int]) -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    for owner, size in enumerate(sizes):
        add(scheduler, Lane.API, str(owner), "x", *range(size))
    served: Counter[str] = Counter()
    for item in take_all(scheduler):
        clock.now += 0.1
        served[item[1]] += 1
        waiting = [served[str(o)] for o, size in enumerate(sizes) if served[str(o)] < size]
        assert not waiting or max(waiting) - min(waiting) <= 1


def test_a_new_short_recording_passes_a_long_one_of_the_same_owner() -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    add(scheduler, Lane.API, "a", "long", *range(50))
    for _ in range(5):
        scheduler.take()
        clock.now += 1
    add(scheduler, Lane.API, "a", "short", 0)
    item = scheduler.take()
    assert item and item[2] == "short"


def test_short_recordings_end_one_after_another_and_long_ones_take_turns() -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    for name, size in (("a", 3), ("b", SHORT + 4), ("c", SHORT + 4), ("d", 2)):
        add(scheduler, Lane.API, "somebody", name, *range(size))
        clock.now += 0.1
    served = []
    for _ in range(len(scheduler)):
        item = scheduler.take()
        assert item
        served.append(item[2])
        clock.now += 0.1
    assert served == [*"aaa", *"b" * SHORT, *"c" * SHORT, *"dd", *"bc" * 4]


def test_what_is_short_is_not_decoded_with_what_is_long() -> None:
    """A batch is of one kind: who sends five seconds does not wait for another's windows beside them."""
    device = Device("none", "cpu", 1, 1, {})
    pool = Pool((device,), lambda _: Setup("none", Path("none"), "cpu", 1, False), hang_seconds=1)

    def submit(name: str, *indices: int) -> None:
        for index in indices:
            task = Task(Path("pcm"), Window(index, 0.0, 1.0), Options(), "en")
            pool.submit(Ticket(task, Lane.API, "a", Path(name), lambda: name == "cancelled"))

    def batch() -> list[str]:
        return [ticket.recording.name for ticket in pool._fill(SHORT)]

    submit("long", *range(3 * SHORT))
    taken = batch() + batch()
    assert taken == ["long"] * len(taken)
    assert len(taken) >= SHORT
    submit("cancelled", 0)
    submit("short", 0)
    submit("another", 0)
    assert batch() == ["short", "another"]
    assert batch() == ["long"] * SHORT


def test_batches_are_small_where_short_recordings_keep_coming() -> None:
    """A batch cannot be interrupted."""
    device = Device("none", "cpu", 1, 1, {})
    pool = Pool((device,), lambda _: Setup("none", Path("none"), "cpu", 1, False), hang_seconds=1)

    def submit(name: str, owner: str, *indices: int) -> None:
        for index in indices:
            task = Task(Path("pcm"), Window(index, 0.0, 1.0), Options(), "en")
            pool.submit(Ticket(task, Lane.API, owner, Path(name), lambda: False))

    most = 16
    submit("long", "ann", *range(100))
    assert len(pool._fill(pool._share(most))) == 1  # the first words
    pool._fill(SHORT)
    long = pool._fill(pool._share(most))
    assert len(long) == most // 2
    assert pool._take_ahead(long, most) == []
    submit("short", "bob", 0, 1)
    assert [ticket.recording.name for ticket in pool._take_ahead(long, most)] == ["short", "short"]
    assert len(pool._fill(pool._share(most))) == most // 4


def test_a_recording_that_comes_back_keeps_the_place_it_had() -> None:
    """The windows of a job are handed over a few at a time."""
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    add(scheduler, Lane.API, "a", "first", 0)
    clock.now += 1
    add(scheduler, Lane.API, "a", "second", 0, 1)
    for expected in ("first", "second"):
        item = scheduler.take()
        assert item
        assert item[2] == expected
    add(scheduler, Lane.API, "a", "first", 1)
    assert [item[2] for item in take_all(scheduler)] == ["first", "second"]


def test_new_recordings_without_end_do_not_starve_a_long_one() -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    add(scheduler, Lane.API, "a", "long", *range(50))
    scheduler.take()
    served = 0
    for index in range(100):
        add(scheduler, Lane.API, "a", f"short {index}", 0)
        clock.now += 1
        item = scheduler.take()
        served += item is not None and item[2] == "long"
    assert served >= 100 / (1.5 * HEAD_START)


def test_what_is_put_back_comes_first_again() -> None:
    scheduler: Scheduler[Item] = Scheduler(Clock())
    add(scheduler, Lane.API, "a", "x", 1, 2)
    first = scheduler.take()
    assert first
    scheduler.put_back(first, lane=Lane.API, owner="a", recording=Path("x"))
    assert scheduler.take() == first


def test_drain_gives_everything() -> None:
    scheduler: Scheduler[Item] = Scheduler(Clock())
    add(scheduler, Lane.API, "a", "x", 1, 2)
    add(scheduler, Lane.BULK, "b", "y", 3)
    assert len(scheduler.drain()) == 3
    assert len(scheduler) == 0


@given(additions, st.sampled_from("xyz"), st.sampled_from(list(Lane)))
def test_moving_a_recording_loses_nothing(adds: list[tuple[Lane, str, str, float]], name: str, lane: Lane) -> None:
    scheduler: Scheduler[Item] = Scheduler(Clock())
    for index, (where, owner, recording, _) in enumerate(adds):
        add(scheduler, where, owner, recording, index)
    moved = scheduler.move(Path(name), lane)
    assert {item[3] for item in moved} == {
        n for n, (where, _, recording, _) in enumerate(adds) if recording == name and where is not lane
    }
    assert len(scheduler) == len(adds)
    assert sorted(item[3] for item in take_all(scheduler)) == list(range(len(adds)))


def test_a_recording_that_is_moved_up_is_served_at_once() -> None:
    scheduler: Scheduler[Item] = Scheduler(Clock())
    add(scheduler, Lane.BULK, "a", "wanted", 0, 1)
    add(scheduler, Lane.API, "b", "other", 0, 1)
    scheduler.move(Path("wanted"), Lane.INTERACTIVE)
    assert [item[2:] for item in take_all(scheduler)] == [("wanted", 0), ("wanted", 1), ("other", 0), ("other", 1)]


def test_what_is_short_may_go_ahead_of_a_long_recording_and_of_no_better_lane() -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    add(scheduler, Lane.API, "ann", "hour", *range(SHORT + 4))
    for _ in range(SHORT):
        scheduler.take()
    assert not scheduler.short_waits(Lane.BULK)
    add(scheduler, Lane.BULK, "bob", "night", 0)
    assert not scheduler.short_waits(Lane.API)
    add(scheduler, Lane.API, "cid", "clip", 0)
    assert scheduler.take(Lane.API) == (Lane.API, "cid", "clip", 0)  # though ann's turn had come
    assert scheduler.take(Lane.API) is None
    assert scheduler.take(Lane.BULK) == (Lane.BULK, "bob", "night", 0)
    assert scheduler.take() == (Lane.API, "ann", "hour", SHORT)


@given(additions, st.lists(st.sampled_from([None, *Lane]), max_size=60))
def test_nothing_is_lost_whoever_goes_ahead(adds: list[tuple[Lane, str, str, float]], turns: list[Lane | None]) -> None:
    clock = Clock()
    scheduler: Scheduler[Item] = Scheduler(clock)
    for index, (lane, owner, recording, pause) in enumerate(adds):
        add(scheduler, lane, owner, recording, index)
        clock.now += pause
    taken = [item for ahead_of in turns if (item := scheduler.take(ahead_of))]
    taken += take_all(scheduler)
    assert Counter(taken) == Counter((lane, owner, name, n) for n, (lane, owner, name, _) in enumerate(adds))
