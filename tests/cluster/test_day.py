"""The programs' short forms: a day in fast motion, and growing and shrinking."""

from __future__ import annotations

import random

from tests.app.conftest import create

from .day import lived
from .jobs import decoded, finished, speech
from .machines import Cluster


def test_a_day_in_fast_motion(cluster: Cluster) -> None:
    """Two nodes' trouble among 60 jobs; `python -m tests.cluster.day` has a thousand."""
    day = lived(cluster, jobs=60, hour=0.5, events=2, chance=random.Random(115))
    assert len(day.accepted) == 60
    assert len(day.events) == 2


def test_each_size_shares_the_work(cluster: Cluster) -> None:
    """All nodes, then two: each does its part. `python -m tests.cluster.scale` prints the throughput."""
    few = cluster.nodes[:2]
    with few[0].client() as client:
        job_id = create(client, speech(80, 0.1))
        finished(client, job_id, 80)
        shares = [sum(node.decoded(job_id).values()) for node in cluster.nodes]
        assert sum(shares) == 80
        assert min(shares) >= 80 / len(shares) / 2, shares
        for node in cluster.nodes[2:]:
            node.end()  # a stop hands over and is known at once
        job_id = create(client, speech(40, 0.1))
        finished(client, job_id, 40)
    assert decoded(few, job_id) == dict.fromkeys(range(40), 1)
    assert min(sum(node.decoded(job_id).values()) for node in few) >= 10
