"""What the page builds on: live events, corrections, re-runs, files, resumable uploads, links."""

from __future__ import annotations

import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .conftest import Server, create, ended


def _events(client: httpx.Client, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    with client.stream("GET", f"/api/jobs/{job_id}/events", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((name, json.loads(line.removeprefix("data: "))))
    return found


def test_events_tell_progress_and_text_as_it_comes(client: httpx.Client) -> None:
    events = _events(client, create(client, "SPEECH 8 0.2"))
    windows = [data["window"] for name, data in events if name == "segments"]
    assert sorted(windows) == list(range(8))
    progress = [data["progress"] for name, data in events if name == "job"]
    assert progress == sorted(progress)
    assert any(0 < value < 1 for value in progress)
    places = [data["queue"] for name, data in events if name == "job"]
    assert all(place["position"] >= 0 for place in places[:-1])  # the last may have ended while it was told
    name, last = events[-1]
    assert (name, last["state"], last["progress"]) == ("end", "done", 1.0)


def test_events_of_an_ended_job_and_of_a_deleted_one(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 1 0.01")
    ended(client, job_id)
    assert [name for name, _ in _events(client, job_id)] == ["segments", "end"]
    running = create(client, "SPEECH 100 0.2")
    found: list[tuple[str, dict[str, Any]]] = []
    follower = threading.Thread(target=lambda: found.extend(_events(client, running)))
    follower.start()
    client.delete(f"/api/jobs/{running}")
    follower.join(20)
    assert not follower.is_alive()
    assert client.get(f"/api/jobs/{running}/events").status_code == 404


def test_corrections_are_kept_in_versions_and_exported(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 2 0.01", "edit.wav")
    ended(client, job_id)
    path = f"/api/jobs/{job_id}/segments"
    before = client.get(path).json()
    assert (before["version"], before["edited"]) == (0, False)
    corrected = [
        {"start": 12.5, "end": 14.0, "text": "第二句。", "speaker": "B"},
        {"start": 0.0, "end": 9.5, "text": "第一句。", "words": [{"start": 0.0, "end": 9.5, "text": "第一句。"}]},
    ]
    assert client.put(path, json={"version": 0, "segments": corrected}).json() == {"version": 1}
    stale = client.put(path, json={"version": 0, "segments": []})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "edit_conflict")
    after = client.get(path).json()
    assert (after["version"], after["edited"]) == (1, True)
    assert [segment["text"] for segment in after["segments"]] == ["第一句。", "第二句。"]
    assert client.get(f"/api/jobs/{job_id}").json()["text"] == "第一句。第二句。"
    assert job_id in [job["id"] for job in client.get("/api/jobs?search=第二句").json()["jobs"]]
    assert "00:00:12,500 --> 00:00:14,000\n第二句。" in client.get(f"/api/jobs/{job_id}/export/srt").text
    document = zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job_id}/export/docx").content))
    assert "B: 第二句。" in document.read("word/document.xml").decode()
    assert client.delete(path).json() == {"version": 2}
    assert "window 0" in client.get(f"/api/jobs/{job_id}").json()["text"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"version": 0, "segments": [{"start": 2, "end": 1, "text": "x"}]}, "segments.0"),
        ({"version": 0, "segments": [{"start": -1, "end": 1, "text": "x"}]}, "segments.0.start"),
        ({"version": 0, "segments": [{"start": 0, "end": "inf", "text": "x"}]}, "segments.0.end"),
        ({"version": 0}, "segments"),
        ({"version": "x", "segments": []}, "version"),
    ],
)
def test_a_bad_correction_names_its_field(client: httpx.Client, body: dict[str, Any], param: str) -> None:
    answer = client.put("/api/jobs/x/segments", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, f"body.{param}"[5:])


