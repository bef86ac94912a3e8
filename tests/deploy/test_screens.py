"""What each command shows, byte for byte: on a terminal of 80 and of 100 columns, on a pipe, and as JSON.

The files are in golden/. After a wanted change: UPDATE_GOLDEN=1 python -m pytest tests/deploy/test_screens.py, and look
at the difference.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pty
import re
import subprocess
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyte
import pytest

from deploy.changes import Change, Drift, PropertyChange
from deploy.errors import Failure
from deploy.offers import Price
from deploy.session import Session
from deploy.stacks import Stack
from tests.deploy.fakes import WAIT, FakeCloud, FakeMachines, Terminal, session

GOLDEN = Path(__file__).parent / "golden"
PASSWORD = "Correct-Horse-9"
SPEC, BIGGER = "ecs.gn7i-c16g1.4xlarge", "ecs.gn7i-c32g1.16xlarge"
GROUP, COMMAND = "ALIYUN::ECS::InstanceGroup", "ALIYUN::ECS::RunCommand"
CLOUD = f"--spec {SPEC} --region cn-hangzhou --zone cn-hangzhou-h --client-cidr 203.0.113.7"
CREATED = [
    ("Vpc", "ALIYUN::ECS::VPC", "CREATE_IN_PROGRESS", ""),
    ("Vpc", "ALIYUN::ECS::VPC", "CREATE_COMPLETE", ""),
    ("InstanceGroup", GROUP, "CREATE_IN_PROGRESS", ""),
    ("InstanceGroup", GROUP, "CREATE_COMPLETE", ""),
    ("RunCommand", COMMAND, "CREATE_IN_PROGRESS", ""),
    ("WaitCondition", WAIT, "CREATE_IN_PROGRESS", ""),
]
REASON = "模型文件不完整，请重新制作镜像 | the model's files are incomplete; bake the image again, then create anew"


class Timed(FakeCloud):
    """Two seconds pass between looks."""

    def __init__(self, script: list[tuple[str, str, str, str]] | None = None, *, ready: bool = False) -> None:
        super().__init__(script)
        self.seconds = 0.0
        self.on_look = self._tick
        if ready:
            outputs = {"LoginAddress": "https://203.0.113.9/", "ApiAddress": "https://203.0.113.9/v1"}
            self.put(
                Stack(
                    "stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "2026-11-22T10:00:00", outputs=outputs,
                    parameters={"InstanceType": SPEC},
                )
            )  # fmt: skip

    def _tick(self) -> None:
        self.seconds += 2.0


def good() -> Timed:
    ends = [("RunCommand", COMMAND, "CREATE_COMPLETE", ""), ("WaitCondition", WAIT, "CREATE_COMPLETE", "")]
    return Timed([*CREATED, *ends, ("", "", "CREATE_COMPLETE", "")])


def bad() -> Timed:
    return Timed([*CREATED, ("WaitCondition", WAIT, "CREATE_FAILED", REASON), ("", "", "CREATE_FAILED", REASON)])


def sold_out() -> Timed:
    cloud = Timed()
    cloud.zones |= {("cn-hangzhou", BIGGER): ["cn-hangzhou-i"], ("ap-southeast-1", SPEC): ["ap-southeast-1a"]}
    return cloud


def protected() -> Timed:
    cloud = ready()
    cloud.put(Stack("stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "", protected=True))
    return cloud


def ready() -> Timed:
    cloud = Timed(ready=True)
    cloud.zones[("cn-hangzhou", SPEC)] = ["cn-hangzhou-h", "cn-hangzhou-i"]
    cloud.changes = (
        Change("InstanceGroup", GROUP, "Modify", "False", (PropertyChange("InstanceType", SPEC, BIGGER),)),
        Change("Eip", "ALIYUN::VPC::EIP", "Remove"),
    )
    cloud.drifted = [Drift("Eip", "ALIYUN::VPC::EIP", "MODIFIED", (PropertyChange("Bandwidth", "20", "100"),))]
    cloud.price_list = [
        Price("InstanceGroup", GROUP, Decimal("10.52"), "CNY"),
        Price("Eip", "ALIYUN::VPC::EIP", Decimal("0.02"), "CNY"),
    ]
    return cloud


def early() -> Timed:
    cloud = Timed()
    cloud.put(Stack("stack-1", "whisper", "CREATE_IN_PROGRESS", "", "cn-hangzhou", ""))
    return cloud


@dataclass(frozen=True)
class Screen:
    """`running`: a local target answers for the folder {state}."""

    words: str
    cloud: Callable[[], Timed] = ready
    running: bool = False


SCREENS = {
    "create": Screen(f"create {CLOUD} --password-stdin", good),
    "create-failed": Screen(f"create {CLOUD} --password-stdin --on-failure keep", bad),
    "create-dry-run": Screen(f"create {CLOUD} --dry-run --tags team=语音组"),
    "create-taken": Screen(f"create {CLOUD} --password-stdin"),
    "create-no-wait": Screen(f"create {CLOUD} --password-stdin --no-wait", good),
    "create-sold-out": Screen(f"create {CLOUD.replace('cn-hangzhou-h', 'auto')} --password-stdin", sold_out),
    "specs": Screen("specs"),
    "estimate": Screen(f"estimate {CLOUD}"),
    "preview": Screen(f"preview {CLOUD}"),
    "list": Screen("list --region cn-hangzhou"),
    "status": Screen("status --region cn-hangzhou"),
    "events": Screen("events --region cn-hangzhou"),
    "events-follow": Screen("events --follow --region cn-hangzhou"),
    "outputs": Screen("outputs --region cn-hangzhou"),
    "logs": Screen("logs --region cn-hangzhou"),
    "resize-dry-run": Screen("resize --spec c32g1.16xlarge --dry-run --region cn-hangzhou"),
    "update-dry-run": Screen("update --set Model=small --dry-run --region cn-hangzhou"),
    "update": Screen("update --yes --region cn-hangzhou"),
    "upgrade": Screen("upgrade --back --yes --region cn-hangzhou"),
    "drift": Screen("drift --region cn-hangzhou"),
    "delete": Screen("delete whisper --yes --region cn-hangzhou"),
    "delete-protected": Screen("delete whisper --yes --region cn-hangzhou", protected),
    "delete-retain": Screen("delete whisper --yes --unprotect --retain --region cn-hangzhou", protected),
    "doctor": Screen("doctor --region cn-hangzhou"),
    "open": Screen("open --region cn-hangzhou"),
    "open-early": Screen("open --region cn-hangzhou", early),
    "local-list": Screen("local list --state-dir {state}", running=True),
    "local-list-none": Screen("local list --state-dir {state}"),
    "local-stop": Screen("local stop --state-dir {state}", running=True),
    "local-stop-none": Screen("local stop --state-dir {state}"),
    "local-serve-faults": Screen("local serve --state-dir {state} --faults tests/deploy/faulty.yaml"),
    "local-serve-port": Screen("local serve --state-dir {state} --port 70000"),
    "policy": Screen("policy --region cn-hangzhou"),
    "validate": Screen("validate tests/deploy/faulty.yaml"),
    "validate-clean": Screen("validate ros_templates/single.yaml ros_templates/cluster.yaml"),
    "render-check": Screen("render --check --out ros_templates"),
}


def run(made: Session, cloud: Timed) -> None:
    made.clock = lambda: cloud.seconds
    command = importlib.import_module(f"deploy.commands.{made.verb}")
    try:
        getattr(command, made.verb)(made)
    except Failure as failure:
        made.fail(failure)


def begun(words: str, cloud: Timed) -> Session:
    machines = FakeMachines("2026-11-22 10:00:00 ready\n" if words.startswith("logs") else "backup\nSUCCESS 1.1.0\n")
    machines.account = {"max-postpaid-instance-vcpu-count": "100"}
    cloud.resources = lambda stack_id: [  # type: ignore[method-assign]
        *FakeCloud.resources(cloud, stack_id), type(FakeCloud.resources(cloud, stack_id)[0])(
            "InstanceGroup", GROUP, "asg-1", "CREATE_COMPLETE", "")
    ]  # fmt: skip
    return session(words, cloud, stdin=f"{PASSWORD}\n", machines=machines)


class Alive(BaseHTTPRequestHandler):
    """What a local target says when it is asked whether it is there."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"Alive": true}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base class's name
        pass


