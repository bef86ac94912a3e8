"""The HTTP server and the process around it: who calls, which door, one emulator for each state folder."""

from __future__ import annotations

import fcntl
import hmac
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .api import Api
from .computenest import BUCKET, Objects, has_work, resume_tests
from .engine import Engine
from .errors import ApiError
from .faults import Faults
from .resources import means_in
from .signals import PATH as SIGNAL_PATH
from .signals import Signals
from .signature import Verifier
from .store import Store
from .wire import Reply, Request, failed, new_request_id, ok

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
MAX_BODY_BYTES = 2 * 1024 * 1024
ENDPOINT_FILE, LOCK_FILE = "endpoint.json", "lock"

CUT = Reply(0, b"")  # no answer: the connection is reset
Door = Callable[[Request], Reply]


class ServeError(Exception):
    """The emulator cannot start; one line that says why and what to do."""


class Emulator:
    """Everything of one state folder; `handle` is its HTTP interface without the sockets."""

    def __init__(self, folder: Path, url: str, keys: dict[str, str], faults: Faults) -> None:
        self._folder, self.url, self._faults = folder, url, faults
        ((self._key_id, self._key_secret),) = keys.items()
        self._verifier = Verifier(keys, time.time)
        store = Store(folder)
        self._signals = Signals(store, self._key_secret.encode(), lambda: self.url, faults)
        door = (urlsplit(url).port or 0, SIGNAL_PATH)
        self.engine = Engine(store, means_in(folder, store, self._signals, faults, door, self._role))
        self._objects = Objects(store, self._key_secret.encode(), lambda: self.url)
        self._api = Api(self.engine, self._objects)
        self.stopped = threading.Event()

    def handle(self, request: Request) -> Reply:
        request_id = new_request_id()
        try:
            if request.path == SIGNAL_PATH:
                return ok(self._signal(request), request_id)
            if request.path.startswith("/local/"):
                return ok(self._control(request), request_id)
            if request.path.startswith(f"/{BUCKET}"):
                action = {"PUT": "PutObject", "GET": "GetObject"}.get(request.method, "")
                return self._perhaps(action, lambda: self._objects.handle(request))
            return self._called(request, request_id)
        except ApiError as error:
            return failed(error, request_id, request.headers.get("host", HOST))
        except Exception:
            LOG.exception("request %s", request_id)
            bug = ApiError("InternalError", "The local target has a bug; its log tells more.", 500)
            return failed(bug, request_id, request.headers.get("host", HOST))

    def resume(self) -> None:
        """Goes on with what an earlier emulator had begun."""
        self.engine.resume()
        resume_tests(self.engine, self._objects)

    def close_if_idle(self) -> bool:
        """True when no stack, service or image is left; from then on no stack can be made."""
        return not has_work(self.engine) and self.engine.close_if_idle()

    def _role(self) -> dict[str, str]:
        """What an instance with a RAM role calls the cloud with; the local target has one pair of keys."""
        return {
            "WHISPER_CLOUD": self.url,
            "WHISPER_CLOUD_KEY": self._key_id,
            "WHISPER_CLOUD_SECRET": self._key_secret,
        }

    def _called(self, request: Request, request_id: str) -> Reply:
        self._verifier.verify(request)
        action, version = request.headers["x-acs-action"], request.headers["x-acs-version"]
        return self._perhaps(action, lambda: ok(self._api.call(action, version, request.parameters()), request_id))

    def _perhaps(self, action: str, work: Callable[[], Reply]) -> Reply:
        """The work's reply, unless a fault is scripted for the action."""
        seconds, fault = self._faults.call(action)
        time.sleep(seconds)
        if fault and fault.kind == "error":
            raise ApiError(fault.code, fault.message, fault.status)
        if fault and fault.kind == "reset-before":
            return CUT
        reply = work()
        return CUT if fault else reply

    def _signal(self, request: Request) -> dict[str, Any]:
        if request.method != "POST":
            raise ApiError("UnsupportedHTTPMethod", "A signal is sent by POST.", 405)
        try:
            body = json.loads(request.body)
        except ValueError:
            raise ApiError("InvalidSignal", "A signal is JSON.") from None
        handle = parse_qs(request.query).get("handle", [""])[0]
        self._signals.receive(handle, request.headers.get("x-acs-wait-condition-token", ""), body)
        return {}

    def _control(self, request: Request) -> dict[str, Any]:
        """Not of the service: who is here, and stop when no stack is left. Takes the secret as a bearer token."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(token.encode(), self._key_secret.encode()):
            raise ApiError("Forbidden", "This is for the owner of the state folder.", 403)
        match request.method, request.path:
            case "GET", "/local/alive":
                return {"Pid": os.getpid(), "AccessKeyId": self._key_id}
            case "POST", "/local/stop-if-idle":
                stopping = self.close_if_idle()
                if stopping:
                    self.stopped.set()
                return {"Stopping": stopping}
        raise ApiError("InvalidAction.NotFound", f"There is no {request.method} {request.path}.", 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    door: Door

    def server_bind(self) -> None:
        # HTTPServer would look its own name up in DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the end of each answer waits 40 ms for the client's acknowledgement
    server: _Server
    timeout = 60  # seconds for which an idle connection is kept

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(Reply(413, b"{}", {"Content-Type": "application/json", "Connection": "close"}))
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.door(Request(self.command, path, query, headers, self.rfile.read(int(length)))))

    do_GET = do_PUT = do_POST  # noqa: N815 - the base class calls them so

    def _send(self, reply: Reply) -> None:
        if reply is CUT:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the request line holds the parameters, passwords among them."""


