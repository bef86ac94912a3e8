"""Every command against the emulator: the command line's own door, the real SDK, a small template."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import cli, target, templates
from tests.deploy.small import template
from tests.support import processes

ROOT = Path(__file__).parents[2]
PASSWORD = "Correct-Horse-9"
SPEC, BIGGER = "ecs.gn7i-c16g1.4xlarge", "ecs.gn7i-c32g1.16xlarge"


class Line:
    """The command line in a world of its own: `state` is the local target's folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._environ = {"WHISPER_LOCAL_HOME": str(state)}

    def __call__(self, words: str, *, code: int = 0) -> dict[str, Any]:
        out, err = io.StringIO(), io.StringIO()
        given = [*words.split(), "--local", "--json"]
        stdin = io.StringIO(f"{PASSWORD}\n")
        ended = cli.run(given, stdin=stdin, stdout=out, stderr=err, environ=self._environ)
        assert ended == code, (out.getvalue(), err.getvalue())
        assert PASSWORD not in out.getvalue() + err.getvalue()
        reply: dict[str, Any] = json.loads(out.getvalue())
        return reply["data"] if reply["status"] == "success" else reply["error"]

    def kill_emulator(self) -> None:
        os.kill(json.loads((self.state / "endpoint.json").read_text())["pid"], signal.SIGKILL)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    line = Line(tmp_path_factory.mktemp("world") / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "body", lambda name: template(machine=True))
        yield line
    target.stop(line.state)
    assert not list(processes.files_holding(PASSWORD, line.state))


CREATE = f"create --spec {SPEC} --password-stdin"


def test_a_life(line: Line) -> None:
    """In the order in which a person would use them."""
    estimate = line(f"estimate --spec {SPEC}")
    assert float(estimate["totals"][0]["hourly"]) > 0
    assert [item["resource"] for item in line(f"preview --spec {SPEC}")["resources"]] == [
        "Vpc", "VSwitch", "Instance", "Script"
    ]  # fmt: skip
    assert line("doctor")["healthy"]
    assert line("policy")["policy"]["Statement"]

    made = line(f"{CREATE} --name life --zone auto --tags team=speech --protect --user ada")
    assert (made["login_address"], made["user"]) == ("http://127.0.0.1:9/", "ada")
    assert line("status life")["status"] == "CREATE_COMPLETE"
    taken = line(f"{CREATE} --name life", code=1)
    assert taken["code"] == "StackExists"

    shown = line("resize life --spec c32g1.16xlarge --dry-run")
    assert shown["status"] == "CREATE_COMPLETE"
    (grown,) = [change for change in shown["changes"] if change["resource"] == "Instance"]
    assert {"path": "InstanceType", "before": SPEC, "after": BIGGER} in grown["properties"]
    assert line("resize life --spec c32g1.16xlarge --yes")["status"] == "UPDATE_COMPLETE"
    assert line("resize life --spec c32g1.16xlarge", code=1)["code"] == "SameSpec"
    assert line("update life --yes")["changes"] == []
    assert not line("drift life")["drifted"]
    assert line("logs life", code=1)["code"] == "NoLog"
    assert line(f"upgrade life --package {__file__} --yes", code=1)["code"] == "UpgradeFailed"
    assert line("create --resume life")["login_address"] == "http://127.0.0.1:9/"

    assert line("delete life --yes", code=1)["code"] == "Protected"
    gone = line("delete life --yes --unprotect")
    assert gone["status"] == "DELETE_COMPLETE"
    assert gone["monthly_cost"].endswith("CNY a month")
    assert line("list") == {"stacks": []}


def test_a_failed_command_is_mended_and_resumed(line: Line, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    failed = line(f"{CREATE} --name mended --on-failure keep --set Flag={flag}", code=1)
    assert failed["code"] == "StackFailed"
    assert "create --resume mended" in failed["remedy"]
    again = line("create --resume mended", code=1)
    assert again["code"] == "StackFailed"
    flag.touch()
    assert line("create --resume mended")["status"] == "CREATE_COMPLETE"
    line("delete mended --yes")


def test_the_emulator_is_killed_and_keeps_all(line: Line) -> None:
    line(f"{CREATE} --name kept")
    line.kill_emulator()
    assert line("status kept", code=1)["code"] in ("LocalTargetNotRunning", "Refused")
    assert line("create --resume kept")["status"] == "CREATE_COMPLETE"  # brings the target back
    assert [stack["name"] for stack in line("list")["stacks"]] == ["kept"]
    line("delete kept --yes")


def test_ctrl_c_deletes_nothing_and_says_how_to_go_on(line: Line, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    words = f"{CREATE} --name halted --local --set Flag={flag} Patience=600".replace(
        "password-stdin", "generate-password"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.deploy.small", *words.split()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environ | {"WHISPER_LOCAL_HOME": str(line.state), "PYTHONPATH": str(ROOT)},
        # A runner in the background ignores the signal, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 # one thread here
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for shown in process.stderr:
            if "Script  CREATE_IN_PROGRESS" in shown:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[-1].endswith("go on with: python -m deploy create --resume halted --local")
    assert line("status halted")["stack_id"] in err
    flag.touch()
    assert line("create --resume halted")["status"] == "CREATE_COMPLETE"
    line("delete halted --yes")
