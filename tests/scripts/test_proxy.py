"""The proxy's own configuration, run by the real Caddy on free ports, as on a machine behind NAT."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = "203.0.113.9"  # not an address of this machine, as on an ECS with an EIP


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[int]:
    """The port on which it speaks HTTPS."""
    certificate = tmp_path / "self-signed"
    certificate.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", f"/CN={PUBLIC}", "-addext", f"subjectAltName=IP:{PUBLIC}"]
    files = ["-keyout", str(certificate / "key.pem"), "-out", str(certificate / "cert.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    port = free_port()
    text = (ROOT / "scripts" / "proxy" / "Caddyfile").read_text("utf-8")
    here = text.replace("/var/lib/whisper-proxy", str(tmp_path)).replace(
        "admin unix//run/whisper-proxy/admin.sock", f"admin off\n\thttps_port {port}\n\thttp_port {free_port()}"
    )
    assert here.count(str(tmp_path)) == 3
    (tmp_path / "Caddyfile").write_text(here)
    for sites in (ROOT / "scripts" / "proxy").glob("*.caddy"):
        shutil.copy(sites, tmp_path)
    environment = {
        "ADDRESS": PUBLIC,
        "ADDRESS_KIND": "ip",
        "CERTIFICATE": "self-signed",
        "ACME_DIRECTORY": "https://127.0.0.1:1/directory",
        "UPSTREAM": "127.0.0.1:1",
        "TOPOLOGY": "single",
        "HOME": str(tmp_path),
    }
    caddy = Path(sys.executable).with_name("caddy")
    run = [str(caddy), "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(run, env=environment, stderr=log) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize("name", [None, "whisper.internal"], ids=["none", "another"])
def test_a_browser_that_names_no_server_is_answered(proxy: int, name: str | None) -> None:
    """None does for an address, and Caddy knows the address of its own interface only, which is another one. Some come
    by a name that the machine does not know."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", proxy), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        assert secure.version() == "TLSv1.3"
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {PUBLIC}\r\nConnection: close\r\n\r\n".encode())
        assert secure.recv(100).startswith(b"HTTP/1.1 503")  # the app behind it is not there
