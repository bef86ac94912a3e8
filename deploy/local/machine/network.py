"""The two network namespaces of a machine, and how it is reached.

    outside namespace                      instance namespace
    100.100.100.200  metadata service ──── md0 100.100.100.201
    203.0.113.1      certificate authority (tests)
    203.0.113.10     a public address: translated to 100.100.100.201, as the cloud does; not on any interface inside
                                           tap0 10.0.2.100 ── slirp4netns ── internet, through this machine

A public address in 127.0.0.0/8 is forwarded from this machine instead, so that a browser here can open it. Nothing of
this machine's own interfaces, routes or firewall is changed.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .world import METADATA_ADDRESS

INSIDE_ADDRESS = "100.100.100.201"
AUTHORITY_ADDRESS = "203.0.113.1"
WEB_PORTS = (80, 443)
WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")  # who starts it is killed: it ends, too
END_SECONDS = 10.0


def run(*command: str | Path, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """Raises RuntimeError with all that the command said when it fails, unless `check` is False."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done  # type: ignore[no-any-return]


def wait_until(true: object, seconds: float, what: str, every: float = 0.1) -> None:
    """Raises `TimeoutError` naming `what` when the callable `true` stays false for so long."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Network:
    """`signals` is the port of this machine, and the path there, to which the instance may post."""

    def __init__(self, name: str, folder: Path, public_address: str, signals: tuple[int, str] | None) -> None:
        self.name, self.outside, self.folder = name, f"{name}-out", folder
        self.public_address, self._signals = public_address, signals
        self._helpers: list[subprocess.Popen[bytes]] = []

    def connect(self) -> None:
        """Raises RuntimeError with what is in the way."""
        for namespace in (self.name, self.outside):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", "md0", "netns", self.name, "type", "veth", "peer", "name", "md0",
            "netns", self.outside)  # fmt: skip
        for namespace, address in ((self.outside, METADATA_ADDRESS), (self.name, INSIDE_ADDRESS)):
            run("ip", "-n", namespace, "addr", "add", f"{address}/31", "dev", "md0")
            run("ip", "-n", namespace, "link", "set", "md0", "up")
        run("ip", "-n", self.outside, "addr", "add", f"{AUTHORITY_ADDRESS}/32", "dev", "lo")
        run("ip", "-n", self.outside, "route", "add", "203.0.113.0/24", "dev", "md0", "src", AUTHORITY_ADDRESS)
        run("ip", "-n", self.name, "route", "add", f"{AUTHORITY_ADDRESS}/32", "via", METADATA_ADDRESS)
        self._write_metadata()
        signals = map(str, self._signals or ())
        program = str(Path(__file__).with_name("world.py"))
        self._help("world", sys.executable, program, self.name, self.outside, str(self.folder), *signals)
        ready_out, ready_in = os.pipe()
        self._help("slirp", "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
                   f"--api-socket={self._api}", "--netns-type=path", f"--ready-fd={ready_in}",
                   f"/run/netns/{self.name}", "tap0", pass_fds=(ready_in,))  # fmt: skip
        os.close(ready_in)
        with os.fdopen(ready_out, "rb") as ready:
            ready.read(1)
        wait_until(lambda: b"ready" in (self.folder / "world.log").read_bytes(), 20, f"{self.folder}/world.log")
        self._publish()

    def move_to(self, public_address: str) -> None:
        """Gives the instance another public address, as a stop and start does."""
        self.public_address = public_address
        self._publish()
        self._write_metadata()

    def close(self) -> None:
        """Safe to call twice, and for what an earlier process left."""
        for helper in self._helpers:
            helper.terminate()
        for helper in self._helpers:
            try:
                helper.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()
        self._helpers.clear()
        self._api.unlink(missing_ok=True)
        for namespace in (self.name, self.outside):
            run("ip", "netns", "del", namespace, check=False)

    def _publish(self) -> None:
        if self.public_address.startswith("127."):
            for port in WEB_PORTS:
                self._forward(port)
            return
        rules = f"""flush ruleset
table ip nat {{
    chain output {{
        type nat hook output priority -100
        ip daddr {self.public_address} dnat to {INSIDE_ADDRESS}
    }}
}}
"""
        run("ip", "netns", "exec", self.outside, "nft", "-f", "-", input=rules)

    def _forward(self, port: int) -> None:
        where = {"proto": "tcp", "host_addr": self.public_address, "host_port": port, "guest_port": port}
        reply = self._ask_slirp({"execute": "add_hostfwd", "arguments": where})
        if "error" in reply:
            raise RuntimeError(
                f"port {port} of {self.public_address} cannot be forwarded; end what listens on port {port}"
            )

    def _ask_slirp(self, question: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as api:
            api.connect(str(self._api))
            api.sendall(json.dumps(question).encode())
            api.shutdown(socket.SHUT_WR)
            with api.makefile("rb") as answer:
                reply = json.loads(answer.read())
        assert isinstance(reply, dict)
        return reply

    @property
    def _api(self) -> Path:
        """In /run: the path of a socket may be 107 bytes long, the folder's may be longer."""
        return Path("/run", f"{self.name}.slirp")

    def _write_metadata(self) -> None:
        values = {
            "instance-id": self.name,
            "region-id": "cn-hangzhou",
            "zone-id": "cn-hangzhou-h",
            "instance/instance-type": "ecs.gn7i-c16g1.4xlarge",
            "private-ipv4": INSIDE_ADDRESS,
            "eipv4": self.public_address,
        }
        new = self.folder / "metadata.json.new"
        new.write_text(json.dumps(values))
        new.replace(self.folder / "metadata.json")

    def _help(self, name: str, *command: str, pass_fds: tuple[int, ...] = ()) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._helpers.append(
                subprocess.Popen(WITH_US + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds)
            )
