"""A cluster on this machine: a real PostgreSQL, nodes as processes of their own, HAProxy before them.

    client ─▶ HAProxy (cookie, health check on /readyz) ─▶ nodes ─▶ PostgreSQL
                                                              └───▶ the folder of recordings, which they share

Each node has its own data folder, as each machine has; only speech is replaced by an engine that takes its time. With
root a node can live in a network namespace of its own, so that its network can be cut. All of them end with the process
that started them, however that ends.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from service_app.auth.store import AuthStore
from service_app.database import connect
from tests.app.conftest import ROOT, TLS, USER, server_command

POSTGRESQL = Path("/usr/lib/postgresql")
NETWORK = "10.213.0.0/16"  # of nodes in namespaces
NODE_SECONDS = 3  # the time to live: 15 s in earnest
DATABASE_PASSWORD = "never-to-be-shown"  # the server asks for none
_WITH_US = ("setpriv", "--pdeathsig=KILL")  # before a command: it ends when we do
_STATS = ("fsync=off", "full_page_writes=off", "max_connections=300", "shared_buffers=32MB", "autovacuum_naptime=20s")


def programs() -> Path:
    """PostgreSQL's own, of the newest release that is installed."""
    found = sorted(POSTGRESQL.glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "install postgresql (scripts/setup.sh test does)"
    return found[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Database:
    """A server in a folder of its own, for as many databases as wanted. It refuses root, so root starts it as
    `nobody`. Its files survive a killed server process, which is all that is killed here: fsync is off."""

    def __init__(self, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="whisper-postgresql-"))
        self.port = free_port()
        self._as = list(_WITH_US)
        if os.getuid() == 0:
            self._as += ["--reuid=65534", "--regid=65534", "--clear-groups"]
            shutil.chown(self.folder, 65534, 65534)
        made = self._call("initdb", "-U", "whisper", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        assert made.wait() == 0, self._log()
        with (self.folder / "data" / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {NETWORK} trust\n")
        options = [f"listen_addresses={','.join(addresses)}", f"port={self.port}", *_STATS]
        options.append(f"unix_socket_directories={self.folder}")
        self._options = [word for option in options for word in ("-c", option)]

    def start(self) -> Database:
        self._process = self._call("postgres", *self._options)
        asked = (str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port))
        until(lambda: subprocess.run(asked, check=False).returncode == 0, "the database answers", self._log)
        return self

    def stop(self) -> None:
        """A crash: every connection breaks."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def create(self, name: str) -> str:
        """A new database; the path of its address."""
        engine = sa.create_engine(self.url("127.0.0.1", "postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return name

    def url(self, host: str, name: str) -> str:
        return f"postgresql+psycopg://whisper:{DATABASE_PASSWORD}@{host}:{self.port}/{name}"

    def remove(self) -> None:
        if self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*self._as, str(programs() / program), "-D", str(self.folder / "data"), *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _log(self) -> str:
        return (self.folder / "log").read_text()


@dataclass
class Node:
    name: str
    folder: Path
    environment: dict[str, str]
    key: str
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()  # of its command: the network namespace
    wire: Wire | None = None
    command: list[str] = field(default_factory=server_command)
    port: int = field(default_factory=free_port)
    release: Path = ROOT  # where its program is read from
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.environment,
            "WHISPER_NODE": self.name,
            "WHISPER_HOST": self.address,
            "WHISPER_PORT": str(self.port),
            "WHISPER_DATA_DIR": str(self.folder / "data"),
            "PYTHONPATH": f"{self.release}:{ROOT}",
        }

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def launch(self) -> Node:
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_WITH_US, *self.prefix, *self.command], env=self.settings, stderr=log, stdout=log
            )
        return self

    def start(self) -> Node:
        return self.launch().await_ready()

    def await_ready(self, status: int = 200) -> Node:
        until(lambda: self.readiness()[0] == status, f"{self.name} answers {status}", lambda: self.log)
        return self

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /readyz; (0, {}) when nobody answers."""
        assert self.process is not None and self.process.poll() is None, self.log
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=10, verify=TLS)
        except httpx.TransportError:
            return 0, {}
        return answer.status_code, answer.json()

    def send(self, what: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(what)

    def revive(self) -> None:
        """Whatever was done to it."""
        if self.wire is not None:
            self.wire.mend()
        if self.process is None or self.process.poll() is not None:
            self.launch()
        else:
            self.send(signal.SIGCONT)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.process.wait(5)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m service_app …` on this node."""
        return subprocess.run(
            [sys.executable, "-m", "service_app", *arguments],
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def client(self) -> httpx.Client:
        return client(self.url, self.key)

    def decoded(self, job_id: str) -> Counter[int]:
        """Windows of a job that this node decoded: how often each."""
        return Counter(int(window) for job, window in self._record() if job == job_id)

    def jobs(self) -> Counter[str]:
        """How many windows of each job this node decoded."""
        return Counter(job for job, _ in self._record())

    def _record(self) -> list[list[str]]:
        record = self.folder / "data" / "decoded.txt"
        return [line.split() for line in record.read_text().split("\n")[:-1]] if record.exists() else []


class Balancer:
    """HAProxy as the ALB is set: least connections, a cookie that keeps a user at a node, health by /readyz."""

    def __init__(self, folder: Path, nodes: list[Node]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        servers = "".join(
            f"  server {node.name} {node.address}:{node.port} check inter 300ms fall 1 rise 1 cookie {node.name}\n"
            for node in nodes
        )
        self._configuration = folder / "haproxy.cfg"
        self._configuration.write_text(
            "global\n  maxconn 2000\n"
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n"
            "  timeout check 2s\n  retries 3\n  option redispatch 1\n  retry-on conn-failure empty-response 503\n"
            f"listen nodes\n  bind 127.0.0.1:{self.port}\n  balance leastconn\n"
            "  cookie NODE insert indirect nocache\n  option forwardfor\n"
            "  option httpchk GET /readyz\n" + servers
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Balancer:
        self._process = subprocess.Popen(
            [*_WITH_US, "haproxy", "-db", "-f", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def client(self, key: str) -> httpx.Client:
        return client(self.url, key)


class Cluster:
    """Nodes of one database and one folder of recordings."""

    def __init__(self, folder: Path, database: Database, name: str, password_hash: str, **environment: str) -> None:
        self.folder = folder
        self.media = folder / "media"
        self.database = database
        self.name = database.create(name)
        self._environment = {
            "WHISPER_ADMIN_USER": USER,
            "WHISPER_ADMIN_PASSWORD_HASH": password_hash,
            "WHISPER_MEDIA_DIR": str(self.media),
            "WHISPER_NODE_SECONDS": str(NODE_SECONDS),
            "WHISPER_CANARY_MINUTES": "0",
            "WHISPER_ABANDON_SECONDS": "1",
            "WHISPER_PRIVATE_NETWORKS": f"127.0.0.0/8,{NETWORK}",
            **environment,
        }
        self.nodes: list[Node] = []
        self._balancer: Balancer | None = None

    @functools.cached_property
    def key(self) -> str:
        """Of a program: checking a password takes a while each time."""
        engine = connect(self.database.url("127.0.0.1", self.name))
        try:
            return AuthStore(engine).add_key("tests", USER, time.time())
        finally:
            engine.dispose()

    def balancer(self) -> Balancer:
        """Before all nodes that there are at the first call."""
        if self._balancer is None:
            self._balancer = Balancer(self.folder, self.nodes).start()
        return self._balancer

    def node(self, *, host: str = "127.0.0.1", **options: Any) -> Node:
        """Made, not started. `host` is where it finds the database."""
        name = f"n{len(self.nodes) + 1}"
        url = self.database.url(host, self.name).replace("+psycopg", "")
        node = Node(name, self.folder / name, {**self._environment, "WHISPER_DATABASE_URL": url}, self.key, **options)
        self.nodes.append(node)
        return node

    def start(self, count: int) -> list[Node]:
        """So many more, all at once."""
        fresh = [self.node().launch() for _ in range(count)]
        return [node.await_ready() for node in fresh]

    @functools.cached_property
    def _tables(self) -> sa.Engine:
        """Connects anew each time: the server may have crashed since."""
        return sa.create_engine(self.database.url("127.0.0.1", self.name), poolclass=sa.NullPool)

    def query(self, sql: str, **values: Any) -> list[Any]:
        with self._tables.connect() as connection:
            return list(connection.execute(sa.text(sql), values).all())

    def execute(self, sql: str, **values: Any) -> None:
        with self._tables.begin() as connection:
            connection.execute(sa.text(sql), values)

    def stop(self) -> None:
        if self._balancer is not None:
            self._balancer.stop()
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.send(signal.SIGCONT)
                node.send(signal.SIGTERM)
        for node in self.nodes:
            node.end()


@dataclass(frozen=True)
class Wire:
    """Between this machine and a network namespace: the namespace, its address, this machine's."""

    name: str
    there: str
    here: str

    @property
    def inside(self) -> tuple[str, ...]:
        """Before a command that is to run there; it becomes the command."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        _ip("link", "set", f"{self.name}h", "down")

    def mend(self) -> None:
        _ip("link", "set", f"{self.name}h", "up")


@contextlib.contextmanager
def wired(number: int) -> Iterator[Wire]:
    """Needs root."""
    wire = Wire(f"whisper{number}", f"10.213.{number}.2", f"10.213.{number}.1")
    with contextlib.suppress(subprocess.CalledProcessError):  # of tests that were killed
        _ip("netns", "delete", wire.name)
    _ip("netns", "add", wire.name)
    try:
        _ip("link", "add", f"{wire.name}h", "type", "veth", "peer", "name", "eth0", "netns", wire.name)
        _ip("addr", "add", f"{wire.here}/24", "dev", f"{wire.name}h")
        _ip("link", "set", f"{wire.name}h", "up")
        for device, address in (("lo", ""), ("eth0", f"{wire.there}/24")):
            if address:
                _ip("-n", wire.name, "addr", "add", address, "dev", device)
            _ip("-n", wire.name, "link", "set", device, "up")
        yield wire
    finally:
        _ip("netns", "delete", wire.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, headers={"authorization": f"Bearer {key}"}, verify=TLS)


def until(condition: Any, what: str, explain: Any = lambda: "", within: float = 60.0) -> None:
    """Waits; nothing is measured by it."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within:.0f} s\n{explain()[-6000:]}"
        time.sleep(0.03)
