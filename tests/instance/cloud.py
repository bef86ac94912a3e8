"""cloud.py ADDRESS FOLDER : what an ECS instance talks to. The metadata service, with tokens required (IMDSv2), answers
from FOLDER/metadata.json, which is read at each request so that a test can change it; POST /signal is the address of a
WaitCondition, whose signals are appended to FOLDER/signals.jsonl."""

from __future__ import annotations

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = secrets.token_hex(16)


FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else ".")


class Cloud(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        wanted = self.path == "/latest/api/token" and self.headers["X-aliyun-ecs-metadata-token-ttl-seconds"]
        self.answer(200 if wanted else 400, TOKEN if wanted else "")

    def do_GET(self) -> None:
        if self.headers["X-aliyun-ecs-metadata-token"] != TOKEN:
            self.answer(403, "")
            return
        value = json.loads((FOLDER / "metadata.json").read_text()).get(self.path.removeprefix("/latest/meta-data/"), "")
        self.answer(200 if value else 404, value)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = self.path == "/signal" and self.headers["x-token"] == "t"
        if right:
            with (FOLDER / "signals.jsonl").open("ab") as signals:
                signals.write(body + b"\n")
        self.answer(200 if right else 403, "")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], 80), Cloud).serve_forever()
