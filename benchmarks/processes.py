"""What a process and its descendants use, from /proc."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all its descendants that live now."""
    found, new = [], [root]
    while new:
        pid = new.pop()
        found.append(pid)
        for task in _tasks(pid):
            new += map(int, _read(task / "children").split())
    return found


def cpu_seconds(root: int) -> float:
    """Of the whole tree, with children that have ended."""
    return sum(_cpu(pid) for pid in tree(root))


def cpu_by_part(root: int) -> dict[str, float]:
    """CPU seconds of a server's tree, ended children included: its `workers`, its `readers` of files, and `server`."""
    split = {"server": 0.0, "readers": 0.0, "workers": 0.0}
    for pid in tree(root):
        command = _read(Path(f"/proc/{pid}/cmdline"))
        if b"service_app.engine.worker" in command:
            part = "workers"
        else:
            part = "readers" if b"service_app.engine.extract" in command else "server"
        split[part] += _cpu(pid)
    return split


def memory_mib(root: int) -> float:
    """Proportional set size of the tree: shared pages count once."""
    total = 0
    for pid in tree(root):
        for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
            if line.startswith(b"Pss:"):
                total += int(line.split()[1])
    return total / 1024


def handles(root: int) -> tuple[int, int]:
    """Open files and threads of the tree."""
    files = threads = 0
    for pid in tree(root):
        try:
            files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            threads += len(list(Path(f"/proc/{pid}/task").iterdir()))
        except OSError:  # it ended meanwhile
            continue
    return files, threads


def pin(pids: Sequence[int]) -> None:
    """Each process, all its threads, to a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    for pid, core in zip(pids, itertools.cycle(cores)):
        for task in _tasks(pid):
            os.sched_setaffinity(int(task.name), {core})


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it ended meanwhile
        return []


def _cpu(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / TICK if fields else 0.0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile
        return b""
