"""What must hold when everything goes wrong: no stack made twice, none lost, nothing half told.

A third of all calls is turned away or cut off, before or after it was heard; the command line is killed at any moment.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import target
from deploy.alibaba import Ros, connect_local
from deploy.follow import follow
from deploy.stacks import Stack, StackPlan
from tests.deploy.small import template

ROOT = Path(__file__).parents[2]
PASSWORD = "Correct-Horse-9"
CREATES, KILLS = 100, 5
FAULTS = """\
seed: 11
rules:
  - {fault: throttle, action: "*", probability: 0.12}
  - {fault: reset-before, action: "*", probability: 0.1}
  - {fault: reset-after, action: "*", probability: 0.1}
"""  # together three calls of ten
PARAMETERS = {
    "ZoneId": "cn-hangzhou-a", "InstanceType": "ecs.gn7i-c16g1.4xlarge", "InstancePassword": PASSWORD,
    "SoftwareUserName": "ada", "SoftwarePassword": PASSWORD, "ClientCidr": "127.0.0.1/32", "Model": "tiny",
    "SystemDiskSize": "200",
}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    target.stop(tmp_path / "state")


@pytest.fixture
def hostile(state: Path, tmp_path: Path) -> Ros:
    (tmp_path / "faults.yaml").write_text(FAULTS)
    subprocess.run(
        [sys.executable, "-m", "deploy.local", "serve", "--state", str(state), "--detach",
         "--faults", str(tmp_path / "faults.yaml")],
        check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    known = json.loads((state / "endpoint.json").read_text())
    return connect_local(
        known["host"], known["access_key_id"], known["access_key_secret"], region="cn-hangzhou",
        sleep=lambda seconds: time.sleep(seconds / 100),
    ).ros()  # fmt: skip


def test_a_hundred_creates_end_right_though_three_calls_of_ten_fail(hostile: Ros) -> None:
    text = template(machine=False)
    made = {}
    for number in range(CREATES):
        name = f"stack-{number}"
        plan = StackPlan(name, "cn-hangzhou", text, PARAMETERS, f"token-{number}")
        made[name] = hostile.create(plan)
    for name, stack_id in made.items():
        begun = Stack(stack_id, name, "CREATE_IN_PROGRESS", "", "cn-hangzhou", "")
        *_, last = follow(hostile, begun, pause=lambda: time.sleep(0.02))
        assert (last.stack.name, last.stack.status) == (name, "CREATE_COMPLETE")
        assert last.stack.login_address
    listed = hostile.stacks()
    assert Counter(stack.name for stack in listed) == Counter(dict.fromkeys(made, 1))
    assert {stack.id for stack in listed} == set(made.values())


def test_killed_at_any_moment_resume_ends_right(state: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    environ |= {"WHISPER_LOCAL_HOME": str(state), "PYTHONPATH": str(ROOT)}

    def start(words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.small", *words.split(), "--password-stdin", "--local", "--json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip

    moments = random.Random(5)
    create = "create --spec gn7i-c16g1 --name"
    begun = time.monotonic()
    with start(f"{create} whole") as process:
        process.communicate(f"{PASSWORD}\n")
    seconds = time.monotonic() - begun
    for number in range(KILLS):
        name = f"killed-{number}"
        with start(f"{create} {name}") as process:
            assert process.stdin is not None
            process.stdin.write(f"{PASSWORD}\n")
            process.stdin.flush()
            time.sleep(moments.uniform(0.1, 1.0) * seconds)
            process.send_signal(signal.SIGKILL)
        with start(f"create --resume {name}") as process:
            out, err = process.communicate(f"{PASSWORD}\n")
        reply = json.loads(out)
        if process.returncode:
            # It was killed before it had decided anything: then there is nothing, and creating is safe.
            assert "none was begun" in reply["error"]["message"], err
            with start(f"{create} {name}") as process:
                out, err = process.communicate(f"{PASSWORD}\n")
            reply = json.loads(out)
        assert (process.returncode, reply["data"]["status"]) == (0, "CREATE_COMPLETE"), (out, err)
    known = json.loads((state / "endpoint.json").read_text())
    ros = connect_local(known["host"], known["access_key_id"], known["access_key_secret"], region="cn-hangzhou").ros()
    assert sorted(stack.name for stack in ros.stacks()) == [*(f"killed-{number}" for number in range(KILLS)), "whole"]
    assert not (state / "creating").exists()
