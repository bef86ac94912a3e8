"""An object store as OSS is seen by those who upload to Compute Nest: temporary credentials for one place, `PUT` and
`GET` with the OSS signature of version 1 ("Include signatures in the Authorization header" and "Add signatures to
URLs" of its documentation).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..errors import ApiError
from ..store import Store
from ..wire import Reply, Request

BUCKET = "computenest-local"  # the beginning of every bucket's name, and so of every path of the store
PUBLIC, PRIVATE, ARTIFACTS = f"{BUCKET}-public", f"{BUCKET}-private", f"{BUCKET}-artifacts"
SECONDS = 3600  # for which credentials and signed addresses are good
_CLOUD = re.compile(r"(?P<bucket>[a-z0-9-]+)\.oss-[a-z0-9-]+\.aliyuncs\.com")
_KIND = "object"


class Objects:
    """`key` makes the credentials, `url` is the emulator's own address."""

    def __init__(self, store: Store, key: bytes, url: Callable[[], str]) -> None:
        self._store, self._key, self._url = store, key, url

    def credentials(self, bucket: str, path: str) -> dict[str, str]:
        """To write one object, or with a path that ends in / anything below it."""
        key_id = f"STS.{uuid.uuid4().hex[:20]}"
        grant = json.dumps({"id": key_id, "place": f"{bucket}/{path}", "until": time.time() + SECONDS})
        token = base64.urlsafe_b64encode(grant.encode()).decode()
        return {
            "AccessKeyId": key_id,
            "AccessKeySecret": self._secret(key_id),
            "SecurityToken": f"{token}.{self._secret(token)}",
        }

    def handle(self, request: Request) -> Reply:
        """One request for a path that begins with a bucket's name. Raises ApiError."""
        place = unquote(request.path).lstrip("/")
        if request.method == "PUT":
            self._may_write(request, place)
            self._store.save_document(_KIND, place, "", time.time(), base64.b64encode(request.body).decode())
            etag = hashlib.md5(request.body, usedforsecurity=False).hexdigest().upper()
            return Reply(200, b"", {"ETag": f'"{etag}"', "x-oss-request-id": uuid.uuid4().hex.upper()})
        if request.method != "GET":
            raise ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        if not place.startswith(f"{PUBLIC}/"):
            self._may_read(request, place)
        return Reply(200, self.read(place), {"Content-Type": "application/octet-stream"})

    def read(self, place: str) -> bytes:
        """The content of `BUCKET/KEY`. Raises ApiError NoSuchKey."""
        content = self._store.document(_KIND, place)
        if content is None:
            raise ApiError("NoSuchKey", f"The specified key does not exist: {place}.", 404)
        return base64.b64decode(content)

    def place(self, address: str) -> str:
        """`BUCKET/KEY` of an address as uploaders write it. Raises ApiError when nothing was uploaded there."""
        parts = urlsplit(address)
        cloud = _CLOUD.fullmatch(parts.netloc)
        path = unquote(parts.path).lstrip("/")
        place = f"{cloud['bucket']}/{path}" if cloud else path
        ours = cloud is not None or f"{parts.scheme}://{parts.netloc}" == self._url()
        if not ours or not place.startswith(BUCKET) or self._store.document(_KIND, place) is None:
            raise ApiError("InvalidParameter.Url", f"The file cannot be read: {address.partition('?')[0]}.")
        return place

    def address(self, place: str) -> str:
        """From which a place can be fetched, for a while where it is not public."""
        address = f"{self._url()}/{quote(place)}"
        if place.startswith(f"{PUBLIC}/"):
            return address
        until = str(int(time.time()) + SECONDS)
        signature = _signature(self._key.hex(), f"GET\n\n\n{until}\n/{place}")
        return f"{address}?OSSAccessKeyId=local&Expires={until}&Signature={quote(signature, safe='')}"

    def _may_write(self, request: Request, place: str) -> None:
        headers = request.headers
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        key_id, _, given = rest.partition(":")
        granted = self._grant(headers.get("x-oss-security-token", ""))
        own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-"))
        fields = (headers.get(name, "") for name in ("content-md5", "content-type", "date"))
        expected = _signature(self._secret(key_id), "\n".join(("PUT", *fields, f"{own}/{place}")))
        if scheme != "OSS" or not hmac.compare_digest(expected.encode(), given.encode()):
            raise ApiError("SignatureDoesNotMatch", "The request signature we calculated does not match.", 403)
        allowed = str(granted.get("place", ""))
        fits = place == allowed or (allowed.endswith("/") and place.startswith(allowed))
        if granted.get("id") != key_id or not fits or float(granted.get("until", 0)) < time.time():
            raise ApiError("AccessDenied", "These credentials are not for this object, or have expired.", 403)

    def _may_read(self, request: Request, place: str) -> None:
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        until = query.get("Expires", "")
        expected = _signature(self._key.hex(), f"GET\n\n\n{until}\n/{place}")
        if not hmac.compare_digest(expected.encode(), query.get("Signature", "").encode()) or int(until) < time.time():
            raise ApiError("AccessDenied", "You have no right to access this object.", 403)

    def _grant(self, token: str) -> Mapping[str, Any]:
        body, _, seal = token.rpartition(".")
        if not hmac.compare_digest(self._secret(body).encode(), seal.encode()):
            raise ApiError("InvalidSecurityToken", "The security token you provided is invalid.", 403)
        grant: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return grant

    def _secret(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _signature(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
