"""Checks the ACS3-HMAC-SHA256 signature ("Request syntax and signature method V3" of the OpenAPI documentation)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from .errors import ApiError
from .wire import Request

ALGORITHM = "ACS3-HMAC-SHA256"
SKEW_SECONDS = 900  # the service refuses dates further than 15 minutes from its own
MUST_BE_SIGNED = (
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
)
_AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-fA-F]+)")


class Verifier:
    """Knows the access keys; `now` gives Unix time."""

    def __init__(self, keys: Mapping[str, str], now: Callable[[], float]) -> None:
        self._keys, self._now = keys, now
        self._nonces: dict[str, float] = {}

    def verify(self, request: Request) -> None:
        """Raises ApiError with the service's own code for what is wrong."""
        match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
        if not match:
            raise ApiError("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        key_id, names, signature = match.groups()
        if key_id not in self._keys:
            raise ApiError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        signed = names.lower().split(";")
        absent = [name for name in MUST_BE_SIGNED if name not in signed or name not in request.headers]
        if absent:
            raise ApiError("IncompleteSignature", f"The request signature must cover the headers {', '.join(absent)}.")
        self._check_date(request.headers["x-acs-date"])
        payload = hashlib.sha256(request.body).hexdigest()
        to_sign = _string_to_sign(request, signed, payload)
        expected = hmac.new(self._keys[key_id].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        same_body = hmac.compare_digest(payload, request.headers["x-acs-content-sha256"].lower())
        if not (hmac.compare_digest(expected, signature.lower()) and same_body):
            message = f"Specified signature does not match our calculation. server string to sign is:{to_sign!r}"
            raise ApiError("SignatureDoesNotMatch", message)
        self._check_nonce(request.headers["x-acs-signature-nonce"])

    def _check_date(self, text: str) -> None:
        try:
            date = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            message = 'Specified time stamp or date value is not well formatted, it should be "yyyy-MM-ddTHH:mm:ssZ".'
            raise ApiError("InvalidTimeStamp.Format", message) from None
        if abs(date.timestamp() - self._now()) > SKEW_SECONDS:
            raise ApiError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _check_nonce(self, nonce: str) -> None:
        now = self._now()
        if len(self._nonces) > 10_000:
            self._nonces = {n: t for n, t in self._nonces.items() if now - t < 2 * SKEW_SECONDS}
        used = not nonce or nonce in self._nonces
        self._nonces[nonce] = now
        if used:
            raise ApiError("SignatureNonceUsed", "Specified signature nonce was used already.")


def _string_to_sign(request: Request, signed: list[str], payload: str) -> str:
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in pairs)
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in sorted(signed))
    canonical = "\n".join((request.method, request.path or "/", query, headers, ";".join(sorted(signed)), payload))
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
