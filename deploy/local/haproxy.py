"""haproxy of Debian's package, which stands for ALB: one for each load balancer, on one port of 127.0.0.1.

What listeners and server groups say is kept; each change writes the configuration anew and lets a new process take over
from the old one, which finishes what it has begun.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .daemons import Daemons, program, until
from .errors import ResourceError
from .instances import free_port, marked

HOST = "127.0.0.1"
_KIND = "ALIYUN::ALB::LoadBalancer"
_HEAD = """\
global
    maxconn 2000
    hard-stop-after 30s
defaults
    mode http
    timeout connect 3s
    timeout client 1h
    timeout server 1h
    option forwardfor
    option redispatch
    retries 2
"""


class Balancers:
    """`port_of` finds the port of an instance."""

    def __init__(self, daemons: Daemons, port_of: Callable[[str], int]) -> None:
        self._daemons, self._port_of = daemons, port_of
        self._turn = threading.RLock()  # nodes join at the same time, and each change is read, made and loaded

    def create(self, balancer: str) -> str:
        """Reserves its address, `127.0.0.1:PORT`. Raises ResourceError when haproxy is missing."""
        program("haproxy", "haproxy", _KIND)
        if not self._daemons.record(balancer):
            self._daemons.make_folder(balancer)
            self._daemons.keep(balancer, port=free_port(), listeners={})
        return f"{HOST}:{self._daemons.record(balancer)['port']}"

    def remove(self, balancer: str) -> None:
        self._daemons.remove(balancer)

    def listen(self, balancer: str, listener: str, properties: Mapping[str, Any] | None) -> None:
        """Sets a listener, or with None takes it away."""
        with self._turn:
            record = self._daemons.record(balancer)
            if not record:
                return
            listeners = {key: value for key, value in record["listeners"].items() if key != listener}
            if properties is not None:
                listeners[listener] = dict(properties)
            self._daemons.keep(balancer, listeners=listeners)
            self._load(balancer)

    def serve(self, group: str, properties: Mapping[str, Any] | None) -> None:
        """Sets a server group, or with None takes it away."""
        with self._turn:
            if properties is None:
                self._daemons.remove(group)
                return
            self._daemons.keep(group, properties=dict(properties), servers=self.servers(group))
            self._reload(group)

    def attach(self, group: str, instance: str) -> None:
        with self._turn:
            self._set(group, [*(i for i in self.servers(group) if i != instance), instance])

    def detach(self, group: str, instance: str) -> None:
        with self._turn:
            self._set(group, [i for i in self.servers(group) if i != instance])

    def servers(self, group: str) -> list[str]:
        found: list[str] = self._daemons.record(group).get("servers", [])
        return found

    def _set(self, group: str, servers: list[str]) -> None:
        if self._daemons.record(group):
            self._daemons.keep(group, servers=servers)
            self._reload(group)

    def _reload(self, group: str) -> None:
        for balancer, record in self._daemons.records().items():
            if any(_group_of(each) == group for each in record.get("listeners", {}).values()):
                self._load(balancer)

    def _load(self, balancer: str) -> None:
        record = self._daemons.record(balancer)
        # One port stands for all listeners: the one with TLS if there is one, since the other sends there.
        chosen = max(record["listeners"].values(), key=lambda each: each["ListenerProtocol"] == "HTTPS", default=None)
        if chosen is None:
            return
        folder = Path(record["folder"])
        secure = chosen["ListenerProtocol"] == "HTTPS"
        configuration, log = folder / "haproxy.cfg", folder / "log"
        configuration.write_text(_HEAD + self._sites(record["port"], chosen, _certificate(folder) if secure else ""))
        haproxy = program("haproxy", "haproxy", _KIND)
        checked = subprocess.run(
            [haproxy, "-c", "-q", "-f", str(configuration)], capture_output=True, text=True, check=False
        )
        if checked.returncode:
            raise ResourceError(f"haproxy does not take the load balancer's configuration: {checked.stderr.strip()}")
        before = [str(pid) for pid in marked(balancer)]
        finish = ["-sf", *before] if before else []
        self._daemons.start(balancer, [haproxy, "-db", "-f", str(configuration), *finish], log=log)
        until(lambda: _listens(record["port"]), "haproxy", log)

    def _sites(self, port: int, listener: Mapping[str, Any], certificate: str) -> str:
        group = self._daemons.record(_group_of(listener))
        properties: Mapping[str, Any] = group.get("properties", {})
        check: Mapping[str, Any] = properties.get("HealthCheckConfig", {})
        sticky = bool(properties.get("StickySessionConfig", {}).get("StickySessionEnabled"))
        lines = [
            "frontend people",
            f"    bind {HOST}:{port}{f' ssl crt {certificate}' if certificate else ''}",
            f"    http-request set-header X-Forwarded-Proto {'https' if certificate else 'http'}",
            "    default_backend nodes",
            "backend nodes",
            "    balance roundrobin",
            f"    option httpchk GET {check.get('HealthCheckPath', '/')}",
            "    http-check expect status 200-299",
            f"    default-server check inter {check.get('HealthCheckInterval', 2)}s fastinter 200ms downinter 500ms "
            f"rise {check.get('HealthyThreshold', 3)} fall {check.get('UnhealthyThreshold', 3)}",
        ]
        if sticky:
            lines.append("    cookie SERVERID insert indirect nocache httponly")
        for instance in group.get("servers", []):
            cookie = f" cookie {instance}" if sticky else ""
            lines.append(f"    server {instance} {HOST}:{self._port_of(instance)}{cookie}")
        return "\n".join([*lines, ""])


def _group_of(listener: Mapping[str, Any]) -> str:
    """The server group to which a listener forwards."""
    return str(listener["DefaultActions"][0]["ForwardGroupConfig"]["ServerGroupTuples"][0]["ServerGroupId"])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _certificate(folder: Path) -> str:
    """One signed by itself, whatever the template's certificate is: the local target has no other."""
    both = folder / "certificate.pem"
    if not both.is_file():
        openssl = program("openssl", "openssl", _KIND)
        key, certificate = folder / "key.pem", folder / "cert.pem"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "397", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        both.touch(mode=0o600)
        both.write_text(certificate.read_text() + key.read_text())
    return str(both)
