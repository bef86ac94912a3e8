"""What tries an image talks only to the instance whose certificate the stack's outputs name."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.computenest.trial import transcribed
from deploy.errors import Failure
from deploy.secret import Secret


class Asked(BaseHTTPRequestHandler):
    seen: list[str]

    def do_POST(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"text": " Press the button."}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


class Quiet(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up: that is what is tested."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """An address, the fingerprint of its self-signed certificate, and the logins that were sent to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "instance")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "both.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                               serialization.NoEncryption())  # fmt: skip
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    seen: list[str] = []
    listening = Quiet(("127.0.0.1", 0), type("Handler", (Asked,), {"seen": seen}))
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    yield f"https://127.0.0.1:{listening.server_port}/v1", fingerprint, seen
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_its_own_certificate_is_accepted(server: tuple[str, str, list[str]]) -> None:
    api, fingerprint, seen = server
    assert transcribed(api, "ada", Secret("p"), fingerprint) == "Press the button."
    assert len(seen) == 1


@pytest.mark.parametrize("fingerprint", ["", "00:11", "é"])
def test_any_other_is_refused_before_the_password_is_sent(server: tuple[str, str, list[str]], fingerprint: str) -> None:
    api, _, seen = server
    with pytest.raises(Failure, match="does not transcribe"):
        transcribed(api, "ada", Secret("p"), fingerprint)
    assert seen == []
