"""A walk over all that the server answers, the page's own routes and files among it: by strangers, by other sites, by
another user, by a key for something else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from service_app.auth.gate import OPEN, SAFE, SCOPES
from tests.support.mounted import every_path, whole_app

from .conftest import PASSWORD, USER, Server, create, ended

SPEECH = "SPEECH 2 0.01"
BOB = ("walker", "Correct-horse-2")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> FastAPI:
    return whole_app(tmp_path_factory.mktemp("whole"), password_hash)


@pytest.fixture(scope="module")
def owner(server: Server) -> Iterator[httpx.Client]:
    with server.program() as client:
        yield client


@pytest.fixture(scope="module")
def other(owner: httpx.Client, server: Server) -> Iterator[httpx.Client]:
    assert owner.post("/api/users", json={"name": BOB[0], "password": BOB[1]}).status_code == 201
    with server.client(auth=BOB) as client:
        yield client
    owner.delete(f"/api/users/{BOB[0]}")


def test_strangers_get_nothing_whatever_they_ask_for(app: FastAPI) -> None:
    paths = every_path(app)
    assert {
        ("POST", "/v1/audio/transcriptions"),
        ("GET", "/api/jobs/x/export/x"),
        ("GET", "/metrics"),
        ("GET", "/docs/style.css"),
        ("POST", "/gradio_api/upload"),
        ("GET", "/gradio_api/file=x"),
        ("GET", "/ui/peaks/x"),
    } <= paths
    assert sum(path.endswith(("work.js", "demo-en.wav")) for _, path in paths) == 2
    assert sum(path.startswith("/assets/") for _, path in paths) > 100

    async def walk() -> list[tuple[str, str, int]]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://203.0.113.7") as stranger:
            asked = [(method, path) for method, path in sorted(paths) if path not in OPEN and method != "WEBSOCKET"]
            return [(*each, (await stranger.request(*each)).status_code) for each in asked]

    assert [each for each in asyncio.run(walk()) if each[2] != 401] == []


def test_no_path_opens_a_websocket_to_a_stranger(app: FastAPI) -> None:
    stranger = TestClient(app)
    for path in sorted({path for _, path in every_path(app)} - OPEN):
        with pytest.raises(WebSocketDisconnect) as closed, stranger.websocket_connect(path):
            pass
        assert closed.value.code == 1008, path


def test_other_sites_change_nothing_with_somebody_s_cookie(app: FastAPI, server: Server) -> None:
    unsafe = [(method, path) for method, path in sorted(every_path(app)) if method not in {*SAFE, "WEBSOCKET"}]
    assert len(unsafe) > 30
    with server.client(headers={"x-forwarded-for": "203.0.113.70"}) as browser:
        assert browser.post("/login", data={"username": USER, "password": PASSWORD}).status_code == 303
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            for method, path in unsafe:
                # The cookie does not open /v1 at all.
                expected = {401} if path.startswith("/v1/") else {405} if path in OPEN - {"/login"} else {403}
                assert browser.request(method, path, headers=headers).status_code in expected, (method, path)
        assert browser.get("/api/me").json()["user"] == USER, "nor was the session ended"


def test_a_key_opens_only_what_its_scope_names(app: FastAPI, server: Server, owner: httpx.Client) -> None:
    paths = sorted(path for method, path in every_path(app) if method == "GET" and path not in OPEN)
    for scope, opened in SCOPES.items():
        made = owner.post("/api/keys", json={"name": f"walk {scope}", "scopes": [scope]}).json()
        with server.client(headers={"authorization": f"Bearer {made['key']}"}) as program:
            for path in paths:
                if not path.startswith(opened):
                    assert program.get(path).status_code == 403, (scope, path)
        owner.delete(f"/api/keys/{made['id']}")


SEGMENTS = {"version": 0, "segments": []}
# What a request needs to be a good one, were it the owner's.
SENT: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/api/jobs/{job}"): {"json": {"lane": "interactive"}},
    ("POST", "/api/jobs/{job}/rerun"): {"json": {}},
    ("PUT", "/api/jobs/{job}/segments"): {"json": SEGMENTS},
    ("GET", "/api/jobs/{job}/export/{format}"): {},
    ("PATCH", "/api/uploads/{upload}"): {"content": b"x", "headers": {"upload-offset": "0"}},
    ("PUT", "/api/users/{name}/password"): {"json": {"password": "Correct-horse-9"}},
}
NAMES = {"job_id": "job", "upload_id": "upload", "key_id": "key", "name": "name", "format": "format"}
NOBODY_S = {"/v1/models/{model}"}


@pytest.mark.parametrize("state", ["done", "running"])
def test_another_user_reaches_nothing_by_its_id(owner: httpx.Client, other: httpx.Client, state: str) -> None:
    """Every route of the document with an id in its path gets an id of somebody else's."""
    job = create(owner, SPEECH if state == "done" else "SPEECH 900 0.1", "private.wav")
    if state == "done":
        ended(owner, job)
    while not (before := owner.get(f"/api/jobs/{job}").json())["text"]:
        pass
    upload = owner.post("/api/uploads", json={"name": "private.wav", "size": 5}).json()
    key = owner.post("/api/keys", json={"name": "walked over"}).json()
    ids = {"job": job, "upload": upload["id"], "key": key["id"], "name": USER, "format": "txt"}
    document = owner.get("/openapi.json").json()
    walked = set()
    for path, operations in document["paths"].items():
        if "{" not in path or path in NOBODY_S:
            continue
        for theirs, ours in NAMES.items():
            path = path.replace(f"{{{theirs}}}", f"{{{ours}}}")  # noqa: PLW2901
        for method in (name.upper() for name in operations):
            answer = other.request(method, path.format(**ids), **SENT.get((method, path), {}))
            assert answer.status_code == (403 if path.startswith("/api/users") else 404), (method, path, answer.text)
            assert "private" not in answer.text and "window" not in answer.text
            walked.add((method, path))
    assert set(SENT) <= walked and len(walked) >= 18, walked
    after = owner.get(f"/api/jobs/{job}").json()
    for field in before if state == "done" else ("name", "state", "lane", "version"):
        assert after[field] == before[field], field
    assert owner.get(f"/api/uploads/{upload['id']}").json() == upload
    assert key["id"] in [each["id"] for each in owner.get("/api/keys").json()["keys"]]
    owner.delete(f"/api/jobs/{job}")
    owner.delete(f"/api/keys/{key['id']}")
    owner.delete(f"/api/uploads/{upload['id']}")


