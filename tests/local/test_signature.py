"""The door lets in who signs with the folder's key, over the wire and for each thing that can be wrong."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import Any

import pytest
from alibabacloud_ros20190910 import models
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from deploy.local.errors import ApiError
from deploy.local.signature import Verifier
from deploy.local.wire import Request

NOW = 1_790_000_000.0
DATE = "2026-09-21T14:13:20Z"


def signed(body: bytes = b"a=1", query: dict[str, str] | None = None, **headers: str) -> Request:
    """A request as the SDK itself signs it."""
    request = DaraRequest()
    request.method, request.pathname = "POST", "/"
    request.query = query or {"Name": "a b/ü~*", "A.1.K": ""}
    digest = hashlib.sha256(body).hexdigest()
    request.headers = {
        "host": "127.0.0.1:1", "x-acs-action": "GetStack", "x-acs-version": "2019-09-10", "x-acs-date": DATE,
        "x-acs-signature-nonce": "n", "x-acs-content-sha256": digest,
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }  # fmt: skip
    request.headers["authorization"] = Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, "id", "secret")
    from urllib.parse import urlencode

    return Request("POST", "/", urlencode(request.query), request.headers, body)


def code_of(request: Request, keys: dict[str, str], now: float = NOW) -> str:
    with pytest.raises(ApiError) as error:
        Verifier(keys, lambda: now).verify(request)
    return error.value.code


def test_good_signature_passes_once() -> None:
    verifier = Verifier({"id": "secret"}, lambda: NOW)
    verifier.verify(signed())
    with pytest.raises(ApiError) as error:
        verifier.verify(signed())
    assert error.value.code == "SignatureNonceUsed"


def test_everything_that_can_be_wrong() -> None:
    keys = {"id": "secret"}
    good = signed()

    def changed(**more: Any) -> Request:
        return Request(**{**vars(good), **more})

    assert code_of(good, {"id": "other"}) == "SignatureDoesNotMatch"
    assert code_of(good, {"other": "secret"}) == "InvalidAccessKeyId.NotFound"
    assert code_of(good, keys, NOW + 901) == "InvalidTimeStamp.Expired"
    assert code_of(good, keys, NOW - 901) == "InvalidTimeStamp.Expired"
    assert code_of(signed(x_acs_date="yesterday"), keys) == "InvalidTimeStamp.Format"
    assert code_of(changed(body=b"a=2"), keys) == "SignatureDoesNotMatch"
    assert code_of(changed(query="Name=c"), keys) == "SignatureDoesNotMatch"
    assert code_of(changed(headers={**good.headers, "x-acs-action": "DeleteStack"}), keys) == "SignatureDoesNotMatch"
    assert code_of(changed(headers={}), keys) == "IncompleteSignature"
    unsigned = good.headers["authorization"].replace("x-acs-action;", "")
    assert code_of(changed(headers={**good.headers, "authorization": unsigned}), keys) == "IncompleteSignature"


def test_sdk_with_wrong_keys(target) -> None:
    request = models.ListStacksRequest(region_id="cn-hangzhou")
    for client, status, code in (
        (target.connect(target.endpoint.access_key_id, "wrong"), 400, "SignatureDoesNotMatch"),
        (target.connect("LTAIwrong", target.endpoint.access_key_secret), 404, "InvalidAccessKeyId.NotFound"),
    ):
        with pytest.raises(Exception) as error:
            client.list_stacks(request)
        assert (error.value.status_code, error.value.code) == (status, code)
        assert set(error.value.data) >= {"Code", "Message", "RequestId", "HostId"}


def test_other_doors_are_locked_too(target) -> None:
    def ask(method: str, path: str, body: str = "", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(target.endpoint.host, timeout=10)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    assert ask("GET", "/local/alive")[0] == 403
    assert ask("POST", "/local/stop-if-idle", Authorization="Bearer no")[0] == 403
    assert ask("POST", "/waitcondition?handle=wch-1", '{"status": "SUCCESS"}')[0] == 403
    assert ask("POST", "/waitcondition?handle=wch-1", "{")[1]["Code"] == "InvalidSignal"
    assert ask("GET", "/waitcondition?handle=wch-1")[0] == 405
    assert ask("GET", "/")[1]["Code"] == "IncompleteSignature"
    connection = http.client.HTTPConnection(target.endpoint.host, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(10**10))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
