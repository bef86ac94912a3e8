"""Shows a stack's resources as they come: a live tree on a terminal, one line per event elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from . import words
from .follow import Step
from .stacks import Stack, StackEvent
from .visible import visible

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# What a resource that takes long is waiting for.
_AWAITED = {
    "en": {
        "ALIYUN::ECS::InstanceGroup": "the instance boots",
        "ALIYUN::ECS::RunCommand": "the script is handed over",
        "ALIYUN::ROS::WaitCondition": "the app checks itself",
    },
    "zh": {
        "ALIYUN::ECS::InstanceGroup": "实例正在启动",
        "ALIYUN::ECS::RunCommand": "正在下发启动脚本",
        "ALIYUN::ROS::WaitCondition": "应用正在自检",
    },
}
_STYLE = {"COMPLETE": "green", "FAILED": "red", "PROGRESS": "yellow"}
# As wide as the longest that come, so that nothing jumps when they do.
_NAME_WIDTH, _STATUS_WIDTH, _TIME_WIDTH = 22, 18, 6
# On a narrower terminal statuses are signs, and names as wide as they are.
_NARROW = 60
_SIGN = {"COMPLETE": "✔", "FAILED": "✘", "PROGRESS": "…"}


def watch(
    steps: Iterable[Step], *, stream: TextIO, clock: Callable[[], float], environ: Mapping[str, str] | None = None
) -> Stack:
    """Shows every step on `stream` and returns the stack as it stood at the last. `environ` has NO_COLOR and TERM."""
    environ = environ or {}
    live = stream.isatty() and environ.get("TERM") != "dumb"
    return _live(steps, stream, clock, environ) if live else _plain(steps, stream, clock)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table without lines, as wide as its content; Chinese counts two columns per character. Without `columns` it has
    no head."""
    from rich.cells import cell_len

    table = [list(row) for row in (columns, *rows) if row]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def event_line(event: StackEvent) -> str:
    reason = _shown(event)
    return f"{event.resource}  {event.status}" + (f"  {reason}" if reason and event.failed else "")


def duration(seconds: float) -> str:
    """Short and of one width: `7 s`, `12:05`, `1:02:05`."""
    whole = max(int(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


def _plain(steps: Iterable[Step], stream: TextIO, clock: Callable[[], float]) -> Stack:
    start = clock()
    stack: Stack | None = None
    for step in steps:
        stack = step.stack
        for event in step.events:
            print(f"{clock() - start:6.1f}s  {event_line(event)}", file=stream, flush=True)
    assert stack is not None, "there is always a first step"
    return stack


def _live(steps: Iterable[Step], stream: TextIO, clock: Callable[[], float], environ: Mapping[str, str]) -> Stack:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, no_color="NO_COLOR" in environ, _environ=dict(environ))
    tree = _Tree(clock, lambda: console.width, _AWAITED[words.language(environ)])
    # Drawn four times a second and whenever something happened; each time over the last, in one write.
    with Live(get_renderable=tree.table, console=console, refresh_per_second=4) as live:
        for step in steps:
            tree.note(step)
            live.refresh()
    assert tree.stack is not None, "there is always a first step"
    return tree.stack


@dataclass
class _Row:
    type: str
    status: str
    reason: str
    begun: float
    ended: float | None = None


@dataclass
class _Tree:
    """The stack with its resources below it, in the order in which they began."""

    clock: Callable[[], float]
    width: Callable[[], int]
    """Of the terminal, which people make wider and narrower while they wait."""
    awaited: Mapping[str, str]
    stack: Stack | None = None
    rows: dict[str, _Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def note(self, step: Step) -> None:
        self.stack = step.stack
        for event in step.events:
            if event.resource == step.stack.name and event.type == "ALIYUN::ROS::Stack":
                continue
            row = self.rows.get(event.resource)
            going = event.status.endswith("_IN_PROGRESS")
            if row is None or (row.ended is not None and going):
                row = self.rows[event.resource] = _Row(event.type, "", "", self.clock())
            row.status, row.reason = event.status, _shown(event)
            row.ended = None if going else self.clock()

    def table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        now, width = self.clock(), self.width()
        narrow = width < _NARROW
        table = Table(box=None, padding=(0, 1 if narrow else 2, 0, 0), show_header=False, pad_edge=False)
        table.add_column(min_width=0 if narrow else _NAME_WIDTH, no_wrap=True, overflow="ellipsis")
        table.add_column(min_width=1 if narrow else _STATUS_WIDTH, no_wrap=True)
        table.add_column(justify="right", min_width=_TIME_WIDTH, no_wrap=True)
        table.add_column(no_wrap=True)
        # What does not fit is cut off: a line that wraps would make the tree jump.
        room = max(width - self._left(narrow=narrow), 0)
        if self.stack is not None:
            status = _status(self.stack.status, narrow=narrow)
            table.add_row(Text(self.stack.name, style="bold"), status, duration(now - self._start), "")
        for index, (name, row) in enumerate(self.rows.items()):
            branch = "└─" if index == len(self.rows) - 1 else "├─"
            waiting = row.ended is None
            note = self.awaited.get(row.type, "") if waiting else (row.reason if row.status.endswith("_FAILED") else "")
            table.add_row(
                f"{branch} {name}",
                _status(row.status, narrow=narrow),
                duration((row.ended if row.ended is not None else now) - row.begun),
                _cut(note, room),
            )
        return table

    def _left(self, *, narrow: bool) -> int:
        """Columns that the other cells take, with the gaps between."""
        names = [len(name) + 3 for name in self.rows]
        statuses = [len(row.status) for row in self.rows.values()]
        if self.stack is not None:
            names, statuses = [*names, len(self.stack.name)], [*statuses, len(self.stack.status)]
        if narrow:
            return max(names, default=0) + 1 + _TIME_WIDTH + 3
        return max([_NAME_WIDTH, *names]) + max([_STATUS_WIDTH, *statuses]) + _TIME_WIDTH + 6


def _shown(event: StackEvent) -> str:
    return visible(" ".join(event.reason.split()))


def _cut(note: str, width: int) -> Text:
    from rich.text import Text

    text = Text(note, style="dim")
    text.truncate(width, overflow="ellipsis")
    return text


def _status(status: str, *, narrow: bool) -> Text:
    from rich.text import Text

    end = status.rpartition("_")[2]
    return Text(_SIGN.get(end, "?") if narrow else status, style=_STYLE.get(end, ""))
