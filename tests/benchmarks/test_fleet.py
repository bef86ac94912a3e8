"""The fleet's simulation: what can be told without it comes out of it, and every chance comes from the seed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.fleet.__main__ import A10, first_limit, main, row, table
from benchmarks.fleet.limits import needs
from benchmarks.fleet.model import Arrival, Failures, Outcome, Service, day, simulate

# A second for a window of ten, one at a time; recordings are read in no time.
PLAIN = Service(fixed=1.0, each=0.0, batch=1, window_seconds=10.0, reading=1e12)


@pytest.mark.parametrize(("windows", "devices", "ends"), [(1, 4, 1), (10, 1, 10), (10, 4, 3), (12, 4, 3), (8, 100, 1)])
def test_one_recording_spreads_over_all_devices(windows: int, devices: int, ends: float) -> None:
    seen = simulate([Arrival(5.0, "bulk", windows * 10.0)], devices, PLAIN)
    assert seen.turnaround["bulk"] == pytest.approx([ends])
    assert (seen.windows, seen.busy) == (windows, windows)


def test_a_batch_shares_what_it_costs() -> None:
    service = Service(fixed=1.0, each=0.1, batch=8, window_seconds=10.0, reading=1e12)
    seen = simulate([Arrival(0.0, "bulk", 160.0)], 1, service)
    assert seen.turnaround["bulk"] == pytest.approx([2 * 1.8])
    assert service.realtime == pytest.approx(80 / 1.8)


def test_people_go_first_and_bulk_work_is_not_forgotten() -> None:
    bulk = [Arrival(0.0, "bulk", 10_000.0, owner=1)]
    people = [Arrival(100.5 + n, "interactive", 10.0, owner=2) for n in range(200)]
    seen = simulate([*bulk, *people], 1, PLAIN)
    # As many people as the device can serve, for 200 s: a window of bulk work goes between now and then (patience).
    assert seen.percentile("interactive", 0.5) < 21
    assert seen.turnaround["bulk"][0] < 1200 + 21


def test_one_owner_with_a_thousand_recordings_does_not_hold_up_another() -> None:
    many = [Arrival(0.0, "api", 100.0, owner=1) for _ in range(1000)]
    seen = simulate([*many, Arrival(10.5, "api", 10.0, owner=2)], 1, PLAIN)
    assert min(seen.turnaround["api"]) <= 4.5


def test_what_a_failed_device_had_is_done_by_others() -> None:
    arrivals = list(day(20_000.0, seed=3))
    calm = simulate(arrivals, 2, PLAIN)
    seen = simulate(arrivals, 2, PLAIN, Failures(every=600.0), seed=3)
    assert seen.again > 0 and calm.again == 0
    assert seen.audio == calm.audio == pytest.approx(sum(arrival.seconds for arrival in arrivals))
    assert seen.windows == calm.windows + seen.again
    assert seen.percentile("bulk", 1.0) > calm.percentile("bulk", 1.0)


def test_the_seed_decides_everything() -> None:
    first, again, other = (simulate(day(3e5, seed), 2, A10, Failures(3600.0), seed) for seed in (1, 1, 2))
    assert first == again != other


def test_twice_the_devices_do_twice_the_work_in_no_more_time() -> None:
    small, large = row(1, 0.4, (9, 11), 7), row(4, 0.4, (9, 11), 7)
    assert large.speed == pytest.approx(4 * small.speed, rel=0.15)
    for lane in ("interactive", "api"):
        assert large.outcome.percentile(lane, 0.95) < small.outcome.percentile(lane, 0.95)


def test_what_gives_way_first_grows_faster_than_the_fleet() -> None:
    busy = {gpus: Outcome(gpus, open=gpus * 6400, open_jobs=gpus * 32) for gpus in (10, 1000)}
    shares = {gpus: {need.what: need.share for need in needs(seen, A10)} for gpus, seen in busy.items()}
    looking = "database: looking for windows"
    assert first_limit(needs(busy[1000], A10)).what == looking
    assert shares[1000][looking] / shares[10][looking] > 1000
    assert shares[1000]["media: written"] / shares[10]["media: written"] == pytest.approx(100)
    assert shares[10]["a node: reading recordings"] == shares[1000]["a node: reading recordings"]


def test_the_table_has_a_row_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--gpus", "1", "2", "--hours", "9", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["1", "2"]
    assert "nan" not in table([row(1, 0.01, (3, 4), 1)])


def test_nothing_comes_of_nothing() -> None:
    seen = simulate([], 3, replace(PLAIN, overhead=0.1))
    assert (seen.audio, seen.batches) == (0.0, 0) and math.isnan(seen.percentile("api", 0.5))