def serve(folder: Path, port: int = 0, ready: Callable[[], None] = lambda: None, faults: Faults | None = None) -> None:
    """Serves until SIGTERM or SIGINT (stacks stay, their apps run on) or until it is asked to stop when idle (then the
    folder is removed). Without a port it takes the last one again, so that addresses which stacks hold stay true.
    `ready` is called once it answers. Raises ServeError."""
    os.umask(0o077)
    lock = _locked(folder)
    known = read_endpoint(folder)
    server = _bind(port or int(known.get("port", 0)), strict=bool(port))
    keys = {
        str(known.get("access_key_id") or f"LTAI{secrets.token_hex(10)}"): str(
            known.get("access_key_secret") or secrets.token_hex(15)
        )
    }
    url = f"http://{HOST}:{server.server_port}"
    emulator = Emulator(folder, url, keys, faults or Faults())
    server.door = emulator.handle
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: emulator.stopped.set())
    emulator.resume()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    _write_endpoint(folder, url, server.server_port, keys)
    LOG.info("serving on %s", url)
    ready()
    emulator.stopped.wait()
    server.shutdown()
    server.server_close()
    if emulator.close_if_idle():
        _remove(folder)
    os.close(lock)


def read_endpoint(folder: Path) -> dict[str, Any]:
    """What an earlier or running emulator wrote; empty when there is nothing readable."""
    try:
        value = json.loads((folder / ENDPOINT_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _locked(folder: Path) -> int:
    """Holds the folder's lock file; the lock ends with the process."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        while True:
            path = folder / LOCK_FILE
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
            os.close(descriptor)  # an emulator that stopped has just removed the file
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except BlockingIOError:
        raise ServeError(
            f"{folder}: another emulator serves this folder; stop it, or choose another with --state"
        ) from None
    except OSError as error:
        raise ServeError(f"{folder}: cannot keep state here ({error.strerror}); choose a folder with --state") from None


def _bind(port: int, strict: bool) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except OSError as error:
        if strict:
            raise ServeError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
        return _Server((HOST, 0), _Handler)


def _write_endpoint(folder: Path, url: str, port: int, keys: dict[str, str]) -> None:
    ((key_id, secret),) = keys.items()
    value = {
        "url": url,
        "host": f"{HOST}:{port}",
        "port": port,
        "pid": os.getpid(),
        "access_key_id": key_id,
        "access_key_secret": secret,
    }
    temporary = folder / f"{ENDPOINT_FILE}.new"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(value))
    temporary.replace(folder / ENDPOINT_FILE)


def _remove(folder: Path) -> None:
    """All that is ours, the lock file last: until then no other emulator begins here. Somebody else's files in the
    folder stay, and the folder with them."""
    for name in ("instances", "images", "packages", "services"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in (f"{ENDPOINT_FILE}*", "state.sqlite3*", "seal.key", "emulator.log", LOCK_FILE):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
