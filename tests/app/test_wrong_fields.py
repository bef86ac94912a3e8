"""What is not as the OpenAPI document says is refused in the caller's language, whatever it is."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from .conftest import create, ended

_JSON = {"content-type": "application/json"}
_SPAN = {"start": 2, "end": 3, "text": "a"}


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> str:
    made = create(client, "SPEECH 1 0.001")
    ended(client, made)
    return made


def _edit(**segment: Any) -> dict[str, Any]:
    return {"json": {"version": 0, "segments": [{**_SPAN, **segment}]}}


WRONG: dict[str, tuple[str, str, dict[str, Any], str, str, str]] = {
    "too small": ("GET", "/api/jobs?limit=0", {}, "limit", "不能小于 1", "greater than or equal to 1"),
    "too large": ("GET", "/api/usage?days=999", {}, "days", "不能大于 366", "less than or equal to 366"),
    "no whole number": ("GET", "/api/jobs?limit=abc", {}, "limit", "应为整数", "valid integer"),
    "no number": ("GET", "/api/jobs?before=x", {}, "before", "应为数", "valid number"),
    "missing": ("GET", "/api/jobs/export?format=srt", {}, "id", "必填", "required"),
    "missing header": ("PATCH", "/api/uploads/x", {}, "upload-offset", "必填", "required"),
    "none of these": ("POST", "/asr?output=xml", {}, "output", "可选值为 'txt'、'vtt'、'srt'、'tsv'、'json'", "'txt'"),
    "no lane": ("PATCH", "/api/jobs/{job}", {"json": {"lane": "x"}}, "lane", "'api'、'bulk'", "'bulk'"),
    "unknown": ("POST", "/api/keys", {"json": {"name": "a", "b": 1}}, "b", "没有这个字段", "not permitted"),
    "too long": ("POST", "/api/keys", {"json": {"name": "a" * 101}}, "name", "最多 100 个字符", "at most 100"),
    "blank": ("POST", "/api/keys", {"json": {"name": " "}}, "name", "不能为空白", "match pattern"),
    "too short": ("PATCH", "/api/jobs/{job}", {"json": {"name": ""}}, "name", "至少 1 个字符", "at least 1"),
    "no list": ("POST", "/api/keys", {"json": {"name": "a", "scopes": 1}}, "scopes", "应为列表", "valid list"),
    "too many": (
        "POST",
        "/api/jobs/{job}/rerun",
        {"json": {"hotwords": ["a"] * 257}},
        "hotwords",
        "最多 256 项",
        "256",
    ),
    "out of order": ("PUT", "/api/jobs/{job}/segments", _edit(end=1), "segments.0", "早于", "end is before start"),
    "not finite": (
        "PUT",
        "/api/jobs/{job}/segments",
        {"content": b'{"version":0,"segments":[{"start":NaN,"end":1,"text":""}]}', "headers": _JSON},
        "segments.0.start",
        "应为有限的数",
        "finite",
    ),
    "no body": ("POST", "/api/uploads", {}, "body", "应为 JSON 对象", "Send a JSON object"),
    "a list": ("POST", "/api/keys", {"json": []}, "body", "应为 JSON 对象", "Send a JSON object"),
    "a form": ("POST", "/api/jobs/{job}/rerun", {"data": {"a": "b"}}, "body", "应为 JSON 对象", "Send a JSON object"),
    "a recording": (
        "POST",
        "/api/jobs/{job}/rerun",
        {"files": {"file": ("a.wav", b"RIFF\0\0\xff\xfe")}},
        "body",
        "应为 JSON 对象",
        "Send a JSON object",
    ),
    "a form with an escape": ("POST", "/api/keys", {"content": rb"name=\u0000"}, "body", "JSON 对象", "JSON object"),
    "broken": ("POST", "/api/keys", {"content": b"{", "headers": _JSON}, "body", "不是有效的 JSON", "not valid JSON"),
    "deep": ("POST", "/api/keys", {"content": b"[" * 99999, "headers": _JSON}, "body", "不是有效的 JSON", "valid JSON"),
    "deep, no JSON": ("POST", "/api/keys", {"content": b"[" * 99999 + b"\0"}, "body", "JSON 对象", "JSON object"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_field_is_named_in_the_caller_s_language(client: httpx.Client, job: str, what: str) -> None:
    method, path, sent, param, chinese, english = WRONG[what]
    for language, said in (("zh-CN", chinese), ("en", english)):
        headers = {**sent.get("headers", {}), "accept-language": language}
        answer = client.request(method, path.replace("{job}", job), **{**sent, "headers": headers})
        error = answer.json()["error"]
        code = "bad_json" if "valid JSON" in english else "bad_field"
        assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
        assert said in error["message"]
        if language == "zh-CN":
            assert not re.search(r"\b(should|must|required|valid|body)\b", error["message"], re.IGNORECASE)


def test_a_body_that_is_too_large_is_said_in_the_caller_s_language(client: httpx.Client) -> None:
    sent = {"content": b" " * (65 << 20), "headers": {**_JSON, "accept-language": "zh"}}
    error = client.post("/api/keys", **sent).json()["error"]
    assert (error["code"], error["message"]) == ("body_too_large", "请求体过大，此接口不接受。")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/asr"), ("PUT", "/detect-language"), ("POST", "/healthz"), ("DELETE", "/metrics"), ("PUT", "/v1/models")],
)
def test_another_method_than_a_route_has_is_said_in_the_caller_s_language(
    client: httpx.Client, method: str, path: str
) -> None:
    answer = client.request(method, path, headers={"accept-language": "zh"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (
        404,
        "no_route",
        "没有这个接口；接口文档见 /docs。",
    )
