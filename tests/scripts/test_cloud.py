"""What a node asks of the cloud: real requests to servers that stand for the metadata service and for the APIs; the
signature is checked as the local target checks it."""

from __future__ import annotations

import http.server
import importlib.util
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.errors import ApiError
from deploy.local.signature import Verifier
from deploy.local.wire import Request

KEY, SECRET, TOKEN = "STS.key", "role-secret", "role-token"


class Cloud(http.server.ThreadingHTTPServer):
    """Metadata with a token only, and one API of which every call must be signed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.verifier = Verifier({KEY: SECRET}, lambda: __import__("time").time())
        self.calls: list[dict[str, str]] = []
        self.failures = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Cloud

    def do_PUT(self) -> None:
        self._say(200, "metadata-token")

    def do_GET(self) -> None:
        known = {
            "/meta-data/region-id": "cn-hangzhou",
            "/meta-data/ram/security-credentials/": "whisper-node",
            "/meta-data/ram/security-credentials/whisper-node": json.dumps(
                {"AccessKeyId": KEY, "AccessKeySecret": SECRET, "SecurityToken": TOKEN}
            ),
        }
        trusted = self.headers["X-aliyun-ecs-metadata-token"] == "metadata-token"
        self._say(200 if trusted and self.path in known else 403, known.get(self.path, ""))

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.server.failures:
            self.server.failures -= 1
            self._say(503, "busy")
            return
        try:
            self.server.verifier.verify(Request("POST", parts.path, parts.query, headers))
        except ApiError as error:
            self._say(400, json.dumps({"Code": error.code, "Message": error.message}))
            return
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.calls.append({"action": headers["x-acs-action"], "version": headers["x-acs-version"], **given})
        if given.get("Name") == "missing":
            self._say(404, json.dumps({"Code": "EntityNotExists.Parameter", "Message": "there is none"}))
        else:
            self._say(200, json.dumps({"Parameter": {"Value": "USER_B64=YQ==\nMODEL=tiny.en"}}))

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def node(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, whose metadata service and clock are the test's."""
    spec = importlib.util.spec_from_file_location("cloud", Path(__file__).parents[2] / "scripts/cloud.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "cloud", module)  # dataclasses look it up
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "METADATA", cloud.url)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("WHISPER_CLOUD", raising=False)
    return module


def test_the_role_s_keys_come_from_the_metadata_service(node: ModuleType) -> None:
    who = node.role()
    assert (who.region, who.key, who.secret, who.token) == ("cn-hangzhou", KEY, SECRET, TOKEN)


def test_a_secret_is_asked_for_with_a_right_signature(node: ModuleType, cloud: Cloud) -> None:
    who = node.Role("cn-hangzhou", KEY, SECRET, TOKEN, cloud.url)
    assert node.secret(who, "whisper-0f9e") == "USER_B64=YQ==\nMODEL=tiny.en"
    assert cloud.calls == [
        {"action": "GetSecretParameter", "version": "2019-06-01", "RegionId": "cn-hangzhou", "Name": "whisper-0f9e",
         "WithDecryption": "true"}
    ]  # fmt: skip
    with pytest.raises(node.CloudError, match=r"EntityNotExists\.Parameter: there is none"):
        node.secret(who, "missing")
    with pytest.raises(node.CloudError, match="SignatureDoesNotMatch"):
        node.secret(node.Role("cn-hangzhou", KEY, "another", "", cloud.url), "whisper-0f9e")


def test_what_passes_is_tried_again(node: ModuleType, cloud: Cloud) -> None:
    who = node.Role("cn-hangzhou", KEY, SECRET, "", cloud.url)
    cloud.failures = node.ATTEMPTS - 1
    assert node.secret(who, "whisper-0f9e")
    cloud.failures = node.ATTEMPTS
    with pytest.raises(node.CloudError, match="HTTP 503"):
        node.secret(who, "whisper-0f9e")


def test_the_queue_is_reported_for_each_card_of_the_cluster(node: ModuleType, cloud: Cloud) -> None:
    metrics = (
        'whisper_queue_seconds{lane="long"} 3000\nwhisper_queue_seconds{lane="short"} 600\n'
        'whisper_device_alive{device="cuda:0"} 1\nwhisper_cluster_devices 4\n'
    )
    assert node.queue_minutes(metrics) == 15.0
    assert node.queue_minutes("") == 0.0
    node.report(node.Role("cn-hangzhou", KEY, SECRET, TOKEN, cloud.url), "7", "0f9e", 15.0)
    (call,) = cloud.calls
    assert (call["action"], call["MetricList.1.GroupId"]) == ("PutCustomMetric", "7")
    assert json.loads(call["MetricList.1.Dimensions"]) == {"cluster": "0f9e"}
    assert json.loads(call["MetricList.1.Values"]) == {"value": 15.0}


def test_wrong_use_and_no_cloud_end_with_one_line(
    node: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert node.main([]) == 2
    monkeypatch.setattr(node, "METADATA", "http://127.0.0.1:9")
    assert node.main(["secret", "whisper-0f9e"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("no answer: ")
