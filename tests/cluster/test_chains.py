"""A chain (each window with the text before it as prompt) on several nodes: one window at a time, wherever."""

from __future__ import annotations

from tests.app.conftest import create
from tests.app.test_chains import text

from .jobs import decoded, finished, owner_of, speech
from .machines import Cluster, until


def test_a_chain_goes_on_when_its_node_is_killed(cluster: Cluster) -> None:
    victim, other = cluster.nodes[0], cluster.nodes[1]
    with victim.client() as client:
        job_id = create(client, speech(40, 0.15), condition_on_previous_text="true")
    with other.client() as client:
        beside = create(client, speech(100, 0.1))

        def job() -> dict[str, object]:
            in_hand = cluster.query(
                "SELECT count(*) FROM open_windows WHERE job_id = :id AND claimed_by IS NOT NULL", id=job_id
            )
            assert in_hand[0][0] <= 1
            found: dict[str, object] = client.get(f"/api/jobs/{job_id}").json()
            return found

        until(lambda: float(str(job()["progress"])) > 0.2, "the chain moves", lambda: victim.log)
        victim.kill()
        finished(client, beside, 100, lambda: other.log)
        until(lambda: job()["state"] not in ("queued", "running"), "the chain ends", lambda: other.log)
        assert (job()["state"], job()["text"]) == ("done", text(40))
    assert owner_of(cluster, job_id) != victim.name
    counted = decoded(cluster.nodes, job_id)
    assert set(counted) == set(range(40))
    assert sum(counted.values()) <= 40 + 2  # the one that the killed node was decoding or had not saved
