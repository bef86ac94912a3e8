"""weights.py against a real HTTP server that stands for a mirror."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONTENT = b"weights " * 1000


class Mirror(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "mirror"
    (folder / "faster-whisper" / "tiny").mkdir(parents=True)
    (folder / "faster-whisper" / "tiny" / "model.bin").write_bytes(CONTENT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{{path}}"
    server.shutdown()
    server.server_close()


def weights(tmp_path: Path, sha256: str, mirror: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a copy of the script beside a manifest of one file, whose own mirrors do not answer."""
    shutil.copy2(SCRIPTS / "weights.py", tmp_path / "weights.py")
    file = {"path": "tiny/model.bin", "sha256": sha256}
    empty: dict[str, object] = {"mirrors": ["http://127.0.0.1:1/{path}"], "models": {}}
    manifest = {"faster-whisper": empty | {"models": {"tiny": [file]}}, "openai-whisper": empty}
    (tmp_path / "weights.json").write_text(json.dumps(manifest))
    return subprocess.run(
        [sys.executable, tmp_path / "weights.py", "--into", tmp_path / "models", *options],
        env={"PATH": os.environ["PATH"], "WHISPER_WEIGHT_MIRRORS": mirror},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_right_file_is_put_in_place_once(tmp_path: Path, mirror: str) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    done = weights(tmp_path, digest, mirror, "tiny")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/faster-whisper/tiny/model.bin").read_bytes() == CONTENT
    again = weights(tmp_path, digest, "http://127.0.0.1:1/{path}", "tiny")
    assert (again.returncode, again.stdout) == (0, ""), "nothing is fetched again"


def test_a_wrong_file_is_refused_and_deleted(tmp_path: Path, mirror: str) -> None:
    done = weights(tmp_path, "0" * 64, mirror, "tiny")
    assert done.returncode == 1
    assert done.stderr.startswith("error: faster-whisper/tiny/model.bin: the SHA-256 is ")
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == []


def test_a_file_without_a_checksum_is_refused_unless_recorded(tmp_path: Path, mirror: str) -> None:
    done = weights(tmp_path, "", mirror, "tiny")
    assert done.returncode == 1
    assert "no checksum in weights.json; type `python3 " in done.stderr
    assert f"--into {tmp_path / 'models'} --record MODEL`" in done.stderr
    recorded = weights(tmp_path, "", mirror, "--record", "tiny")
    assert recorded.returncode == 0
    assert f"{len(CONTENT)} bytes, sha256 {hashlib.sha256(CONTENT).hexdigest()}" in recorded.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("giant",), "error: model 'giant': not in weights.json, which has tiny"),
        (("--from", "/nonexistent", "tiny"), "error: faster-whisper/tiny/model.bin: not in /nonexistent"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, mirror: str, options: tuple[str, ...], said: str) -> None:
    done = weights(tmp_path, "0" * 64, mirror, *options)
    assert done.returncode == 1
    assert done.stderr == f"{said}\n"


def test_every_model_is_verified_whole() -> None:
    """Each file of each model has its checksum; the reference engine's are those in its own package."""
    package = importlib.util.find_spec("whisper")
    assert package
    assert package.origin
    published = Path(package.origin).read_text()  # to read it is enough; to import it would load torch
    manifest = json.loads((SCRIPTS / "weights.json").read_text())
    for engine in manifest.values():
        for model in engine["models"].values():
            assert [file["path"] for file in model if not re.fullmatch("[0-9a-f]{64}", file["sha256"])] == []
    for (file,) in manifest["openai-whisper"]["models"].values():
        assert f"/{file['sha256']}/{file['path']}" in published
