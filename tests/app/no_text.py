"""Requests with a NUL or half a character wherever text can be: refused on SQLite and on PostgreSQL alike, which could
not store them."""

from __future__ import annotations

from typing import Any

import httpx

from .conftest import PASSWORD

_JSON = {"content-type": "application/json"}
_FILE = {"file": ("a.wav", b"SPEECH 1 0.001")}
_SPAN = {"start": 0, "end": 1}


def _edit(**segment: Any) -> dict[str, Any]:
    return {"json": {"version": 0, "segments": [{**_SPAN, "text": "a", **segment}]}}


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "prompt": ("POST", "/api/jobs", {"files": _FILE, "data": {"prompt": "a\0b"}}, "prompt"),
    "keyword": ("POST", "/v1/audio/transcriptions", {"files": _FILE, "data": {"keywords[]": "a\0b"}}, "keywords[]"),
    "name in a form": ("POST", "/api/jobs", {"files": _FILE, "data": {"name": "a\0b"}}, "name"),
    "new name": ("PATCH", "/api/jobs/{job}", {"json": {"name": "a\0b"}}, "name"),
    "half a letter": ("PATCH", "/api/jobs/{job}", {"content": b'{"name":"\\ud83d"}', "headers": _JSON}, "name"),
    "in UTF-16": (
        "PATCH",
        "/api/jobs/{job}",
        {"content": '{"name":"\\u0000"}'.encode("utf-16"), "headers": _JSON},
        "name",
    ),
    "field": ("PATCH", "/api/jobs/{job}", {"content": b'{"\\ud800":"a"}', "headers": _JSON}, ""),
    "prompt of a re-run": ("POST", "/api/jobs/{job}/rerun", {"json": {"prompt": "a\0b"}}, "prompt"),
    "edited text": ("PUT", "/api/jobs/{job}/segments", _edit(text="a\0b"), "text"),
    "edited word": ("PUT", "/api/jobs/{job}/segments", _edit(words=[{**_SPAN, "text": "\0"}]), "text"),
    "speaker": ("PUT", "/api/jobs/{job}/segments", _edit(speaker="\0"), "speaker"),
    "search": ("GET", "/api/jobs?search=%00", {}, "search"),
    "id": ("GET", "/api/jobs/%00", {}, "job_id"),
    "ids": ("GET", "/api/jobs/export?id=%00&format=txt", {}, "id"),
    "key": ("POST", "/api/keys", {"json": {"name": "a\0b"}}, "name"),
    "key to revoke": ("DELETE", "/api/keys/%00", {}, "key_id"),
    "user": ("POST", "/api/users", {"json": {"name": "a\0b", "password": "Some-words-2-say"}}, "name"),
    "user to remove": ("DELETE", "/api/users/%00", {}, "name"),
    "upload": ("POST", "/api/uploads", {"json": {"name": "a\0b", "size": 1}}, "name"),
    "login": ("POST", "/login", {"data": {"username": "an\0n", "password": PASSWORD}}, "username"),
    "Basic": ("GET", "/api/me", {"auth": ("an\0n", PASSWORD)}, "username"),
}


def refuses(client: httpx.Client, job: str, what: str) -> None:
    method, path, sent, param = REFUSED[what]
    for language, word in (("en", "remove it and try again"), ("zh-CN", "请删除后重试")):
        headers = {"accept-language": language, **sent.get("headers", {})}
        answer = client.request(method, path.replace("{job}", job), **{**sent, "headers": headers})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("bad_characters", param)
        assert word in error["message"]


def takes(client: httpx.Client, job: str) -> None:
    """What only looks like it: escaped letters, an emoji as two halves; a file's name loses it."""
    for name in ("录音 😀.wav", "\\u0000.wav", "\\ud83d.wav"):
        renamed = client.patch(f"/api/jobs/{job}", json={"name": name})
        assert renamed.json()["name"] == name
    found = client.get("/api/jobs", params={"search": "\\ud83d"}).json()["jobs"]
    assert job in [each["id"] for each in found]
    head = b'Content-Disposition: form-data; name="file"; filename="a\0b.wav"'
    body = b"--b\r\n" + head + b"\r\n\r\nSPEECH 1 0.001\r\n--b--"
    made = client.post("/api/jobs", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert (made.status_code, made.json()["name"]) == (202, "ab.wav")
