"""Uploads to OSS with temporary credentials, signed with version 1 of its signature. A failed upload is an error: other
tools go on and leave a service whose files are missing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from ..errors import Failure

_SECONDS = 300
_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Grant:
    """Where to, and with what."""

    bucket: str
    key: str
    region: str
    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def address(self) -> str:
        """As the service knows the object."""
        return f"https://{self.bucket}.oss-{self.region}.aliyuncs.com/{quote(self.key)}"


def put(path: Path, grant: Grant, *, local_host: str = "") -> str:
    """Returns the object's address. `local_host` is a target on this machine that stands for OSS."""
    date = formatdate(usegmt=True)
    text = f"PUT\n\n{_TYPE}\n{date}\nx-oss-security-token:{grant.token}\n/{grant.bucket}/{grant.key}"
    signature = base64.b64encode(hmac.new(grant.secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    url = f"http://{local_host}/{grant.bucket}/{quote(grant.key)}" if local_host else grant.address
    headers = {"Date": date, "Content-Type": _TYPE, "x-oss-security-token": grant.token,
               "Authorization": f"OSS {grant.key_id}:{signature}"}  # fmt: skip
    _open(urllib.request.Request(url, path.read_bytes(), headers, method="PUT"), path.name, bool(local_host))  # noqa: S310
    return grant.address


def get(url: str, *, local: bool) -> bytes:
    return _open(urllib.request.Request(url), url.partition("?")[0], local)  # noqa: S310 # the service's own addresses


def _open(request: urllib.request.Request, what: str, local: bool) -> bytes:
    handlers = [urllib.request.ProxyHandler({})] if local else []
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        reason = f"HTTP {error.code}"
    except OSError as error:
        reason = str(getattr(error, "reason", error))
    put_it = request.get_method() == "PUT"
    raise Failure(
        f"{what}: could not be uploaded ({reason})" if put_it else f"{what}: could not be fetched ({reason})",
        "try again; nothing was changed",
        code="Transfer",
    )