def test_text_cannot_be_edited_while_it_is_written(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 50 0.1")
    answer = client.put(f"/api/jobs/{job_id}/segments", json={"version": 0, "segments": []})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_running")
    client.delete(f"/api/jobs/{job_id}")


def test_rename_rerun_log(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 1 0.01", "old.wav", prompt="p")
    ended(client, job_id)
    assert client.patch(f"/api/jobs/{job_id}", json={"name": "新名字.wav"}).json()["name"] == "新名字.wav"
    again = client.post(f"/api/jobs/{job_id}/rerun", json={"task": "translate", "hotwords": ["ECS"]})
    assert again.status_code == 202
    job = ended(client, again.json()["id"])
    assert (job["task"], job["name"], job["options"]["prompt"]) == ("translate", "新名字.wav", "p")
    assert job["options"]["hotwords"] == ["ECS"]
    assert client.delete(f"/api/jobs/{job_id}").status_code == 204
    assert client.get(f"/api/jobs/{job['id']}/media").status_code == 200  # its own, though the first one went
    log = client.get(f"/api/jobs/{job['id']}/log").json()["log"]
    assert [line["event"] for line in log] == ["accepted", "planned", "decoding", "coverage", "done"]
    assert "missing 0.0 s" in log[3]["detail"]
    assert client.post(f"/api/jobs/{job['id']}/rerun", json={"task": "sing"}).status_code == 400


def test_the_priority_changes_while_windows_wait(client: httpx.Client, server: Server) -> None:
    job_id = create(client, "SPEECH 400 0.1")
    moved = server.data_dir / "moved.txt"
    with client.stream("GET", f"/api/jobs/{job_id}/events") as events:  # some windows wait in the engine by now
        assert any(line.startswith("event: segments") for line in events.iter_lines())
    for lane in ("api", "interactive"):
        assert client.patch(f"/api/jobs/{job_id}", json={"lane": lane}).json()["lane"] == lane
        while f"{job_id} {lane}\n" not in (moved.read_text() if moved.exists() else ""):
            assert client.get(f"/api/jobs/{job_id}").json()["state"] == "running"
    client.post(f"/api/jobs/{job_id}/cancel")
    assert client.patch(f"/api/jobs/{job_id}", json={"lane": "bulk"}).json()["lane"] == "interactive"
    assert client.patch(f"/api/jobs/{job_id}", json={"lane": "first"}).status_code == 400
    assert client.patch("/api/jobs/none", json={"lane": "api"}).status_code == 404


def test_a_lane_is_chosen_with_the_job(client: httpx.Client) -> None:
    for lane, got in (("api", "api"), ("interactive", "interactive"), ("", "bulk")):
        assert ended(client, create(client, "SPEECH 1 0.001", lane=lane))["lane"] == got
    for language, said in (("zh", "lane 不支持“foo”，可选：interactive、api、bulk。"), ("en", "lane cannot be 'foo'")):
        sent = {"files": {"file": b"x"}, "data": {"lane": "foo"}, "headers": {"accept-language": language}}
        answer = client.post("/api/jobs", **sent)  # type: ignore[arg-type]
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "bad_lane", "lane")
        assert said in error["message"]


def test_a_translation_beside_its_original(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 2 0.01", "talk.wav", language="zh")
    assert ended(client, job_id)["translation"] is None
    again = client.post(f"/api/jobs/{job_id}/rerun", json={"task": "translate"}).json()
    assert again["source"] == job_id
    assert client.get(f"/api/jobs/{job_id}").json()["translation"] == again["id"]
    ended(client, again["id"])
    both = client.get(f"/api/jobs/{job_id}/export/srt", params={"beside": again["id"]})
    assert both.text.count("window 0") == 2
    assert "talk.zh-en.srt" in both.headers["content-disposition"]
    assert "talk.en.srt" in client.get(f"/api/jobs/{again['id']}/export/srt").headers["content-disposition"]
    assert client.get(f"/api/jobs/{job_id}/export/srt", params={"beside": "no"}).status_code == 404
    client.delete(f"/api/jobs/{again['id']}")
    assert client.get(f"/api/jobs/{job_id}").json()["translation"] is None


def test_how_the_text_is_written_is_an_option(client: httpx.Client) -> None:
    job_id = create(client, "SPEECH 1 0.01", language="zh", script="hant", punctuation="none")
    job = ended(client, job_id)
    assert (job["options"]["script"], job["options"]["punctuation"]) == ("hant", "none")
    again = client.post(f"/api/jobs/{job_id}/rerun", json={"script": "", "punctuation": "full"}).json()
    assert (again["options"]["script"], again["options"]["punctuation"]) == (None, "full")
    for field, value in (("script", "latin"), ("punctuation", "some")):
        bad = client.post("/api/jobs", files={"file": ("a.wav", b"SPEECH 0 0"), field: (None, value)})
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, field)


def test_the_text_before_as_the_prompt_is_an_option(client: httpx.Client) -> None:
    field = "condition_on_previous_text"
    job_id = create(client, "SPEECH 2 0.01", **{field: "true"})
    job = ended(client, job_id)
    assert (job["options"][field], job["text"]) == (True, "0 after nothing. 1 after 0.")
    again = client.post(f"/api/jobs/{job_id}/rerun", json={field: False}).json()
    assert again["options"][field] is False
    assert "window 1" in ended(client, again["id"])["text"]
    again = client.post(f"/api/jobs/{again['id']}/rerun", json={field: True}).json()
    assert again["options"][field] is True
    for bad in (
        client.post("/api/jobs", files={"file": ("a.wav", b"SPEECH 0 0"), field: (None, "perhaps")}),
        client.post(f"/api/jobs/{job_id}/rerun", json={field: "perhaps"}),
    ):
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, field), bad.text


