"""`python -m tests.cluster.takeover`: how long the work of a lost node waits, at the time to live of earnest (15 s).

Three nodes decode one long file. The node that has it is killed (`kill -9`), in a second run frozen (SIGSTOP). From
that moment the clock runs until another node has the job, until none of the windows that the lost node had in hand is
still its own, and until the last of them is in the text.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from service_app.auth.passwords import hash_password
from tests.app.conftest import PASSWORD

from .jobs import progressed, speech
from .machines import Cluster, Database, until

_HAD = "SELECT position FROM open_windows WHERE job_id = :id AND claimed_by LIKE :node"
_TEXT = "SELECT position FROM windows WHERE job_id = :id"


@dataclass(frozen=True)
class TakeOver:
    """Seconds from the loss of the node."""

    how: str
    windows: int  # that it had in hand
    job: float  # until another node has the job
    free: float  # until none of its windows is its own any more
    text: float  # until they all are in the text

    def __str__(self) -> str:
        return (
            f"{self.how}: after {self.job:.1f} s another node has the job, after {self.free:.1f} s the {self.windows} "
            f"windows that were in hand, after {self.text:.1f} s their text is saved"
        )


def taken_over(cluster: Cluster, how: signal.Signals, *, windows: int, seconds: float) -> TakeOver:
    """The first node is lost."""
    lost = cluster.nodes[0]
    with lost.client() as client:
        job_id = progressed(client, speech(windows, seconds))
    lost.send(how)
    began = time.monotonic()
    had = {row.position for row in cluster.query(_HAD, id=job_id, node=f"{lost.name}#%")}

    def since(condition: str, **values: str) -> float:
        until(lambda: not cluster.query(condition, id=job_id, **values), condition, lambda: cluster.nodes[1].log)
        return time.monotonic() - began

    node = f"{lost.name}#%"
    job = since("SELECT 1 FROM jobs WHERE id = :id AND (executor IS NULL OR executor LIKE :node)", node=node)
    free = since(_HAD, node=node)
    until(lambda: had <= {row.position for row in cluster.query(_TEXT, id=job_id)}, "their text is saved")
    text = time.monotonic() - began
    with cluster.nodes[1].client() as client:
        client.delete(f"/api/jobs/{job_id}")
    return TakeOver(how.name, len(had), job, free, text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.takeover", description=__doc__)
    parser.add_argument("--node-seconds", type=int, default=15)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=0.5, help="for a window")
    arguments = parser.parse_args()
    database = Database().start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(
                Path(folder),
                database,
                "takeover",
                hash_password(PASSWORD),
                WHISPER_NODE_SECONDS=str(arguments.node_seconds),
            )
            try:
                cluster.start(3)
                for how in (signal.SIGKILL, signal.SIGSTOP):
                    cluster.nodes[0].revive()
                    cluster.nodes[0].await_ready()
                    print(taken_over(cluster, how, windows=arguments.windows, seconds=arguments.seconds), flush=True)
            finally:
                cluster.stop()
    finally:
        database.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
