from __future__ import annotations

import threading

from service_app.jobs.quarantine import Quarantine


def test_suspects_run_one_at_a_time_and_the_others_wait() -> None:
    quarantine = Quarantine()
    order: list[str] = []
    lock = threading.Lock()

    def never() -> bool:
        return False

    def suspect(name: str) -> None:
        quarantine.enter(name, never)
        with lock:
            order.append(f"{name} in")
            order.append(f"{name} out")
        quarantine.leave(name)
        quarantine.leave(name)

    def innocent() -> None:
        quarantine.wait(never)
        with lock:
            order.append("innocent")

    quarantine.enter("first", never)
    threads = [threading.Thread(target=suspect, args=(name,)) for name in ("a", "b")]
    threads.append(threading.Thread(target=innocent))
    for thread in threads:
        thread.start()
    assert order == []
    quarantine.leave("first")
    for thread in threads:
        thread.join(10)
    assert sorted(order) == ["a in", "a out", "b in", "b out", "innocent"]


def test_who_is_stopped_does_not_wait() -> None:
    quarantine = Quarantine()
    quarantine.enter("first", lambda: False)
    quarantine.enter("second", lambda: True)
    quarantine.wait(lambda: True)
    quarantine.leave("second")  # was never in
    quarantine.leave("first")
    quarantine.wait(lambda: False)
