"""What outlives what: the emulator's death, the end of the last stack, and what a search of the state finds."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.errors import Failure
from deploy.local.instances import MARK, end_marked
from deploy.local.store import CreateRequest, Resource, Stack, Store
from deploy.target import local_endpoint, stop_if_idle

SUCCESS = """eval "$SIGNAL" -d "'"'{"status":"SUCCESS","id":"1","data":"hello"}'"'" """
VPC = {"Resources": {"Vpc": {"Type": "ALIYUN::ECS::VPC"}}}


@pytest.fixture
def target(own):
    """These tests end the emulator, so each has its own."""
    return own


def marked(instance_id: str) -> list[int]:
    """Processes that carry the instance's id."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and f"WHISPER_INSTANCE_ID={instance_id}".encode() in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_app_and_stack_outlive_the_emulator(target, machine) -> None:
    stack = target.create(machine(f"setsid sleep 600 & {SUCCESS}"))
    instance = target.outputs(stack.stack_id)["InstanceId"]
    port = target.endpoint.host
    target.kill()
    assert marked(instance)
    target.start()
    assert target.endpoint.host == port
    assert target.get(stack.stack_id).status == "CREATE_COMPLETE"
    assert json.loads(target.outputs(stack.stack_id)["Data"]) == {"1": "hello"}
    target.delete(stack.stack_id)
    assert not marked(instance)


def test_delete_ends_what_a_command_left_running(target, machine) -> None:
    stack = target.create(machine(f"setsid sleep 600 & {SUCCESS}"))
    instance = target.outputs(stack.stack_id)["InstanceId"]
    assert marked(instance)
    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"
    assert not marked(instance)
    assert not list((target.folder / "instances").iterdir())


def test_processes_that_do_not_listen_are_ended_too() -> None:
    """Such as one that ignores TERM and starts others. As a deletion does it, with a shorter grace."""
    owner = f"i-{secrets.token_hex(10)}"
    deaf = "trap '' TERM; sleep 600 & echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(["bash", "-c", deaf], env={**os.environ, MARK: owner}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(marked(owner)) >= 2
        end_marked(owner, grace=0.2)
        assert process.wait() == -signal.SIGKILL
    assert not marked(owner)


def test_creation_goes_on_after_the_emulator_was_killed(target, machine, eventually) -> None:
    script = f'while [ ! -e "$HOME/go" ]; do sleep 0.1; done; {SUCCESS}'
    stack_id = target.begin(machine(script, timeout=60, command_timeout=60))
    eventually(lambda: getattr(target.resources(stack_id).get("Run"), "status", "") == "CREATE_COMPLETE")
    eventually(lambda: getattr(target.resources(stack_id).get("Wait"), "status", "") == "CREATE_IN_PROGRESS")
    target.kill()
    target.start()
    (home,) = (target.folder / "instances").glob("*/root")
    (home / "go").touch()
    stack = target.ended(stack_id)
    assert stack.status == "CREATE_COMPLETE", stack.status_reason


def test_interrupted_command_ends_as_failed_with_its_reason(target, machine, eventually) -> None:
    stack_id = target.begin(machine("sleep 600", sync=True, timeout=60, command_timeout=60))
    eventually(lambda: getattr(target.resources(stack_id).get("Run"), "status", "") == "CREATE_IN_PROGRESS")
    target.kill()
    target.start()
    stack = target.ended(stack_id)
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "The local target was ended while this was going on" in stack.status_reason
    assert not list((target.folder / "instances").iterdir())


def test_last_stack_takes_the_target_with_it(target) -> None:
    stack = target.create(VPC)
    assert not stop_if_idle(target.folder)
    pid = json.loads((target.folder / "endpoint.json").read_text())["pid"]
    target.delete(stack.stack_id)
    assert stop_if_idle(target.folder)
    assert not target.folder.exists()
    # Where nobody collects orphans its number may stay, but nothing of it: an ended process has no command line.
    assert not Path(f"/proc/{pid}").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()


def test_nobody_finds_the_password(target, machine) -> None:
    secret = "Pl4nted-secret"
    forms = [secret.encode(), base64.b64encode(secret.encode())]
    loud = 'echo "$SECRET"; echo "$SECRET" | base64 -d; echo; exit 3'
    stack = target.create(machine(loud, sync=True), disable_rollback=True)
    assert stack.status == "CREATE_FAILED"
    assert "****" in stack.status_reason
    answers = [str(stack.to_map()), str([r.to_map() for r in target.resources(stack.stack_id).values()])]
    assert not any(form.decode() in answer for form in forms for answer in answers)
    assert {p.parameter_key: p.parameter_value for p in stack.parameters}["Password"] == "****"
    with sqlite3.connect(target.folder / "state.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint")
    files = [path for path in target.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files for form in forms if form in path.read_bytes()]


def test_state_is_private(target) -> None:
    assert oct(target.folder.stat().st_mode & 0o777) == "0o700"
    for name in ("endpoint.json", "state.sqlite3", "seal.key", "emulator.log"):
        assert oct((target.folder / name).stat().st_mode & 0o077) == "0o0", name


def test_one_emulator_for_each_folder_and_port(target, tmp_path: Path) -> None:
    def serve(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "deploy.local", "serve", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stderr

    code, text = serve("--state", str(target.folder))
    assert (code, text.count("\n")) == (1, 1)
    assert "another emulator serves this folder" in text
    port = target.endpoint.host.rpartition(":")[2]
    code, text = serve("--state", str(tmp_path / "other"), "--port", port)
    assert (code, text.count("\n")) == (1, 1)
    assert f"port {port} cannot be used" in text
    (tmp_path / "file").touch()
    code, text = serve("--state", str(tmp_path / "file" / "below"))
    assert (code, text.count("\n")) == (1, 1)
    assert "cannot keep state here" in text


def test_no_target_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no local target answers"):
        local_endpoint(tmp_path / "none", start=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="cannot keep state here"):
        local_endpoint(tmp_path / "file" / "below", start=True)


def test_files_of_others_stay(target) -> None:
    (target.folder / "diary.txt").write_text("mine")
    assert stop_if_idle(target.folder)
    assert [path.name for path in target.folder.iterdir()] == ["diary.txt"]


def test_a_state_folder_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    request = CreateRequest(template="t", parameters={"A": "1"}, tags=(("k", "v"),))
    stack = Stack("id", "name", "cn-hangzhou", "CREATE_COMPLETE", "", 1.0, 1.0, "", request)
    store.save_stack(stack)
    store.save_resource(Resource("id", "Vpc", "ALIYUN::ECS::VPC", "vpc-1", "CREATE_COMPLETE", "", 1.0, 1.0, {"a": 1}))
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite3")) as database:
        for statement in (
            "ALTER TABLE stacks DROP COLUMN previous",
            "ALTER TABLE resources DROP COLUMN made",
            "PRAGMA user_version = 0",
        ):
            database.execute(statement)
    store = Store(tmp_path)
    assert store.stack("id") == stack
    assert store.resources("id")["Vpc"].attributes == {"a": 1}
    assert store.resources("id")["Vpc"].needs == ()
    store.close()