@contextmanager
def words_for(screen: Screen) -> Iterator[str]:
    """The words with a folder for {state}, whose name is as long in every run: lines break at the same place."""
    if "{state}" not in screen.words:
        yield screen.words
        return
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder, ExitStack() as running:
        if screen.running:
            server = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Alive))
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()  # seconds that shutdown waits
            running.callback(server.shutdown)
            process = running.enter_context(subprocess.Popen(["sleep", "60"]))
            running.callback(process.kill)
            known = {"host": f"127.0.0.1:{server.server_port}", "access_key_id": "i", "access_key_secret": "s"}
            Path(folder, "endpoint.json").write_text(json.dumps({**known, "pid": process.pid}), encoding="utf-8")
        yield screen.words.replace("{state}", folder)


def on_a_pipe(screen: Screen, *, json_wanted: bool = False) -> str:
    cloud = screen.cloud()
    with words_for(screen) as words:
        made = begun(words + (" --json" if json_wanted else ""), cloud)
        run(made, cloud)
    assert isinstance(made.stdout, io.StringIO)
    assert isinstance(made.stderr, io.StringIO)
    if json_wanted:
        return json.dumps(json.loads(made.stdout.getvalue()), ensure_ascii=False, indent=2) + "\n"
    return f"--- standard error\n{made.stderr.getvalue()}--- standard output\n{made.stdout.getvalue()}"


