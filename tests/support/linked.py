"""A site on this machine with recordings on its pages; under another address the same server is the machine inside that
nobody may reach."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import TypeVar

SPEECH = b"SPEECH 1 0.01"
HERE, INSIDE = "127.0.0.1", "127.0.0.2"  # allowed, and not
LIMIT = 1 << 20


class _Page(http.server.BaseHTTPRequestHandler):
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


class LinkedSite(http.server.ThreadingHTTPServer):
    asked: list[tuple[str, str]]

    def handle_error(self, *_: object) -> None: ...  # a caller that leaves in the middle

    def url(self, path: str) -> str:
        return f"http://{HERE}:{self.server_address[1]}{path}"


Site = TypeVar("Site", bound=http.server.ThreadingHTTPServer)


@contextlib.contextmanager
def answering(site: Site) -> Iterator[Site]:
    """The site while it answers, in a thread of its own."""
    with site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


@contextlib.contextmanager
def linked_site() -> Iterator[LinkedSite]:
    server = LinkedSite(("0.0.0.0", 0), _Page)
    server.asked = []
    with answering(server):
        yield server
