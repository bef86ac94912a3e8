"""Transcribes a bundled clip on an instance, from outside, as a customer's program would."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import uuid
from urllib.parse import urlsplit

from ..catalog import ROOT
from ..errors import Failure
from ..secret import Secret

_CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"
_SECONDS = 120


def transcribed(api: str, user: str, password: Secret, fingerprint: str = "") -> str:
    """What the API at `api` makes of the clip. `fingerprint` (SHA-256, with or without colons) is that of a
    self-signed certificate: no other is then accepted. Raises `Failure`."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
    body = head.encode() + _CLIP.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    login = base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": f"multipart/form-data; boundary={mark}"}
    where = urlsplit(f"{api}/audio/transcriptions")
    connection = _connection(where.scheme, where.netloc, bool(fingerprint))
    try:
        connection.connect()
        if fingerprint:
            _require(connection, fingerprint)  # before the password is sent
        connection.request("POST", where.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"HTTP {answer.status}")
        text = str(json.loads(content).get("text", "")).strip()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Failure(
            f"{api} does not transcribe ({error})", "python -m deploy logs tells more", code="ImageBad"
        ) from None
    finally:
        connection.close()
    if not text:
        raise Failure("the image transcribes nothing", "look at the app's log", code="ImageBad")
    return text


def _connection(scheme: str, host: str, pinned: bool) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, timeout=_SECONDS)
    context = ssl.create_default_context()
    if pinned:
        # Nobody vouches for a self-signed certificate; `_require` compares it instead.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, timeout=_SECONDS, context=context)


def _require(connection: http.client.HTTPConnection, fingerprint: str) -> None:
    certificate = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else b""
    seen = hashlib.sha256(certificate or b"").hexdigest()
    if seen != fingerprint.replace(":", "").lower():
        raise OSError("another certificate than the stack's outputs say")
