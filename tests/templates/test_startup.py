"""The startup command on an image without the application: it installs the named package, and tells why it cannot.
Everything is real but the package, whose install.sh only lays down a start.sh."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import re
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .options import CLIENTS, as_the_form_sends, resources

INSTALL = """#!/bin/bash
set -e
echo "$@" >> "$WHISPER_ROOT/installed"
mkdir -p "$WHISPER_ROOT/opt/whisper/current/scripts"
echo 'cat > "$WHISPER_ROOT/given"' > "$WHISPER_ROOT/opt/whisper/current/scripts/start.sh"
if [ -e "$WHISPER_ROOT/broken" ]; then echo 'no "driver" for this card'; exit 1; fi
"""


def package(script: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("scripts/install.sh")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script.encode()))
    return buffer.getvalue()


PACKAGE = package(INSTALL)
SHA256 = hashlib.sha256(PACKAGE).hexdigest()


@dataclass
class Machine:
    """A private root; one server that hands out the package and takes the signals."""

    root: Path
    port: int
    certificate: Path
    signals: list[dict[str, str]] = field(default_factory=list)

    def run(self, url: str = "", sha256: str = "", *, line_breaks: bool = False) -> subprocess.CompletedProcess[str]:
        """With `line_breaks` each Base64 ends with one, as some encoders have it."""
        url = url.replace("PORT", str(self.port))
        choice = {"PackageUrl": url, "PackageSha256": sha256, "ClientCidr": CLIENTS, "Model": "large-v3"}
        content = resources(as_the_form_sends(choice))["RunCommand"]["Properties"]["CommandContent"]
        if line_breaks:
            content, count = re.subn(r"(_B64=|decode ')([A-Za-z0-9+/=]*)(?=['\n])", r"\1\2\n", content)
            assert count >= 7
        signal = f"curl -s -X POST -H 'x-token: t' 'https://127.0.0.1:{self.port}/signal?a=1'"
        script = self.root / "command.sh"
        script.write_text(content.replace("CurlCli-of-WaitConditionHandle", signal))
        script.chmod(0o700)
        return subprocess.run(
            ["sh", "-c", str(script)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], "WHISPER_ROOT": str(self.root), "CURL_CA_BUNDLE": str(self.certificate)},
        )  # fmt: skip

    def installed(self) -> list[str]:
        record = self.root / "installed"
        return record.read_text().splitlines() if record.exists() else []

    def told(self) -> str:
        [signal] = self.signals
        assert (signal["status"], signal["id"]) == ("FAILURE", "1")
        code, chinese, english = signal["data"].split(" | ")
        assert chinese
        assert english
        return code


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "both.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    with (folder / "both.pem").open("a") as both:
        both.write((folder / "cert.pem").read_text())
    return folder / "cert.pem"


@pytest.fixture
def machine(tmp_path: Path, certificate: Path) -> Iterator[Machine]:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/whisper.tar.gz")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(PACKAGE if found else b"")

        def do_POST(self) -> None:
            made.signals.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.parent / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Machine(tmp_path, server.server_address[1], certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


URL = "https://127.0.0.1:PORT/whisper.tar.gz?Signature=s3cret%2B"


def test_the_package_is_checked_installed_and_started(machine: Machine) -> None:
    done = machine.run(URL, SHA256)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.installed() == ["--models large-v3"]
    assert "PUBLIC_ADDRESS=EipAddress-of-EipAssociation" in (machine.root / "given").read_text()
    assert machine.signals == []
    assert "s3cret" not in done.stdout + done.stderr
    assert not list((machine.root / "var/tmp").iterdir())
    assert (machine.root / "opt/whisper").stat().st_mode & 0o777 == 0o755


def test_base64_may_end_with_a_line_break(machine: Machine) -> None:
    done = machine.run(URL, SHA256, line_breaks=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.installed() == ["--models large-v3"]
    given = (machine.root / "given").read_text().splitlines()
    assert "PUBLIC_ADDRESS=EipAddress-of-EipAssociation" in given
    assert len([line for line in given if line.partition("=")[0].endswith("_B64")]) == 4


def test_a_second_run_starts_what_is_there(machine: Machine) -> None:
    machine.run(URL, SHA256)
    assert machine.run(URL, SHA256).returncode == 0
    assert len(machine.installed()) == 1


def test_an_installation_that_failed_is_told_and_done_again(machine: Machine) -> None:
    (machine.root / "broken").touch()
    assert machine.run(URL, SHA256).returncode == 1
    assert machine.told() == "install"
    assert machine.signals[0]["data"].endswith("the installation failed: no driver for this card")
    (machine.root / "broken").unlink()
    assert machine.run(URL, SHA256).returncode == 0
    assert len(machine.installed()) == 2


@pytest.mark.parametrize(
    ("url", "wrong", "code"),
    [
        ("", "", "no_release"),
        ("https://127.0.0.1:PORT/missing.tar.gz", "", "download"),
        (URL, "0" * 64, "bad_package"),
    ],
)
def test_what_cannot_be_installed_is_told_once(machine: Machine, url: str, wrong: str, code: str) -> None:
    done = machine.run(url, wrong or SHA256)
    assert done.returncode == 1
    assert machine.told() == code
    assert machine.installed() == []
    assert "s3cret" not in json.dumps(machine.signals)
