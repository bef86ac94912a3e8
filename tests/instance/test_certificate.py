"""The trusted certificate: from an authority that speaks ACME, in the outside network, which the instance trusts as it
would trust a public one. A Caddy of the same release is the authority; it lacks certificate profiles, which the
directory announces for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instance.conftest import Boot, start
from tests.instance.machine import AUTHORITY_ADDRESS, Machine, wait_until

DIRECTORY = f"https://{AUTHORITY_ADDRESS}/acme/local/directory"
ENTRIES = {"newNonce": "new-nonce", "newAccount": "new-account", "newOrder": "new-order",
           "revokeCert": "revoke-cert", "keyChange": "key-change"}  # fmt: skip


class Authority:
    """The authority's process; `start` and `stop` put it on and off the network."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        self.process: subprocess.Popen[bytes] | None = None
        urls = {name: f"https://{AUTHORITY_ADDRESS}/acme/local/{path}" for name, path in ENTRIES.items()}
        directory = json.dumps(urls | {"meta": {"profiles": {"shortlived": "for tests"}}})
        (folder / "Caddyfile").write_text(
            f"""{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}
    default_sni {AUTHORITY_ADDRESS}
}}
https://{AUTHORITY_ADDRESS} {{
    bind {AUTHORITY_ADDRESS}
    tls internal
    handle /acme/local/directory {{
        header Content-Type application/json
        respond `{directory}`
    }}
    acme_server
}}
"""
        )

    @property
    def root(self) -> Path:
        return self.folder / "pki/authorities/local/root.crt"

    def start(self) -> None:
        caddy = Path(sys.executable).with_name("caddy")
        command = ("ip", "netns", "exec", self.machine.outside, caddy, "run", "--config", self.folder / "Caddyfile")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        asks = ("curl", "-sf", "-m", "2", "-o", "/dev/null", "--cacert", self.root, DIRECTORY)
        wait_until(
            lambda: self.machine.outside_execute(*asks, check=False).returncode == 0, 20, "the authority answers"
        )

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None


@pytest.fixture
def machine(boot: Boot) -> Iterator[Machine]:
    machine = boot()
    yield machine
    machine.stop()


@pytest.fixture
def authority(machine: Machine, tmp_path: Path) -> Iterator[Authority]:
    authority = Authority(machine, tmp_path)
    authority.start()
    machine.path("/usr/local/share/ca-certificates/test-authority.crt").write_bytes(authority.root.read_bytes())
    machine.execute("update-ca-certificates")
    machine.path("/etc/whisper/acme-directory").write_text(f"{DIRECTORY}\n")
    yield authority
    authority.stop()


def verified(machine: Machine, authority: Authority, host: str) -> bool:
    """Whether a client that trusts only the authority accepts the certificate that is served."""
    to_instance = ("--resolve", f"{host}:443:{machine.public_address}")
    asks = ("curl", "-s", "-m", "5", "-o", "/dev/null", "--cacert", authority.root, *to_instance)
    return machine.outside_execute(*asks, f"https://{host}/healthz", check=False).returncode == 0


def test_bare_ip_gets_a_trusted_certificate_during_the_startup(machine: Machine, authority: Authority) -> None:
    done = start(machine)
    assert done.returncode == 0, done.stdout
    data = json.loads(machine.signals()[-1]["data"])
    assert data["certificate"] == "trusted"
    assert data["fingerprint"] == ""
    assert verified(machine, authority, machine.public_address)
    # An EIP is exchanged: the new address gets its own certificate, self-signed at first.
    machine.move_to("203.0.113.20")
    machine.execute("systemctl", "start", "whisper-address.service")

    def trusted() -> bool:
        machine.execute("systemctl", "start", "whisper-address.service")
        return verified(machine, authority, "203.0.113.20")

    wait_until(trusted, 120, "a trusted certificate for the new address", every=0.5)


def test_self_signed_until_the_authority_answers(machine: Machine, authority: Authority) -> None:
    authority.stop()
    assert start(machine).returncode == 0
    assert json.loads(machine.signals()[-1]["data"])["certificate"] == "self-signed"
    authority.start()
    machine.execute("systemctl", "restart", "whisper-proxy")  # the next try is a minute away

    def trusted() -> bool:
        machine.execute("systemctl", "start", "whisper-address.service")
        return verified(machine, authority, machine.public_address)

    wait_until(trusted, 120, "the trusted certificate replaces the self-signed one", every=0.5)


def test_a_domain_gets_its_certificate(machine: Machine, authority: Authority) -> None:
    hosts = Path("/etc/netns") / machine.outside
    hosts.mkdir(parents=True)  # `ip netns exec` shows this file as /etc/hosts to the authority
    try:
        (hosts / "hosts").write_text(f"{machine.public_address} whisper.example\n")
        authority.stop()
        authority.start()
        done = start(machine, PUBLIC_ADDRESS="whisper.example")
        assert done.returncode == 0, done.stdout
        data = json.loads(machine.signals()[-1]["data"])
        assert data["login_address"] == "https://whisper.example/"
        assert data["certificate"] == "trusted"
        assert verified(machine, authority, "whisper.example")
    finally:
        (hosts / "hosts").unlink()
        hosts.rmdir()
