"""`python -m benchmarks.cli [--rounds N] [--json]`: what the command line itself costs.

Medians of whole processes, by turns so that a slow moment falls on all of them alike: a Python that does nothing,
--help, `status` of a stack on the local target, and `validate` of a template of 1,000 lines. Exit status 1 when a goal
was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deploy.alibaba import connect_local
from deploy.catalog import load
from deploy.stacks import StackPlan
from deploy.target import local_endpoint, stop

STACK = "bench"
LINES = 1_000
# What each may take over the Python that does nothing, in seconds; status is counted as a whole.
GOALS = {"help": 0.15, "status": 0.7, "validate": 1.0}
_TEMPLATE = """\
ROSTemplateFormatVersion: '2015-09-01'
Resources:
  Vpc:
    Type: ALIYUN::ECS::VPC
    Properties: {CidrBlock: 10.0.0.0/8}
"""
_SWITCH = """\
  Switch{n}:
    Type: ALIYUN::ECS::VSwitch
    Properties:
      VpcId: {{Ref: Vpc}}
      ZoneId: cn-hangzhou-h
      CidrBlock: {{Fn::Select: ['{n}', {{Fn::Cidr: [10.0.0.0/16, 200, 8]}}]}}
      VSwitchName: {{Fn::Sub: '${{ALIYUN::StackName}}-{n}'}}
"""


def template() -> str:
    """A good template of at least 1,000 lines."""
    text, count = _TEMPLATE, 0
    while text.count("\n") < LINES:
        text += _SWITCH.format(n=count)
        count += 1
    return text


def make_stack(folder: Path) -> None:
    """A stack to ask about, on an emulator of its own."""
    endpoint = local_endpoint(folder, start=True)
    region = load().regions[0].id
    account = connect_local(endpoint.host, endpoint.access_key_id, endpoint.access_key_secret, region=region)
    stack = account.ros().create(StackPlan(STACK, region, _TEMPLATE, {}, "benchmark"))
    while account.ros().stack(stack).busy:
        time.sleep(0.1)


def seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure(rounds: int, folder: Path) -> dict[str, list[float]]:
    lines = folder / "lines.yaml"
    lines.write_text(template(), encoding="utf-8")
    deploy = [sys.executable, "-m", "deploy"]
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "help": [*deploy, "--help"],
        "status": [*deploy, "status", STACK, "--local", "--state-dir", str(folder / "state")],
        "validate": [*deploy, "validate", str(lines)],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(seconds(command))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cli", description="What the command line itself costs.")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="whisper-bench-"))
    try:
        make_stack(folder / "state")
        found = {name: statistics.median(values) for name, values in measure(chosen.rounds, folder).items()}
    finally:
        stop(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)
    taken = {
        "help": found["help"] - found["bare"], "status": found["status"], "validate": found["validate"] - found["bare"],
    }  # fmt: skip
    if chosen.json:
        print(json.dumps({"version": 1, "load": os.getloadavg()[0], "medians": found, "taken": taken, "goals": GOALS}))
    else:
        print(f"Python that does nothing  {found['bare'] * 1000:.0f} ms; load {os.getloadavg()[0]:.1f}")
        for name, goal in GOALS.items():
            mark = "reached" if taken[name] <= goal else "missed"
            print(f"{name:9} {taken[name] * 1000:6.0f} ms  of {goal * 1000:.0f} ms  {mark}")
    return 0 if all(taken[name] <= goal for name, goal in GOALS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
