"""What the tests ask of jobs on a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx

from tests.app.conftest import create

from .machines import Cluster, Node, until


def speech(windows: int, seconds: float) -> str:
    """A recording for the timed engine: so many windows, so long for each."""
    return f"SPEECH {windows} {seconds}"


def text(windows: int) -> str:
    return " ".join(f"window {n} <b>一</b>" for n in range(windows))


def progressed(client: httpx.Client, content: str, at_least: float = 0.0) -> str:
    """A job that has begun."""
    job_id = create(client, content)
    until(lambda: client.get(f"/api/jobs/{job_id}").json()["progress"] > at_least, "the job moves")
    return job_id


def finished(
    client: httpx.Client, job_id: str, windows: int, explain: Any = lambda: "", within: float = 60.0
) -> dict[str, Any]:
    """The job, done, with every window in its text once and in its place."""
    until(
        lambda: client.get(f"/api/jobs/{job_id}").json()["state"] not in ("queued", "running"),
        "it ends",
        explain,
        within,
    )
    job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
    assert (job["state"], job["text"]) == ("done", text(windows)), job
    segments = client.get(f"/api/jobs/{job_id}/segments").json()["segments"]
    assert [segment["start"] for segment in segments] == [10.0 * n for n in range(windows)]
    return job


def decoded(nodes: Iterable[Node], job_id: str) -> Counter[int]:
    """How often each window was decoded, wherever."""
    return sum((node.decoded(job_id) for node in nodes), Counter())


def written(cluster: Cluster, job_id: str) -> list[Any]:
    """Which transactions wrote the job's rows last: the same again means that nothing was written since."""
    return cluster.query(
        "SELECT 'job', 0, xmin::text FROM jobs WHERE id = :id UNION ALL "
        "SELECT 'window', position, xmin::text FROM windows WHERE job_id = :id UNION ALL "
        "SELECT 'log', 0, xmin::text FROM job_log WHERE job_id = :id ORDER BY 1, 2, 3",
        id=job_id,
    )


def owner_of(cluster: Cluster, job_id: str) -> str:
    """The name of the node that has the job."""
    (row,) = cluster.query("SELECT executor FROM jobs WHERE id = :id", id=job_id)
    return str(row.executor or "").partition("#")[0]
