"""world.py NAMESPACE OUTSIDE FOLDER [PORT PATH] : what an instance talks to, as a process beside it.

100.100.100.200:80 in OUTSIDE         the metadata service, tokens required (IMDSv2); its values are read from
                                      FOLDER/metadata.json at each request, so that they can change
127.0.0.1:PORT in NAMESPACE           carries signals (POST below PATH) to this machine's own 127.0.0.1:PORT;
                                      nothing else of this machine can be reached
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import secrets
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

METADATA_ADDRESS = "100.100.100.200"
MAX_SIGNAL_BYTES = 1 << 20
_TOKEN = secrets.token_hex(16)


class _Handler(BaseHTTPRequestHandler):
    timeout = 30

    def answer(self, status: int, text: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: addresses of signals hold their handle."""


class Metadata(_Handler):
    folder: Path

    def do_PUT(self) -> None:
        wanted = self.path == "/latest/api/token" and self.headers["X-aliyun-ecs-metadata-token-ttl-seconds"]
        self.answer(200 if wanted else 400, _TOKEN.encode() if wanted else b"")

    def do_GET(self) -> None:
        if self.headers["X-aliyun-ecs-metadata-token"] != _TOKEN:
            self.answer(403)
            return
        values = json.loads((self.folder / "metadata.json").read_text())
        value = values.get(self.path.removeprefix("/latest/meta-data/"), "")
        self.answer(200 if value else 404, value.encode())


class Signals(_Handler):
    port: int
    prefix: str

    def do_POST(self) -> None:
        length = self.headers["Content-Length"] or ""
        if self.path.partition("?")[0] != self.prefix or not length.isdigit() or int(length) > MAX_SIGNAL_BYTES:
            self.answer(404)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request("POST", self.path, self.rfile.read(int(length)), headers)
            reply = connection.getresponse()
            self.answer(reply.status, reply.read())
        except (OSError, http.client.HTTPException):
            self.answer(502)
        finally:
            connection.close()


def listen(namespace: str, address: str, port: int) -> socket.socket:
    """A listening socket in another network namespace; this thread stays in its own (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as here, Path("/run/netns", namespace).open() as there:
        _enter(libc, there.fileno())
        try:
            return socket.create_server((address, port))
        finally:
            _enter(libc, here.fileno())


def _enter(libc: ctypes.CDLL, namespace: int) -> None:
    if libc.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening


def main(arguments: list[str]) -> None:
    namespace, outside, folder, *signals = arguments
    Metadata.folder = Path(folder)
    servers = [_Server(listen(outside, METADATA_ADDRESS, 80), Metadata)]
    if signals:
        Signals.port, Signals.prefix = int(signals[0]), signals[1]
        servers.append(_Server(listen(namespace, "127.0.0.1", Signals.port), Signals))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    os.write(1, b"ready\n")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
