"""Shows a stack's resources as they come: a live table on a terminal, one line per event elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from .follow import Step
from .stacks import Stack, StackEvent

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# What a resource that takes long is waiting for.
_AWAITED = {
    "ALIYUN::ECS::InstanceGroup": "the instance boots",
    "ALIYUN::ECS::RunCommand": "the startup script is handed over",
    "ALIYUN::ROS::WaitCondition": "the app starts and transcribes a test clip",
}
_STYLE = {"COMPLETE": "green", "FAILED": "red", "PROGRESS": "yellow"}


@dataclass
class _Row:
    name: str
    type: str
    status: str
    reason: str
    begun: float
    ended: float | None = None


def watch(steps: Iterable[Step], *, stream: TextIO, clock: Callable[[], float]) -> Stack:
    """Shows every step on `stream` and returns the stack as it stood at the last."""
    return _live(steps, stream, clock) if stream.isatty() else _plain(steps, stream, clock)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table without lines, as wide as its content; Chinese counts two columns per character."""
    from rich.cells import cell_len

    table = [list(columns), *(list(row) for row in rows)]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(columns))]
    return [
        "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def event_line(event: StackEvent) -> str:
    reason = " ".join(event.reason.split())
    return f"{event.resource}  {event.status}" + (f"  {reason}" if reason and event.failed else "")


def _plain(steps: Iterable[Step], stream: TextIO, clock: Callable[[], float]) -> Stack:
    start = clock()
    stack: Stack | None = None
    for step in steps:
        stack = step.stack
        for event in step.events:
            print(f"{clock() - start:6.1f}s  {event_line(event)}", file=stream, flush=True)
    assert stack is not None, "there is always a first step"
    return stack


def _live(steps: Iterable[Step], stream: TextIO, clock: Callable[[], float]) -> Stack:
    from rich.console import Console
    from rich.live import Live

    rows: dict[str, _Row] = {}
    start = clock()
    stack: Stack | None = None

    def picture() -> Table:
        return _table(stack, rows, clock() - start, clock())

    with Live(get_renderable=picture, console=Console(file=stream), refresh_per_second=4) as live:
        for step in steps:
            stack = step.stack
            for event in step.events:
                _note(rows, event, stack, clock())
            live.refresh()
    assert stack is not None, "there is always a first step"
    return stack


def _note(rows: dict[str, _Row], event: StackEvent, stack: Stack, now: float) -> None:
    if event.resource == stack.name and event.type == "ALIYUN::ROS::Stack":
        return
    row = rows.get(event.resource)
    if row is None or (row.ended is not None and event.status.endswith("_IN_PROGRESS")):
        row = rows[event.resource] = _Row(event.resource, event.type, "", "", now)
    row.status, row.reason = event.status, " ".join(event.reason.split())
    row.ended = None if event.status.endswith("_IN_PROGRESS") else now


def _table(stack: Stack | None, rows: dict[str, _Row], elapsed: float, now: float) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    # As wide as the longest names that come, so that nothing jumps when they do.
    table.add_column(min_width=19)
    table.add_column(min_width=18)
    table.add_column(justify="right", min_width=5)
    table.add_column()
    for row in rows.values():
        seconds = (row.ended or now) - row.begun
        waiting = row.ended is None
        note = _AWAITED.get(row.type, "") if waiting else (row.reason if row.status.endswith("_FAILED") else "")
        table.add_row(row.name, _status(row.status), f"{seconds:.0f} s", Text(note, style="dim"))
    if stack is not None:
        table.add_row(Text(stack.name, style="bold"), _status(stack.status), f"{elapsed:.0f} s", "")
    return table


def _status(status: str) -> Text:
    from rich.text import Text

    return Text(status, style=_STYLE.get(status.rpartition("_")[2], ""))