def on_a_terminal(screen: Screen, columns: int) -> str:
    """The last picture that a terminal of that width shows."""
    cloud = screen.cloud()
    shown = pyte.Screen(columns, 50)
    stream = pyte.ByteStream(shown)
    outer, inner = pty.openpty()

    def read() -> None:
        while True:
            try:
                stream.feed(os.read(outer, 65536))
            except OSError:  # the other end is closed
                return

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(inner, "w", encoding="utf-8") as terminal, words_for(screen) as words:
        made = begun(words, cloud)
        made.environ = {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color"}
        made.stdin = Terminal(f"{PASSWORD}\n")
        made.stdout = made.stderr = terminal
        run(made, cloud)
    reader.join()
    os.close(outer)
    lines = [line.rstrip() for line in shown.display]
    return "\n".join(lines).rstrip("\n") + "\n"


def normal(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}…", "<sha256>", text)
    text = re.sub(r"/tmp/s\w{8}\b", "<state>", text)
    text = re.sub(r"\b127\.0\.0\.1:\d{4,}", "127.0.0.1:<port>", text)
    return re.sub(r"\b[0-9a-f]{32}\b", "<token>", text)


def compare(file: str, shown: str) -> None:
    path = GOLDEN / file
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(normal(shown), encoding="utf-8")
    assert normal(shown) == path.read_text(encoding="utf-8")


KINDS = ("80", "100", "pipe", "json")
NARROW = ("create", "create-failed", "update")


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are named from there. There is one browser, which takes every page."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr("webbrowser._tryorder", ["true %s"])
    monkeypatch.setattr("webbrowser._browsers", {"true %s": [None, webbrowser.GenericBrowser(["true", "%s"])]})


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("kind", KINDS)
def test_screen(name: str, kind: str) -> None:
    screen = SCREENS[name]
    shown = on_a_terminal(screen, int(kind)) if kind.isdigit() else on_a_pipe(screen, json_wanted=kind == "json")
    compare(f"{name}.{kind}.txt", shown)


@pytest.mark.parametrize("name", NARROW)
def test_screen_of_a_narrow_terminal(name: str) -> None:
    """Where a tree is drawn: nothing wraps, and every line tells how it stands and for how long."""
    compare(f"{name}.40.txt", on_a_terminal(SCREENS[name], 40))


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{name}.{kind}.txt" for name in SCREENS for kind in KINDS} | {f"{name}.40.txt" for name in NARROW}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


def test_colours_only_where_they_are_wanted() -> None:
    """The same screen with NO_COLOR has no colour; a dumb terminal gets plain lines."""
    for environ, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        cloud = good()
        made = begun(SCREENS["create"].words, cloud)
        made.stdout = made.stderr = Terminal()
        made.environ = {"COLUMNS": "80", "LINES": "50", "TERM": "xterm-256color", **environ}
        run(made, cloud)
        assert bool(re.search(r"\x1b\[(\d+;)*3[1-3]", made.stderr.getvalue())) is coloured
