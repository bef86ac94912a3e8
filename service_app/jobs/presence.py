"""Says that this node lives, and finds out which others do not.

    every fifth of the time to live   beat; read the others' beats; who has not moved for the whole time is dead
    ready, leaving, a device lost     the others are told: they look at once, and share with who takes work now
    a dead node                       is buried (nodes.py: from then on it writes nothing), its jobs are queued again
    taken for dead oneself            (frozen, cut off): drop everything, become known again, go on as a new one
    without the recordings' store     no beat: where the others have it, they take over as from a dead node

No clock is compared with another machine's: a beat is a counter, and how long it has stood still is measured here, only
while this node itself reads it without a gap. So a database that was away for minutes makes nobody bury anybody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ..database import away
from .nodes import GONE, Node, NodeStore
from .rows import AGAIN_SECONDS

_BEATS: Final = 5  # in the time to live
_log = logging.getLogger(__name__)


class Presence:
    """`figures` gives the number of live devices and the measured speed; `owners` who has started jobs, by the queue's
    book; `recover` queues the jobs of a dead process again; `lost` is told that everything this node had is gone;
    `tell` has the other nodes look; `tidy` is called by one node at a time, now and then. Without `shared` there is
    one node, and no thread. While `idle` gives a reason this node can do nothing, and is silent."""

    def __init__(
        self,
        store: NodeStore,
        *,
        executor: str,
        name: str,
        home: str,
        seconds: float,
        shared: bool,
        figures: Callable[[], tuple[int, float | None]],
        idle: Callable[[], str],
        owners: Callable[[], set[str]],
        recover: Callable[[str], None],
        lost: Callable[[], None],
        tell: Callable[[], None],
        tidy: Callable[[], None],
    ) -> None:
        self.executor: Final = executor
        self.name: Final = name
        self.shared: Final = shared
        self._store = store
        self._home = home
        self._seconds = seconds
        self._figures, self._idle, self._owners, self._recover = figures, idle, owners, recover
        self._lost, self._tell, self._tidy = lost, tell, tidy
        self._others: tuple[Node, ...] = ()
        self._seen: dict[str, tuple[int, float]] = {}  # the beat and since when it stands
        self._problem = ""
        self.draining = False
        self._takes_over = False
        self._told = (0, False)  # devices that the others can count on, and whether this node leaves
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def register(self) -> None:
        """Before this node owns anything; it beats from now on. Blocking."""
        self._store.register(self.executor, self.name, self._home)
        if self.shared:
            self._thread.start()

    def start(self) -> None:
        """Takes over what former processes in this data folder left; from now on the work of dead nodes too."""
        self._takes_over = True
        if self.shared:
            self.look()
        else:
            self._round()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def leave(self) -> None:
        """What is left here may be taken over at once. Blocking."""
        self._store.leave(self.executor)

    def look(self) -> None:
        """A node came or left, perhaps."""
        self._wake.set()

    @property
    def problem(self) -> str:
        """Why this node cannot work, "" when it can."""
        return self._problem

    @property
    def others(self) -> tuple[Node, ...]:
        """Those that beat; as of the last look."""
        return self._others

    @property
    def nodes(self) -> int:
        """That take work, this one included."""
        return 1 + sum(not node.draining and node.devices > 0 for node in self._others)

    def _run(self) -> None:
        while not self._stop.is_set():
            settled = self._told[0] and not self._problem and not self._idle()
            self._wake.wait(self._seconds / _BEATS if settled else AGAIN_SECONDS)
            if self._stop.is_set():
                return
            woken = self._wake.is_set()
            self._wake.clear()
            if self._idle():
                self._forget()
                continue
            try:
                self._round()
            except Exception as error:
                self._forget()
                if not self._problem:
                    _log.warning("no contact with the other nodes", extra={"reason": type(error).__name__})
                if away(error):
                    self._problem = "the database cannot be reached"
                else:
                    _log.exception("presence failed")
                    self._problem = f"{type(error).__name__}"
            else:
                if self._problem:
                    _log.warning("in contact with the other nodes again")
                self._problem = ""
            if woken:
                self._stop.wait(0.02)  # many who leave at once are one look

    def _forget(self) -> None:
        """What happens meanwhile is not known: nobody is dead before the whole time again."""
        self._seen.clear()
        self._others = ()

    def _round(self) -> None:
        devices, speed = self._figures()
        if self.shared and not self._store.beat(self.executor, devices, speed, self.draining):
            _log.warning("this node was taken for dead; what it had is done elsewhere")
            self._lost()
            self._store.register(self.executor, self.name, self._home)
            devices = 0  # as the table has it now
        if self._told != (devices, self.draining):
            self._told = (devices, self.draining)
            self._tell()
        # Before the table is read: a node is in the table before it owns work.
        strays = self._strays()
        now = time.monotonic()
        nodes = [node for node in self._store.all() if node.executor != self.executor]
        self._seen = {node.executor: self._since(node, now) for node in nodes}
        dead = {node for node in nodes if node.beat == GONE or now - self._seen[node.executor][1] >= self._seconds}
        self._others = tuple(node for node in nodes if node not in dead)
        if self.draining or not self._takes_over:
            return
        for node in dead:
            if self._store.bury(node.executor, node.beat):
                _log.warning("node is gone, its work is taken over", extra={"node": node.name})
                self._recover(node.executor)
        known = {node.executor for node in nodes} | {self.executor}
        for executor in (strays or set()) - known:
            self._store.disown(executor)
            self._recover(executor)
        if strays is not None:
            self._tidy()

    def _since(self, node: Node, now: float) -> tuple[int, float]:
        beat, since = self._seen.get(node.executor, (node.beat, now))
        return (beat, since) if beat == node.beat else (node.beat, now)

    def _strays(self) -> set[str] | None:
        """Who owns work; by one node at a time, for it is dear where there are many jobs: None for the others."""
        if (
            self.draining
            or not self._takes_over
            or (self.shared and not self._store.lease("strays", self._seconds / _BEATS))
        ):
            return None
        return self._store.strays() | self._owners()
