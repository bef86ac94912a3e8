"""The image: what install.sh made, before anything is deployed on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.machine.image import Image, put_package
from tests.instance.conftest import ROOT, Boot
from tests.instance.machine import Machine

TOKEN_URL = "http://100.100.100.200/latest/api/token"
SYSTEMD = ROOT / "scripts" / "systemd"


@pytest.fixture(scope="module")
def unstarted(boot: Boot) -> Iterator[Machine]:
    """Shared by the tests that leave it as they found it."""
    machine = boot()
    yield machine
    machine.stop()


def test_baking_ends_well_and_a_second_run_is_quick(bake: Image, instance: Machine) -> None:
    done = "完成 / done: /opt/whisper/releases/"
    assert done in bake.said
    assert "no NVIDIA device: driver skipped" in bake.said
    put_package(ROOT, instance.path("/root/package"))
    again = instance.run_command(
        "#!/bin/sh\nexec /root/package/scripts/install.sh --engines fast --models tiny.en --wheels /nowhere\n"
    )
    assert again.returncode == 0, again.stdout
    assert done in again.stdout
    assert "release 0.1.0 is installed" in again.stdout, "it finds the release, the packages and the weights"


def test_image_is_fit_to_keep(instance: Machine) -> None:
    """The check that packer runs last: no password, key, history or state. A booted instance has got its machine id."""
    instance.path("/etc/machine-id").write_text("")
    done = instance.execute("bash", "/opt/whisper/current/scripts/check-image.sh", check=False)
    assert done.returncode == 0, done.stdout


def test_image_check_finds_what_must_not_be_there(instance: Machine) -> None:
    (instance.path("/root/.bash_history")).write_text("curl -u admin:secret https://…\n")
    (instance.path("/root/key.pem")).write_text("-----BEGIN PRIVATE KEY-----\n")
    (instance.path("/etc/whisper/whisper.env")).write_text("WHISPER_MODEL='tiny.en'\n")
    instance.execute("sh", "-c", "echo root:Passw0rd-1 | chpasswd")
    done = instance.execute("bash", "/opt/whisper/current/scripts/check-image.sh", check=False)
    assert done.returncode == 1
    for part in (".bash_history", "key.pem", "whisper.env", "user root has a password", "/etc/machine-id"):
        assert part in done.stdout


def test_units_are_sound_and_hardened(unstarted: Machine) -> None:
    for unit in sorted(path.name for path in SYSTEMD.iterdir()):
        done = unstarted.execute(
            "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"/etc/systemd/system/{unit}", check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), unit
    for unit, most in (("whisper.service", 2.0), ("whisper-proxy.service", 4.0)):
        done = unstarted.execute("systemd-analyze", "security", "--no-pager", f"--threshold={int(most * 10)}", unit)
        score = float(done.stdout.split("Overall exposure level for")[1].split(":")[1].split()[0])
        assert score <= most


def test_nothing_runs_and_nothing_listens_before_the_deployment(unstarted: Machine) -> None:
    assert unstarted.execute("systemctl", "--failed", "--no-legend").stdout == ""
    listening = unstarted.execute("ss", "-Htlun").stdout.splitlines()
    assert [line for line in listening if f"127.0.0.1:{unstarted.signal_port} " not in line] == []  # the world's own


def test_app_users_have_no_shell_and_no_way_to_the_metadata_service(unstarted: Machine) -> None:
    token = ("curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT",
             "-H", "X-aliyun-ecs-metadata-token-ttl-seconds: 60", TOKEN_URL)  # fmt: skip
    assert unstarted.execute(*token).stdout == "200", "root needs it"
    for user in ("whisper", "whisper-proxy"):
        entry = unstarted.execute("getent", "passwd", user).stdout.strip().split(":")
        assert entry[5:] == ["/nonexistent", "/usr/sbin/nologin"]
        as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--")
        assert unstarted.execute(*as_user, *token, check=False).stdout == "000"


def test_driver_is_installed_from_the_known_file_only(unstarted: Machine) -> None:
    script = unstarted.path("/opt/whisper/releases/0.1.0/scripts/driver.sh")
    with_card = script.read_text().replace("if ! has_card; then", "if false; then")
    script.with_name("driver-on-gpu.sh").write_text(with_card)
    # Where packages and files come from is not there: anything is downloaded, and nothing of it may run.
    download = "for word; do last=$word; done; echo 'exit 7' >/var/cache/whisper-driver-580.95.05.run"
    world = f"apt-get() {{ :; }}; curl() {{ {download}; echo got $last; }}; export -f apt-get curl;"
    driver = "bash /opt/whisper/current/scripts/driver-on-gpu.sh"
    done = unstarted.execute("bash", "-c", f"{world} {driver}", check=False)
    assert "got https://cn.download.nvidia.com/tesla/580.95.05/NVIDIA-Linux-x86_64-580.95.05.run" in done.stdout
    assert done.returncode == 1 and "is not the file with that checksum" in done.stderr
    assert not unstarted.path("/var/cache/whisper-driver-580.95.05.run").exists()
    other = unstarted.execute("bash", "-c", f"{world} DRIVER_URL=https://mirror.example/x.run {driver}", check=False)
    assert other.returncode == 1 and "set DRIVER_SHA256 to the SHA-256 of https://mirror.example/x.run" in other.stderr


@pytest.mark.parametrize("tool", ["apt-config", "logrotate"])
def test_security_updates_and_log_rotation_are_set_up(unstarted: Machine, tool: str) -> None:
    if tool == "apt-config":
        said = unstarted.execute("apt-config", "dump").stdout
        assert 'APT::Periodic::Unattended-Upgrade "1";' in said
        assert "label=Debian-Security" in said
        assert unstarted.execute("systemctl", "is-enabled", "unattended-upgrades").stdout.strip() == "enabled"
        return
    log = unstarted.path("/var/log/whisper/app.log")
    log.write_text("x" * 1000)
    unstarted.execute("logrotate", "--force", "/etc/logrotate.d/whisper")
    assert log.read_text() == ""
    assert list(log.parent.glob("app.log.1*"))


def test_packer_template_is_valid(tmp_path: Path) -> None:
    """The copy that packer 1.6 (Debian's) can read: without `required_plugins`, which newer ones need."""
    for file in (ROOT / "packer").glob("*.pkr.hcl"):
        if file.name != "plugins.pkr.hcl":
            (tmp_path / file.name).write_text(file.read_text().replace("${path.root}/..", str(ROOT)))
    done = subprocess.run(
        ["packer", "validate", tmp_path],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1",
             "ALICLOUD_ACCESS_KEY": "dummy", "ALICLOUD_SECRET_KEY": "dummy"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
