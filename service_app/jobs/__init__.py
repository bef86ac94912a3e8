"""Durable transcription jobs.

    accept   the file is moved into the job's folder and synced, the row is written, the id is queued; then it returns
    run      plan -> windows on the board -> finish in the queue's threads (work.py)
    decode   a node's devices take open windows off the board (hands.py); every finished one is saved at once
    restart  unfinished jobs go on; saved windows are not decoded again
    nodes    several share one PostgreSQL and one store of recordings; each takes over what a dead one had (presence.py)

A job belongs to its owner; for everybody else it does not exist. `Jobs` has four subjects, each in its file: a node's
life (life.py), asking (asking.py), accepting (accepting.py), changing (changing.py).
"""

from __future__ import annotations

from .accepting import Accepting
from .changing import Changing
from .figures import Figures
from .pace import Limits
from .store import WindowSegments
from .work import Engine

__all__ = ["Engine", "Figures", "Jobs", "Limits", "WindowSegments"]


class Jobs(Accepting, Changing):
    """`start`, `drain` and `stop` block; everything else is for the event loop. One per process."""
