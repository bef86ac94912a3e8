"""What somebody with a login, or without one, may try: odd bytes, huge and deep bodies, markup in names, other sites'
patience. Each ends with a clear refusal, never with a 5xx, and never in anybody else's data or time."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import httpx
import pytest
from starlette.types import Message

from service_app.aside import aside
from service_app.auth.lockout import Lockout
from service_app.auth.passwords import PasswordCheck
from service_app.errors import Busy
from service_app.reading import Reading

from .conftest import create, ended
from .flood import closed, serving
from .no_text import REFUSED, refuses, takes

SPEECH = b"SPEECH 1 0.001"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
MARKUP = "\u202e<img src=x onerror=alert(1)>\r\nSet-Cookie: sid=1;.wav"


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> str:
    made = create(client, SPEECH.decode(), MARKUP)
    ended(client, made)
    return made


LONG_BOUNDARY = {"content-type": f"multipart/form-data; boundary={'b' * 5000}"}
AUDIO, JOBS, SEGMENTS, UPLOADS = "/v1/audio/transcriptions", "/api/jobs", "/api/jobs/x/segments", "/api/uploads"


def _nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def _speech(**fields: str) -> dict[str, Any]:
    return {"files": {"file": SPEECH}, "data": fields}


ODD: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "deep list": ("PUT", SEGMENTS, {"content": "[" * 200_000, "headers": JSON}, 400),
    "deep name": ("POST", "/api/keys", {"content": '{"name":' + "[" * 100_000, "headers": JSON}, 400),
    "no utf-8": ("PUT", SEGMENTS, {"content": b'{"version":0,"segments":"\xff"}', "headers": JSON}, 400),
    "half a letter": ("PATCH", "/api/jobs/x", {"content": b'{"name":"\\ud800"}', "headers": JSON}, 400),
    "huge version": ("PUT", SEGMENTS, {"json": {"version": 10**30, "segments": []}}, 400),
    "huge body": ("PUT", SEGMENTS, {"content": b" " * (33 << 20), "headers": JSON}, 413),
    "endless size": ("POST", UPLOADS, {"content": b'{"size":1e400}', "headers": JSON}, 400),
    "huge size": ("POST", UPLOADS, {"json": {"size": 10**40}}, 413),
    "huge offset": ("PATCH", f"{UPLOADS}/{'0' * 32}", {"headers": {"upload-offset": "9" * 400}}, 404),
    "huge limit": ("GET", f"{JOBS}?limit={'9' * 5000}", {}, 400),
    "before nan": ("GET", f"{JOBS}?before=nan", {}, 200),
    "odd search": ("GET", f"{JOBS}?search=%ed%a0%80", {}, 200),
    "path as id": ("GET", f"{JOBS}/..%2f..%2fwhisper.sqlite/media", {}, 404),
    "many ids": ("GET", f"{JOBS}/export?{'id=x&' * 1500}format=txt", {}, 400),
    "long boundary": ("POST", JOBS, {"content": b"x", "headers": LONG_BOUNDARY}, 400),
    "no boundary in it": ("POST", JOBS, {"content": b"x", "headers": FORM}, 400),
    "many fields": ("POST", JOBS, {"files": [("a", (None, b"x"))] * 65}, 400),
    "long head": (
        "POST",
        JOBS,
        {"content": b"--b\r\nX: " + b"y" * 20_000 + b"\r\n\r\nz\r\n--b--", "headers": FORM},
        400,
    ),
    "header in a link": ("POST", JOBS, _speech(webhook="http://a\r\nX: y/"), 400),
    "deep strategy": ("POST", AUDIO, _speech(chunking_strategy=_nested(8000)), 400),
    "endless threshold": ("POST", AUDIO, _speech(chunking_strategy='{"type":"server_vad","threshold":Infinity}'), 400),
    "no temperature": ("POST", AUDIO, _speech(temperature="nan"), 400),
}


@pytest.mark.parametrize(("method", "path", "sent", "status"), ODD.values(), ids=ODD)
def test_odd_input_is_refused_or_taken_but_breaks_nothing(
    client: httpx.Client, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    answer = client.request(method, path, **sent)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_text_is_refused(client: httpx.Client, job: str, what: str) -> None:
    refuses(client, job, what)


def test_what_only_looks_like_no_text_is_taken(client: httpx.Client) -> None:
    made = create(client, SPEECH.decode())
    ended(client, made)
    takes(client, made)


def test_a_name_is_only_ever_a_name(client: httpx.Client, job: str) -> None:
    """Shown as it came, in JSON; in a header and on disk as letters that mean nothing there."""
    assert client.get(f"/api/jobs/{job}").json()["name"].endswith(".wav")
    for answer in (
        client.get(f"/api/jobs/{job}/export/txt"),
        client.get("/api/jobs/export", params={"id": job, "format": ["srt", "txt"]}),
        client.get(f"/api/jobs/{job}/media"),
        client.get(f"/api/jobs/{job}"),
    ):
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        shown = str(answer.headers)
        assert not set(shown) & {"\u202e", "<", "\r", "\n"}
        # What a browser would be made to run: never guessed, never with this site's rights.
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<script>fetch('/api/keys')</script>"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.js", b"alert(1)"),
    ],
    ids=["html", "svg", "js"],
)
def test_a_recording_never_runs_as_a_page(client: httpx.Client, name: str, content: bytes) -> None:
    made = create(client, content.decode(), name)
    assert ended(client, made)["error"]["code"] == "not_audio"
    answer = client.get(f"/api/jobs/{made}/media")
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("names", ["../../etc/cron.d/x", "..\\..\\x", "/etc/passwd", "C:\\x", ".", "..", "a\x01b"])
def test_a_zip_unpacks_beside_itself(client: httpx.Client, names: str) -> None:
    made = create(client, SPEECH.decode())
    ended(client, made)
    assert client.patch(f"/api/jobs/{made}", json={"name": names}).status_code == 200
    answer = client.get("/api/jobs/export", params={"id": made, "format": ["srt", "txt"]})
    for entry in zipfile.ZipFile(io.BytesIO(answer.content)).namelist():
        assert len(PurePosixPath(entry).parts) == 1
        assert not set(entry) & set("\\:\0")
        assert not entry.startswith(".")


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=-0",
        "bytes=99999999999999999999-",
        "bytes=abc",
        "lines=0-1",
        "bytes=" + "0-0," * 12_000 + "1-1",
    ],
    ids=lambda header: header[:20],
)
def test_ranges_make_no_answer_larger_than_the_file(client: httpx.Client, job: str, header: str) -> None:
    answer = client.get(f"/api/jobs/{job}/media", headers={"range": header})
    assert answer.status_code in (200, 206, 400, 416)
    assert len(answer.content) <= 64


def test_slow_links_cost_others_nothing(client: httpx.Client) -> None:
    """A server that takes connections and never answers; one user may wait for four of its links."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, ThreadPoolExecutor(4) as pool:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        def send() -> int:
            return client.post("/api/jobs", files={"url": (None, url)}).status_code

        waiting = [pool.submit(send) for _ in range(4)]
        held = [silent.accept()[0] for _ in range(4)]
        more = client.post("/api/jobs", files={"url": (None, url)})
        assert (more.status_code, more.json()["error"]["code"]) == (429, "too_many_links")
        assert client.get("/api/jobs").status_code == 200
        for connection in held:
            connection.close()
        assert [each.result(30) for each in waiting] == [400] * 4


