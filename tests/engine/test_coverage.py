from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from service_app.engine import coverage
from service_app.types import Plan, Segment, Window, WindowResult


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 15), st.sampled_from(["said", "nothing", "waits"]))))
def test_every_second_is_accounted_for(pieces: list[tuple[float, float, str]]) -> None:
    windows, results, now = [], [], 0.0
    for index, (pause, length, became) in enumerate(pieces):
        window = Window(index, now + pause, now + pause + length)
        now = window.end
        windows.append(window)
        if became != "waits":
            segments = (Segment(window.start, window.end, " words"),) if became == "said" else ()
            results.append(WindowResult(window, segments))
    plan = Plan(now, now / 2, "en", 1.0, tuple(windows))
    found = coverage(plan, reversed(results))
    assert found.decoded + found.silent + found.missing == approx(plan.duration, abs=0.01)
    assert found.silent == approx(sum(pause for pause, _, _ in pieces), abs=0.01)
    assert found.unspoken == tuple((r.window.start, r.window.end) for r in results if not r.segments)