def test_another_user_reaches_nothing_by_naming_it(owner: httpx.Client, other: httpx.Client) -> None:
    """In a query, in a form, in a search, by the same bytes."""
    job = create(owner, SPEECH, "private meeting.wav")
    ended(owner, job)
    upload = owner.post("/api/uploads", json={"name": "x", "size": len(SPEECH)}).json()["id"]
    owner.patch(f"/api/uploads/{upload}", content=SPEECH.encode(), headers={"upload-offset": "0"})
    own = create(other, SPEECH, "own.wav")
    ended(other, own)
    for path in (f"/api/jobs/export?id={own}&id={job}&format=txt", f"/api/jobs/{own}/export/srt?beside={job}"):
        assert other.get(path).status_code == 404
    assert other.post("/api/jobs", files={"upload": (None, upload)}).status_code == 404
    assert owner.get(f"/api/uploads/{upload}").json()["offset"] == len(SPEECH)
    for search in ("", "private", "window"):
        assert {each["id"] for each in other.get("/api/jobs", params={"search": search}).json()["jobs"]} <= {own}
    # The official SDK's repeat gets the job of the same bytes, but only its own.
    repeat = {"x-stainless-retry-count": "1"}
    for client, name in ((owner, "first.wav"), (other, "second.wav")):
        recording = {"file": (name, b"SPEECH 1 0.02")}
        assert client.post("/v1/audio/transcriptions", files=recording, headers=repeat).status_code == 200
    assert len(other.get("/api/jobs?search=second.wav").json()["jobs"]) == 1
    secrets = [client.get("/api/webhook-secret").json()["secret"] for client in (owner, other)]
    assert len(set(secrets)) == 2
    assert other.get("/api/keys").json()["keys"] == []
    owner.delete(f"/api/uploads/{upload}")
