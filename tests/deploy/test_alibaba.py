"""The real SDK over a real socket: against scripted answers, and against the emulator's signature check."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy import target
from deploy.alibaba import ATTEMPTS, Ros, connect_local
from deploy.errors import ServiceError
from deploy.secret import Secret
from deploy.stacks import StackPlan

Reply = tuple[int, dict[str, Any]] | None  # None: the connection is reset
OK = (200, {"StackId": "stack-1"})
THROTTLED = (400, {"Code": "Throttling.User", "Message": "Request was denied.", "RequestId": "r-1"})
PLAN = StackPlan("whisper", "cn-hangzhou", "T: 1\n", {"Model": "tiny", "SoftwarePassword": Secret("hash")}, "token-1")


class ScriptedServer(ThreadingHTTPServer):
    """Answers with `replies` in their order and keeps every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        values = parse_qs(urlsplit(self.path).query) | parse_qs(form)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((headers, {name: value[0] for name, value in values.items()}))
        reply = self.server.replies.pop(0)
        if reply is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.dumps(reply[1]).encode()
        self.send_response(reply[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ros(host: str, waits: list[float]) -> Ros:
    return connect_local(host, "key-id", "key-secret", region="cn-hangzhou", sleep=waits.append).ros()


def test_create_is_signed_and_complete(server: ScriptedServer) -> None:
    server.replies = [OK]
    assert ros(server.host, []).create(PLAN) == "stack-1"
    ((headers, sent),) = server.requests
    assert headers["x-acs-action"] == "CreateStack"
    assert headers["x-acs-version"] == "2019-09-10"
    assert headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=key-id,")
    assert "key-secret" not in json.dumps([headers, sent])
    assert sent["StackName"] == "whisper"
    assert sent["TemplateBody"] == "T: 1\n"
    assert (sent["ClientToken"], sent["TimeoutInMinutes"], sent["DisableRollback"]) == ("token-1", "75", "False")
    assert {sent[f"Parameters.{n}.ParameterKey"]: sent[f"Parameters.{n}.ParameterValue"] for n in (1, 2)} == {
        "Model": "tiny",
        "SoftwarePassword": "hash",
    }


def test_what_passes_by_itself_is_tried_again_with_the_same_token(server: ScriptedServer) -> None:
    server.replies = [THROTTLED, (503, {"Code": "ServiceUnavailable", "Message": "busy"}), None, OK]
    waits: list[float] = []
    assert ros(server.host, waits).create(PLAN) == "stack-1"
    assert {sent["ClientToken"] for _, sent in server.requests} == {"token-1"}
    assert len(waits) == 3
    assert all(0 < wait <= 10 for wait in waits)


def test_trying_again_ends(server: ScriptedServer) -> None:
    server.replies = [THROTTLED] * ATTEMPTS
    with pytest.raises(ServiceError) as failure:
        ros(server.host, []).stacks()
    assert str(failure.value) == "Throttling.User: Request was denied; try again in a minute"


@pytest.mark.parametrize(
    ("status", "code", "message", "line"),
    [
        (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.",
         "InvalidAccessKeyId.NotFound: Specified access key is not found; check the access key: it may be mistyped, "
         "disabled or deleted"),
        (400, "StackValidationFailed", "The Parameter (X)\nis bad.",
         "StackValidationFailed: The Parameter (X) is bad; correct the option that the message names"),
        (400, "SomethingNew", "What.", "SomethingNew: What"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_not_repeated(
    server: ScriptedServer, status: int, code: str, message: str, line: str
) -> None:
    server.replies = [(status, {"Code": code, "Message": message, "RequestId": "r-1"})]
    with pytest.raises(ServiceError) as failure:
        ros(server.host, []).stacks()
    assert str(failure.value) == line
    assert (failure.value.code, failure.value.status) == (code, status)


def test_events_of_all_pages_come_oldest_first(server: ScriptedServer) -> None:
    def event(number: int) -> dict[str, str]:
        return {"EventId": str(number), "CreateTime": f"2026-11-22T10:00:{number // 2:02}", "Status": "CREATE_COMPLETE"}

    newest_first = [event(number) for number in reversed(range(70))]
    server.replies = [
        (200, {"Events": newest_first[:50], "TotalCount": 70}),
        (200, {"Events": newest_first[50:], "TotalCount": 70}),
    ]
    assert [item.id for item in ros(server.host, []).events("stack-1")] == [str(number) for number in range(70)]
    assert [sent["PageNumber"] for _, sent in server.requests] == ["1", "2"]


def test_deleted_stacks_are_not_listed(server: ScriptedServer) -> None:
    stacks = [
        {"StackId": "1", "StackName": "a", "Status": "DELETE_COMPLETE", "CreateTime": "1"},
        {"StackId": "2", "StackName": "a", "Status": "CREATE_COMPLETE", "CreateTime": "2"},
    ]
    server.replies = [(200, {"Stacks": stacks, "TotalCount": 2})] * 2
    client = ros(server.host, [])
    assert [stack.id for stack in client.stacks()] == ["2"]
    found = client.find("a")
    assert found is not None
    assert found.id == "2"
    assert server.requests[1][1]["StackName.1"] == "a"


def test_an_emulator_that_died_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    waits: list[float] = []
    with pytest.raises(ServiceError) as failure:
        ros(host, waits).stacks()
    assert "its emulator has stopped" in failure.value.message
    assert waits == []


def test_a_proxy_of_the_environment_is_not_for_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.replies = [OK]
    assert ros(server.host, []).create(PLAN) == "stack-1"


def test_the_emulator_checks_the_signature(tmp_path: Path) -> None:
    endpoint = target.local_endpoint(tmp_path / "state", start=True)
    try:
        right = connect_local(
            endpoint.host, endpoint.access_key_id, endpoint.access_key_secret, region="cn-hangzhou"
        ).ros()
        assert right.stacks() == []
        wrong = connect_local(endpoint.host, endpoint.access_key_id, "guess", region="cn-hangzhou").ros()
        with pytest.raises(ServiceError) as failure:
            wrong.stacks()
        assert failure.value.remedy == "check the access key's secret"
    finally:
        target.stop_if_idle(tmp_path / "state")


def test_the_sdk_is_loaded_without_what_no_command_needs() -> None:
    """Then the command line answers in time; who needs it after all gets it."""
    code = """
import sys, deploy.alibaba
from Tea import core
heavy = {"aiohttp", "apscheduler"} & {name.partition(".")[0] for name in sys.modules}
assert not heavy, heavy
assert core.aiohttp.ClientTimeout(total=7).total == 7
import aiohttp
assert aiohttp.ClientTimeout.__module__ == "aiohttp.client"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
