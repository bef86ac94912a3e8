"""Another version: installed beside the old, tried, kept or taken back. A job that runs meanwhile is not lost."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.machine.image import put_package
from tests.instance.conftest import ROOT, Boot, api, long_recording, start
from tests.instance.machine import Machine, wait_until


@pytest.fixture(scope="module")
def machine(boot: Boot) -> Iterator[Machine]:
    machine = boot()
    done = start(machine)
    assert done.returncode == 0, done.stdout
    yield machine
    machine.stop()


def package(folder: Path, version: str, broken: str = "") -> tuple[Path, str]:
    """A package of this checkout under another version; `broken` becomes its server. (file, SHA-256)."""
    tree = folder / version
    put_package(ROOT, tree)
    project = tree / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', f'version = "{version}"', 1))
    if broken:
        (tree / "service_app" / "serve.py").write_text(broken)
    done = subprocess.run(["bash", tree / "scripts" / "package.sh", folder], capture_output=True, text=True, check=True)
    file, digest = done.stdout.split()
    assert hashlib.sha256(Path(file).read_bytes()).hexdigest() == digest
    return Path(file), digest


def upgrade(machine: Machine, file: Path, digest: str) -> subprocess.CompletedProcess[str]:
    shutil.copy2(file, machine.path("/root/package.tar.gz"))
    command = f"/opt/whisper/current/scripts/upgrade.sh /root/package.tar.gz {digest} --wheels /mnt/wheels"
    return machine.run_command(
        f"#!/bin/sh\nexec bash {command}\n",
        timeout=200,
        environment={"WHISPER_START_TIMEOUT": "60", "WHISPER_STUCK_TIMEOUT": "2"},
    )


def job_ids(machine: Machine) -> set[str]:
    jobs = api(machine, "/api/jobs")["jobs"]
    assert isinstance(jobs, list)
    return {job["id"] for job in jobs}


def state(machine: Machine, job: dict[str, object]) -> object:
    return api(machine, f"/api/jobs/{job['id']}")["state"]


def test_a_good_version_takes_over_and_the_running_job_goes_on(machine: Machine, tmp_path: Path) -> None:
    recording = long_recording(tmp_path, 30)
    job = api(machine, "/api/jobs", "-F", f"file=@{recording}")
    file, digest = package(tmp_path, "0.2.0")
    done = upgrade(machine, file, digest)
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().splitlines()[-1] == "SUCCESS 0.2.0"
    assert machine.execute("readlink", "/opt/whisper/current").stdout.strip() == "/opt/whisper/releases/0.2.0"
    assert machine.execute("systemctl", "--failed", "--no-legend").stdout == ""
    wait_until(lambda: state(machine, job) in ("done", "failed", "cancelled"), 120, "the job ends", every=1)
    assert state(machine, job) == "done"


def test_a_broken_version_is_taken_back_by_itself(machine: Machine, tmp_path: Path) -> None:
    before = machine.execute("readlink", "/opt/whisper/current").stdout
    jobs = job_ids(machine)
    file, digest = package(tmp_path, "0.3.0", broken="raise SystemExit('broken on purpose')\n")
    done = upgrade(machine, file, digest)
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("FAILURE rolled_back | 新版本未通过自检")
    assert "broken on purpose" in last
    assert machine.execute("readlink", "/opt/whisper/current").stdout == before
    assert jobs <= job_ids(machine), "those of the two checks come on top"


def test_back_to_the_version_before(machine: Machine) -> None:
    """Not to the one that failed in between."""
    done = machine.run_command("#!/bin/sh\nexec bash /opt/whisper/current/scripts/upgrade.sh --back\n", timeout=200)
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().splitlines()[-1] == "SUCCESS 0.1.0"


def test_bad_packages_change_nothing(machine: Machine, tmp_path: Path) -> None:
    before = machine.execute("readlink", "/opt/whisper/current").stdout
    file = tmp_path / "x.tar.gz"
    file.write_bytes(b"not a package")
    for digest, text in (("0" * 64, "SHA-256"), (hashlib.sha256(b"not a package").hexdigest(), "unpacked")):
        done = upgrade(machine, file, digest)
        assert done.returncode == 1
        last = done.stdout.strip().splitlines()[-1]
        assert last.startswith("FAILURE bad_package | ")
        assert text in last
    assert machine.execute("readlink", "/opt/whisper/current").stdout == before
    assert machine.execute("systemctl", "is-active", "whisper").stdout.strip() == "active"
