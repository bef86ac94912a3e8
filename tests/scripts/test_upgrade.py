"""Parts of upgrade.sh, in a private folder tree; the whole of it runs on a booted Debian (tests/instance)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "upgrade.sh"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("etc/whisper", "var/lib/whisper", "opt/whisper/releases/0.2.0", "backup"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "opt/whisper/current").symlink_to(tmp_path / "opt/whisper/releases/0.2.0")
    (tmp_path / "etc/whisper/whisper.env").write_text("WHISPER_PORT='7860'\n")
    return tmp_path


def call(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    """One of its functions."""
    functions = SCRIPT.read_text(encoding="utf-8").removesuffix('main "$@"\n')
    return subprocess.run(
        ["bash", "-c", f"{functions}\n{command}", str(SCRIPT)],
        env={"WHISPER_ROOT": str(root), "PATH": "/usr/bin:/bin"}, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_a_backup_is_put_back(root: Path) -> None:
    data = root / "var/lib/whisper"
    (data / "whisper.sqlite").write_text("changed")
    (data / "queue.sqlite-wal").write_text("new")
    (data / "other").write_text("stays")
    (root / "backup/whisper.sqlite").write_text("as it was")
    done = call(root, f"restore {root}/backup")
    assert done.returncode == 0, done.stdout
    assert {file.name: file.read_text() for file in data.iterdir()} == {"whisper.sqlite": "as it was", "other": "stays"}


def test_a_node_of_a_cluster_has_nothing_to_put_back(root: Path) -> None:
    done = call(root, f"restore {root}/backup && echo on")
    assert done.stdout == "on\n"


def test_the_version_in_use_is_not_installed_over(root: Path) -> None:
    assert call(root, "not_in_use 0.2.1").returncode == 0
    done = call(root, "not_in_use 0.2.0")
    assert (done.returncode, done.stdout.split(" | ")[0]) == (1, "FAILURE same_version")


def test_back_to_a_named_version_only(root: Path) -> None:
    release = root / "opt/whisper/releases/0.2.0"
    (release / "previous").write_text("0.1.0\n")
    before = root / "before/0.1.0"
    before.mkdir(parents=True)
    (before / "complete").touch()
    for named, said in (("", str(before)), ("0.1.0", str(before)), ("0.0.9", "FAILURE no_previous"),
                        ("0.2.0", "FAILURE same_version")):  # fmt: skip
        done = call(root, f"RELEASES={root}/before; previous {release} {named}")
        assert done.stdout.strip().split(" | ")[0] == said
