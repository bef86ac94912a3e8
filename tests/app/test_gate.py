"""Nothing but the open list answers without credentials, and refusals come before the body is read."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from service_app.app import create_app
from service_app.auth.gate import OPEN
from service_app.settings import Settings

from .conftest import PASSWORD, USER, Server
from .flood import MOST, refusals, upload


def _paths(app: FastAPI) -> set[tuple[str, str]]:
    found = set()
    for context in iter_route_contexts(app.routes):
        route: BaseRoute = getattr(context, "route", context)
        path = getattr(context, "path", None) or getattr(route, "path", "")
        for method in getattr(route, "methods", None) or {"GET"}:
            found.add((method, re.sub(r"\{[^}]+\}", "x", path) or "/"))
    return found


def test_every_route_is_closed_but_the_open_list(server: Server, password_hash: str) -> None:
    app = create_app(Settings.from_environment({"WHISPER_ADMIN_PASSWORD_HASH": password_hash}))
    paths = _paths(app)
    assert ("POST", "/v1/audio/transcriptions") in paths
    assert ("GET", "/api/jobs/x/export/x") in paths
    extra = {("GET", "/"), ("GET", "/assets/index.js"), ("POST", "/gradio_api/upload"), ("GET", "/docs"), ("PUT", "/x")}
    with server.client() as client:
        for method, path in sorted(paths | extra):
            answer = client.request(method, path, headers={"accept": "*/*"})
            if path in OPEN:
                assert "not_logged_in" not in answer.text, path
            else:
                assert answer.status_code == 401, (method, path)
                if method == "HEAD":
                    continue
                assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
                assert "Basic" in answer.headers["www-authenticate"]


def test_open_is_what_is_written_here() -> None:
    """Whoever opens one more path to everybody says so twice."""
    assert {"/healthz", "/readyz", "/login", "/login/style.css", "/favicon.ico", "/favicon.svg"} == OPEN


@pytest.mark.parametrize("path", ["//healthz", "/healthz/../", "/login/../metrics", "/LOGIN", "/login/"])
def test_no_spelling_of_a_path_opens_another(server: Server, path: str) -> None:
    with server.client() as client:
        assert client.build_request("GET", path).url.raw_path
        assert client.get(httpx.URL(server.url).copy_with(raw_path=path.encode())).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"x-original-url": "/healthz"},
        {"x-rewrite-url": "/login"},
        {"x-forwarded-user": USER, "remote-user": USER},
        {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"},
        {"x-http-method-override": "OPTIONS"},
        {"cookie": "sid=; sid=x; __Host-sid=x"},
    ],
)
def test_no_header_stands_for_a_login(server: Server, headers: dict[str, str]) -> None:
    with server.client(headers=headers) as client:
        assert client.post("/api/jobs").status_code == 401


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"X: a\r\n Content-Length: 60\r\n\r\n",
    ],
    ids=["both", "two", "other", "sign", "fold"],
)
def test_a_request_inside_another_gets_no_further(server: Server, framing: bytes) -> None:
    """Whichever way its end is read, what follows an open request comes to the gate as a stranger's."""
    inside = b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\n" + framing + inside)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answer += chunk
    statuses = {int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)}
    assert statuses and statuses <= {400, 401, 501}, answer


def test_a_browser_is_sent_to_the_login_and_back(server: Server) -> None:
    with server.client(headers={"accept": "text/html"}) as browser:
        assert browser.get("/").headers["location"] == "/login"
        assert browser.get("/job/1?a=b c").headers["location"] == "/login?next=/job/1%3Fa%3Db%2520c"


def test_a_script_in_a_browser_is_not_offered_basic(server: Server) -> None:
    with server.client() as browser:
        answer = browser.get("/api/jobs", headers={"sec-fetch-mode": "cors"})
    assert answer.status_code == 401
    assert "Basic" not in answer.headers["www-authenticate"]


def test_an_upload_of_a_stranger_is_refused_unread(tmp_path: Path, password_hash: str) -> None:
    """Megabytes lie ready, a GiB is announced, and less than 64 KiB is read, whatever the path and the credentials."""
    app = create_app(Settings.from_environment({"WHISPER_ADMIN_PASSWORD_HASH": password_hash}))
    paths = {(method, path) for method, path in _paths(app) if method in ("POST", "PUT", "PATCH", "DELETE")}
    paths |= {("POST", "/gradio_api/upload"), ("GET", "/api/jobs"), ("GET", "/login"), ("POST", "/healthz")}
    wrong = ((), ("Authorization: Bearer sk-wrong",), ("Cookie: sid=wrong",))
    asked = [(path, upload(method, path, *each)) for method, path in sorted(paths) for each in wrong]
    assert len(asked) > 60
    found = refusals(tmp_path, [head for _, head in asked])
    for (path, head), refusal in zip(asked, found, strict=True):
        assert path in OPEN or refusal.status == 401, head
        assert refusal.taken < MOST < refusal.given, (head, refusal)


def test_a_refused_upload_leaves_nothing_behind(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(upload("POST", "/v1/audio/transcriptions"))
        answer = b""
        while chunk := connection.recv(65536):  # the server hangs up
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert not list((server.data_dir / "media" / ".incoming").glob("*/*"))


def test_wrong_credentials_of_every_kind(server: Server) -> None:
    headers = {"x-forwarded-for": "203.0.113.1"}
    with server.client(headers=headers) as client:
        for authorization in ("Bearer sk-nothing", "Bearer", "Basic", "Basic !!!", "Basic YQ==", "Digest x", ""):
            answer = client.get("/v1/models", headers={"authorization": authorization})
            assert answer.status_code == 401, authorization
        assert client.get("/api/jobs", cookies={"sid": "x" * 43}).status_code == 401


def test_headers_of_every_answer(server: Server) -> None:
    with server.program() as client:
        for path in ("/healthz", "/login", "/v1/models", "/nothing", "/api/jobs"):
            headers = client.get(path, headers={"x-request-id": "mine-1"}).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-request-id"] == "mine-1"
            assert "access-control-allow-origin" not in headers


def test_a_session_cookie_opens_the_jobs_but_not_the_openai_api(server: Server) -> None:
    with server.client(headers={"x-forwarded-for": "203.0.113.2"}) as browser:
        form = {"username": USER, "password": PASSWORD}
        assert browser.post("/login", data=form, headers={"accept": "text/html"}).status_code == 303
        assert browser.get("/api/jobs").status_code == 200
        assert browser.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_other_sites_cannot_act_for_a_logged_in_user(server: Server, headers: dict[str, str]) -> None:
    form = {"username": USER, "password": PASSWORD}
    with server.client(headers={"x-forwarded-for": "203.0.113.3"}) as browser:
        assert browser.post("/login", data=form, headers={**headers, "accept": "*/*"}).status_code == 403
        assert browser.post("/login", data=form).status_code == 303
        assert browser.post("/api/jobs/x/cancel", headers=headers).status_code == 403
        assert browser.post("/api/jobs/x/cancel", headers={"origin": server.url}).status_code == 404