def test_what_waits_aside_takes_no_thread_from_others() -> None:
    asyncio.run(_aside())


async def _aside() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    release = threading.Event()
    waiting = [asyncio.create_task(aside(release.wait)) for _ in range(20)]
    async with asyncio.timeout(20):
        assert await asyncio.to_thread(lambda: "here") == "here"
        release.set()
        assert await asyncio.gather(*waiting) == [True] * 20
        with pytest.raises(ZeroDivisionError):
            await aside(lambda: 1 // 0)


class _Impatient(Reading):
    head_seconds = 0.2


def test_who_drips_a_head_is_hung_up_on(tmp_path: Path) -> None:
    """Slowloris, on a new connection and after a request that was answered."""
    asyncio.run(_slowloris(tmp_path))


async def _slowloris(folder: Path) -> None:
    async with asyncio.timeout(60), serving(folder, _Impatient) as address:
        for first in (b"", b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*address)
            if first:
                writer.write(first)
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.write(b"GET /login HTTP/1.1\r\n")
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"X")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.02):
                            await reader.read(65536)
            writer.close()


@pytest.mark.parametrize("end", ["late", "gone"])
def test_a_login_form_that_does_not_come_is_no_fault_of_the_server(tmp_path: Path, end: str) -> None:
    answered: list[int] = []

    async def receive() -> Message:
        if end == "late":
            raise TimeoutError
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answered.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "query_string": b""}

    async def ask() -> None:
        await closed(tmp_path)(scope, receive, send)

    asyncio.run(ask())
    assert answered[0] == 400


def test_an_account_of_ones_own_buys_no_guesses() -> None:
    lockout = Lockout(lambda: 0.0)
    for _ in range(4):
        lockout.failed("192.0.2.1", "ann")
        lockout.succeeded("192.0.2.1", "mine")
    lockout.failed("192.0.2.1", "ann")
    assert lockout.wait("192.0.2.1") == 30
    lockout.failed("192.0.2.2", "ann")
    lockout.succeeded("192.0.2.2", "ann")
    for _ in range(4):
        lockout.failed("192.0.2.2", "ann")
    assert lockout.wait("192.0.2.2") == 0


def test_every_wrong_login_costs_one_hash_whoever_it_names() -> None:
    asyncio.run(_one_hash_each())


async def _one_hash_each() -> None:
    looked_at: list[str] = []

    def matches(stored: str, _password: str) -> bool:
        looked_at.append(stored)
        return True  # even if the password were that of the fallback

    check = PasswordCheck(fallback="the administrator's", matches=matches)
    assert not await check("nobody", "x", None, known=False, before=lambda: None)
    assert await check("ann", "x", "ann's", known=False, before=lambda: None)
    assert looked_at == ["the administrator's", "ann's"]


def test_a_program_that_begins_with_many_requests_costs_one_hash() -> None:
    asyncio.run(_many_of_one())


async def _many_of_one() -> None:
    looked_at: list[str] = []

    def matches(stored: str, _password: str) -> bool:
        looked_at.append(stored)
        return True

    check = PasswordCheck(fallback="none", matches=matches)
    requests = [check("ann", "x", "ann's", known=False, before=lambda: None) for _ in range(8)]
    assert all(await asyncio.gather(*requests))
    assert looked_at == ["ann's"]


def test_a_flood_of_logins_does_not_turn_the_owner_away() -> None:
    asyncio.run(_flood())


async def _flood() -> None:
    release = threading.Event()

    def matches(stored: str, _password: str) -> bool:
        return release.wait(20) and stored == "ann's"

    check = PasswordCheck(fallback="none", matches=matches)
    flood = [asyncio.create_task(check(f"u{n}", "x", None, known=False, before=lambda: None)) for n in range(40)]
    await asyncio.sleep(0)
    owner = asyncio.create_task(check("ann", "x", "ann's", known=True, before=lambda: None))
    await asyncio.sleep(0)
    release.set()
    assert await owner
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(outcome, Busy) for outcome in outcomes) == 40 - 16
