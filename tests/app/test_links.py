"""Recordings from pages by yt-dlp: found, and never a way into the private network."""

from __future__ import annotations

import asyncio
import http.server
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from service_app import links
from service_app.api.sources import linked
from service_app.errors import UserError
from tests.app.conftest import Server, ended

SPEECH = b"SPEECH 1 0.01"
HERE, INSIDE = "127.0.0.1", "127.0.0.2"  # allowed, and not
LIMIT = 1 << 20


class _Page(http.server.BaseHTTPRequestHandler):
    """A site with a recording on a page; the same server is also the machine inside that nobody may reach."""

    def do_GET(self) -> None:
        host = self.headers["Host"].split(":")[0]
        self.server.asked.append((host, self.path))  # type: ignore[attr-defined]
        inside = f"http://{INSIDE}:{self.server.server_address[1]}"
        video = "<html><head><title>会议 / 一</title></head><body><video src='{}'></video></body></html>"
        pages = {
            "/page": video.format("/talk.wav"),
            "/page-inside": video.format(f"{inside}/secret.wav"),
            "/page-away": video.format("/away"),
            "/page-refused": video.format("/refused"),
            "/page-huge": video.format("/huge.wav"),
            "/page-file": video.format("file:///etc/passwd"),
            "/nothing": "<html><body>Good day.</body></html>",
        }
        lists = {
            "/list": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/talk.wav\n#EXT-X-ENDLIST\n",
            "/list-inside": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{inside}/secret.wav\n#EXT-X-ENDLIST\n",
        }
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"{inside}/secret.wav")
            self.end_headers()
            return
        if self.path in pages:
            kind, body = "text/html; charset=utf-8", pages[self.path].encode()
        elif self.path in lists:
            kind, body = "application/vnd.apple.mpegurl", lists[self.path].encode()
        else:
            kind, body = "audio/wav", b"x" * (2 * LIMIT) if self.path == "/huge.wav" else SPEECH
        self.send_response(403 if self.path == "/refused" else 200)
        self.send_header("Content-Type", kind)
        if self.path != "/huge.wav":  # its length is not told
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class _Site(http.server.ThreadingHTTPServer):
    asked: list[tuple[str, str]]

    def handle_error(self, *_: object) -> None: ...  # a caller that leaves in the middle


@pytest.fixture(scope="module")
def site() -> Iterator[_Site]:
    with _Site(("0.0.0.0", 0), _Page) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def take(site: _Site, path: str, folder: Path) -> tuple[Path, str]:
    url = f"http://{HERE}:{site.server_address[1]}{path}"
    return asyncio.run(links.take(url, folder, LIMIT, [ip_network(f"{HERE}/32")]))


@pytest.mark.parametrize("path", ["/page", "/list"])
def test_the_recording_of_a_page_and_of_a_list_of_pieces(site: _Site, tmp_path: Path, path: str) -> None:
    found, name = take(site, path, tmp_path)
    assert found.read_bytes() == SPEECH
    assert list(tmp_path.iterdir()) == [found]
    assert path != "/page" or name.startswith("会议 / 一")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/page-inside", "url_not_allowed"),
        ("/page-away", "url_not_allowed"),
        ("/list-inside", "url_not_allowed"),
        ("/page-refused", "link_refused"),
        ("/page-huge", "link_too_large"),
        ("/nothing", "link_no_recording"),
    ],
)
def test_what_is_not_taken(site: _Site, tmp_path: Path, path: str, code: str) -> None:
    site.asked.clear()
    with pytest.raises(UserError) as refused:
        take(site, path, tmp_path)
    assert refused.value.code == code
    assert not list(tmp_path.iterdir())
    assert [host for host, _ in site.asked if host != HERE] == [], "the machine inside heard nothing"


def test_no_file_of_this_machine(site: _Site, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        take(site, "/page-file", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_linked_page_becomes_a_job(server: Server, site: _Site) -> None:
    url = f"http://{HERE}:{site.server_address[1]}/page"
    with server.program() as client:
        answer = client.post("/api/jobs", files={"url": (None, url)})
        assert answer.status_code == 202, answer.text
        job = ended(client, answer.json()["id"])
    assert (job["state"], job["name"].startswith("会议 / 一")) == ("done", True)


def test_without_yt_dlp_a_page_is_refused_with_the_reason(
    site: _Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(UserError) as refused:
        asyncio.run(
            linked(f"http://{HERE}:{site.server_address[1]}/page", tmp_path, LIMIT, (ip_network(f"{HERE}/32"),))
        )
    assert refused.value.code == "url_is_a_page"
    assert "yt-dlp" in refused.value.zh and "yt-dlp" in refused.value.en
