"""start.sh in a private folder tree, with the real app and the real demo weights; a small server stands for the
WaitCondition's address and keeps the signals it got."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.target import prepare_image
from tests.support import processes

ROOT = Path(__file__).parents[2]
PASSWORD = "Plain-Secret-7391"

pytestmark = [pytest.mark.weights]


@dataclass
class Instance:
    """A private tree as the local target makes it, and the signals that its startup sent."""

    root: Path
    port: int
    signal_url: str
    signals: list[dict[str, str]] = field(default_factory=list)

    def start(self, **changes: str) -> subprocess.CompletedProcess[str]:
        values = {
            "USER_B64": encode("admin"),
            "PASSWORD_B64": encode(PASSWORD),
            "SIGNAL_B64": encode(f"curl -X POST -H 'x-token: t' '{self.signal_url}'"),
            "MODEL": "tiny.en",
            "PUBLIC_ADDRESS": "",
        } | changes
        lines = "".join(f"{name}={value}\n" for name, value in values.items())
        return subprocess.run(
            ["bash", self.root / "opt/whisper/current/scripts/start.sh"],
            input=lines,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.root),
                "LANG": "C.UTF-8",
                "WHISPER_ROOT": str(self.root),
                "WHISPER_PORT": str(self.port),
                "WHISPER_INSTANCE_ID": str(self.root),
                # a cloud that does not answer, for a node
                "WHISPER_CLOUD": "http://127.0.0.1:9",
                "WHISPER_CLOUD_REGION": "cn-hangzhou",
                "WHISPER_CLOUD_KEY": "key",
                "WHISPER_CLOUD_SECRET": "secret",
                "WHISPER_CLOUD_ATTEMPTS": "1",
            },
        )

    def pid(self) -> int:
        return int((self.root / "run/whisper/app.pid").read_text())

    def stop(self) -> None:
        for pid in processes.mentioning(f"WHISPER_INSTANCE_ID={self.root}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def node(**changes: str) -> dict[str, str]:
    """What makes an instance a node of a cluster."""
    return {
        "DATABASE_URL_B64": encode("postgresql://whisper:words@127.0.0.1:5432/whisper?sslmode=require"),
        "MEDIA_B64": encode("/tmp"),
        "PUBLIC_URL_B64": encode("http://127.0.0.1:8080"),
        "BALANCER_B64": encode("10.0.32.0/20 10.0.48.0/20"),
    } | changes


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    prepare_image(tmp_path / "local")
    shutil.copytree(tmp_path / "local/images/default/opt", tmp_path / "opt", symlinks=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Instance(tmp_path, port, "")

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.signals.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    made.signal_url = f"http://127.0.0.1:{server.server_address[1]}/signal"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.stop()
        server.shutdown()
        server.server_close()


def test_starts_the_app_passes_the_gate_and_signals_once(instance: Instance) -> None:
    run = instance.start()
    assert run.returncode == 0, run.stdout + run.stderr
    assert [s["status"] for s in instance.signals] == ["SUCCESS"]
    data = json.loads(instance.signals[0]["data"])
    assert data["login_address"] == f"http://127.0.0.1:{instance.port}/"
    assert data["api_address"] == f"http://127.0.0.1:{instance.port}/v1"
    # the stack's outputs read both, whatever the machine is
    assert (data["certificate"], data["fingerprint"]) == ("none", "")
    with urllib.request.urlopen(f"http://127.0.0.1:{instance.port}/readyz") as answer:
        assert answer.status == 200

    settings = instance.root / "etc/whisper/whisper.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert "$argon2id$" in settings.read_text()
    # the password is nowhere: not in a file, not in a process, not in what the script printed
    assert PASSWORD not in run.stdout + run.stderr + json.dumps(instance.signals)
    assert not list(processes.files_holding(PASSWORD, instance.root))
    assert not processes.mentioning(PASSWORD)
    assert not list(processes.files_holding(encode(PASSWORD), instance.root))


def test_a_second_run_does_no_harm(instance: Instance) -> None:
    hashed = subprocess.run(
        [sys.executable, "-m", "service_app", "hash-password"],
        input=PASSWORD, text=True, capture_output=True, check=True, cwd=ROOT,
    ).stdout.strip()  # fmt: skip
    assert instance.start(PASSWORD_B64=encode(hashed)).returncode == 0
    first = instance.pid()
    again = instance.start(PASSWORD_B64=encode(hashed))
    assert again.returncode == 0, again.stdout
    assert instance.pid() == first, "the running app with the same settings stays"

    os.kill(first, signal.SIGKILL)
    repaired = instance.start(PASSWORD_B64=encode(hashed))
    assert repaired.returncode == 0, repaired.stdout
    assert instance.pid() != first
    assert [s["status"] for s in instance.signals] == ["SUCCESS"] * 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"USER_B64": encode("x'; touch /tmp/owned; '")}, "bad_user"),
        ({"USER_B64": encode("")}, "bad_user"),
        ({"USER_B64": "!!!"}, "bad_value"),
        ({"PASSWORD_B64": ""}, "no_password"),
        ({"PASSWORD_B64": encode("$argon2id$'; touch /tmp/owned; '")}, "bad_password"),
        ({"MODEL": "../../etc"}, "bad_model"),
        ({"PASSWORD_B64": encode("$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHRzYWx0$" + "A" * 43)}, "bad_password"),
        ({"PASSWORD_B64": encode("$argon2id$nobody-can-log-in-with-this")}, "bad_password"),
        ({"PASSWORD_B64": encode("two\nlines")}, "bad_password"),
        ({"PASSWORD_B64": base64.b64encode(b"not \xff UTF-8").decode()}, "bad_password"),
        ({"MODEL": "a | b | SUCCESS"}, "bad_model"),
        ({"PUBLIC_ADDRESS": "1.2.3.4/'"}, "bad_address"),
        ({"PUBLIC_ADDRESS": "1.2.3.4:80"}, "bad_address"),
        ({"PUBLIC_ADDRESS": "-option.example"}, "bad_address"),
        ({"PUBLIC_ADDRESS": "../../etc"}, "bad_address"),
        ({"PUBLIC_ADDRESS": f"a.example\nSIGNAL_B64={encode('touch /tmp/owned;')}"}, "bad_value"),
        ({"SURPRISE": "1"}, "bad_value"),
        # of a node of a cluster
        ({"SECRET_B64": encode("../etc/passwd")}, "bad_value"),
        ({"SECRET_B64": encode("whisper-unknown")}, "no_settings"),
        (node(DATABASE_URL_B64=encode("postgresql://a:b@c/d'; touch /tmp/owned; '")), "bad_database"),
        (node(DATABASE_URL_B64=encode("sqlite:///etc/passwd")), "bad_database"),
        (node(PUBLIC_URL_B64=encode("javascript:alert(1)")), "bad_address"),
        (node(BALANCER_B64=encode("10.0.0.0/8'")), "bad_value"),
        (node(METRIC="7; touch /tmp/owned"), "bad_value"),
        (node(MEDIA_B64=encode("/nowhere/at/all")), "media"),
        (node(MEDIA_B64=encode("nas.example.com")), "media"),
    ],
)
def test_bad_values_end_in_one_failure_signal(instance: Instance, change: dict[str, str], code: str) -> None:
    run = instance.start(**change)
    assert run.returncode == 1
    assert [s["status"] for s in instance.signals] == ["FAILURE"], run.stdout
    said, chinese, english = instance.signals[0]["data"].split(" | ")
    assert said == code
    assert chinese and english
    assert not Path("/tmp/owned").exists()
    assert not processes.mentioning(f"WHISPER_INSTANCE_ID={instance.root}")


def test_a_model_that_is_not_installed_fails_with_the_reason(instance: Instance) -> None:
    run = instance.start(MODEL="large-v3")
    assert run.returncode == 1
    assert [s["status"] for s in instance.signals] == ["FAILURE"]
    assert "large-v3" in instance.signals[0]["data"]


def test_a_taken_port_fails_with_the_reason(instance: Instance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", instance.port))
        taken.listen()
        run = instance.start()
    assert run.returncode == 1
    assert [s["status"] for s in instance.signals] == ["FAILURE"]
    assert instance.signals[0]["data"].startswith("app_ended | ")
    assert str(instance.port) in instance.signals[0]["data"]


def test_the_gate_refuses_wrong_words() -> None:
    script = ROOT / "scripts/same_words.py"
    clip = ROOT / "service_app/assets/clips/demo-en.txt"

    def judge(text: str) -> subprocess.CompletedProcess[str]:
        answer = json.dumps({"text": text})
        return subprocess.run([sys.executable, script, clip], input=answer, text=True, capture_output=True, check=False)

    right = clip.read_text()
    assert judge(right).returncode == 0
    assert judge(right.replace("welcome", "well come")).returncode == 0
    for wrong in ("", "you", right * 3, "thank you for watching " * 6):
        refused = judge(wrong)
        assert refused.returncode == 1
        assert "expected" in refused.stdout
