"""`python -m tests.cluster.scale`: throughput with one node, four, and two again, on a real PostgreSQL.

Each node's two devices take `--seconds` for a window, so that the figures say what sharing costs, not what this
machine's processors can do: 1 node could do at most 2 / seconds windows a second, n nodes n times that. One file is
decoded at each size; the clock runs from its first saved window to its last.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from service_app.auth.passwords import hash_password
from tests.app.conftest import PASSWORD, create

from .jobs import finished, speech
from .machines import Cluster, Database

DEVICES = 2


@dataclass(frozen=True)
class Size:
    nodes: int
    windows: int
    seconds: float  # from the job's start to its end
    shares: dict[str, int]  # windows by node

    @property
    def rate(self) -> float:
        return self.windows / self.seconds


def measured(cluster: Cluster, nodes: int, windows: int, seconds: float) -> Size:
    """One file at the nodes that run now."""
    running = [node for node in cluster.nodes if node.process is not None and node.process.poll() is None]
    assert len(running) == nodes
    with running[0].client() as client:
        finished(client, create(client, speech(4 * nodes * DEVICES, seconds)), 4 * nodes * DEVICES)  # warm
        job_id = create(client, speech(windows, seconds))
        job = finished(client, job_id, windows)
    shares = {node.name: sum(node.decoded(job_id).values()) for node in cluster.nodes}
    return Size(nodes, windows, job["finished"] - job["started"], {name: n for name, n in shares.items() if n})


def scaled(folder: Path, database: Database, *, windows: int, seconds: float, name: str = "scale") -> list[Size]:
    """With one node, four and two; `windows` for each node of a size."""
    cluster = Cluster(folder, database, name, hash_password(PASSWORD))
    try:
        cluster.start(1)
        sizes = [measured(cluster, 1, windows, seconds)]
        cluster.start(3)
        sizes.append(measured(cluster, 4, 4 * windows, seconds))
        for node in cluster.nodes[2:]:
            node.run("drain", "--timeout", "60")
            node.end()
        sizes.append(measured(cluster, 2, 2 * windows, seconds))
    finally:
        cluster.stop()
    return sizes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.scale", description=__doc__)
    parser.add_argument("--windows", type=int, default=60, help="of the file, for each node")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a device takes for a window")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    database = Database().start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sizes = scaled(Path(folder), database, windows=arguments.windows, seconds=arguments.seconds)
    finally:
        database.remove()
    if arguments.json:
        print(json.dumps([asdict(size) for size in sizes]))
        return 0
    for size in sizes:
        linear = size.nodes * sizes[0].rate
        print(
            f"{size.nodes} nodes: {size.windows} windows in {size.seconds:.2f} s, {size.rate:.1f}/s, "
            f"{size.rate / linear:.2f} of linear; {size.shares}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