def test_several_jobs_as_one_zip(client: httpx.Client) -> None:
    ids = [create(client, "SPEECH 1 0.01", "same.wav") for _ in range(2)]
    for job_id in ids:
        ended(client, job_id)
    answer = client.get("/api/jobs/export", params={"id": ids, "format": ["srt", "lrc"]})
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert sorted(names) == ["same (2).lrc", "same (2).srt", "same.lrc", "same.srt"]
    assert client.get("/api/jobs/export", params={"id": "no", "format": "srt"}).status_code == 404
    cut = client.get(f"/api/jobs/{ids[0]}/export/srt", params={"characters": 9, "lines": 1}).text
    assert max(len(line) for line in cut.splitlines() if "-->" not in line) <= 9


def test_pages_of_history(client: httpx.Client) -> None:
    made = [create(client, "SPEECH 0 0", f"page {n}.wav") for n in range(3)]
    first = client.get("/api/jobs", params={"search": "page ", "limit": 2}).json()["jobs"]
    rest = client.get("/api/jobs", params={"search": "page ", "before": first[-1]["created"]}).json()["jobs"]
    assert [job["id"] for job in [*first, *rest]] == made[::-1]
    assert "text" not in first[0]
    assert client.get("/api/jobs?limit=x").json()["error"]["param"] == "limit"


def test_an_upload_goes_on_where_the_line_broke(client: httpx.Client, server: Server) -> None:
    content = b"SPEECH 1 0.01" + b" " * 100_000
    new = client.post("/api/uploads", json={"name": "C:\\dir\\long.wav", "size": len(content)})
    assert new.status_code == 201
    path = f"/api/uploads/{new.json()['id']}"
    half = client.patch(path, content=content[:40_000], headers={"upload-offset": "0"})
    assert half.json() == {"offset": 40_000}
    unfinished = client.post("/api/jobs", files={"upload": (None, new.json()["id"])})
    assert (unfinished.status_code, unfinished.json()["error"]["code"]) == (409, "upload_unfinished")
    wrong = client.patch(path, content=b"x", headers={"upload-offset": "7"})
    assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, "40000")

    def broken() -> Iterator[bytes]:
        yield content[40_000:70_000]
        raise ConnectionError("the line broke")

    with pytest.raises(ConnectionError):
        client.patch(path, content=broken(), headers={"upload-offset": "40000"})
    offset = client.get(path).json()["offset"]
    assert 40_000 <= offset <= 70_000
    while (answer := client.patch(path, content=content[offset:], headers={"upload-offset": str(offset)})).is_error:
        offset = int(answer.headers["upload-offset"])  # the server had not yet noticed the broken line
    too_much = client.patch(path, content=b"x", headers={"upload-offset": str(len(content))})
    assert too_much.json()["error"]["code"] == "too_many_bytes"
    job_id = create_from(client, upload=new.json()["id"])
    assert ended(client, job_id)["name"] == "long.wav"
    assert (server.data_dir / "media" / job_id / "media").read_bytes() == content
    assert client.get(path).status_code == 404
    assert client.post("/api/uploads", json={"size": 5 << 20}).status_code == 413


def create_from(client: httpx.Client, **fields: str) -> str:
    answer = client.post("/api/jobs", files={name: (None, value) for name, value in fields.items()})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header(
                "Location", "http://[::1]:1/secret" if self.path == "/away-inside" else "/ok%20%E4%BC%9A.wav"
            )
            self.end_headers()
            return
        body = {"/page": b"<html>", "/huge": b"x" * (5 << 20), "/empty": b""}.get(self.path, b"SPEECH 1 0.01")
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if self.path == "/page" else "audio/wav")
        self.send_header("Content-Length", str(len(body) + (10 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_link_becomes_a_job(client: httpx.Client, site: str) -> None:
    job = ended(client, create_from(client, url=f"{site}/away"))
    assert (job["state"], job["name"]) == ("done", "away")
    assert ended(client, create_from(client, url=f"{site}/会议 记录.mp3"))["name"] == "会议 记录.mp3"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/page", "link_no_recording"),
        ("/gone", "url_failed"),
        ("/huge", "file_too_large"),
        ("/empty", "empty_file"),
        ("/short", "url_broken"),
        ("/away-inside", "url_not_allowed"),
    ],
)
def test_links_that_give_no_recording(client: httpx.Client, server: Server, site: str, path: str, code: str) -> None:
    answer = client.post("/api/jobs", files={"url": (None, site + path)})
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["code"] == code
    assert not list((server.data_dir / "media" / ".incoming").glob("*/*"))


def test_one_source_only(client: httpx.Client) -> None:
    both = client.post("/api/jobs", files={"file": ("a.wav", b"x"), "url": (None, "http://example.com/")})
    assert (both.status_code, both.json()["error"]["code"]) == (400, "one_source")
    assert client.post("/api/jobs", files={"name": (None, "x")}).json()["error"]["code"] == "no_file"
