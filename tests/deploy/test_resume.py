"""A creation goes on after the command line was interrupted, killed or turned away, and never makes a second stack."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from deploy.commands.create import create
from deploy.drafts import Draft, Drafts
from deploy.errors import Failure, ServiceError
from deploy.stacks import Stack, StackPlan
from tests.deploy.fakes import FakeCloud, printed, session

PASSWORD = "Correct-Horse-9"
LOCAL = "create --spec gn7i-c16g1 --local --password-stdin"
KEPT = Stack("stack-1", "whisper", "CREATE_FAILED", "RunCommand failed", "cn-hangzhou", "2026-11-22T10:00:00")


class Killed(BaseException):
    """As if the process ended here."""


class DyingCloud(FakeCloud):
    """The command line is killed just before or just after its request arrives."""

    def __init__(self, *, arrives: bool) -> None:
        super().__init__()
        self._arrives, self._alive = arrives, True

    def create(self, plan: StackPlan) -> str:
        if not self._alive:
            return super().create(plan)
        self._alive = False
        if self._arrives:
            super().create(plan)
        raise Killed


@pytest.mark.parametrize("arrives", [True, False])
def test_killed_while_asking(tmp_path: Path, arrives: bool) -> None:
    cloud = DyingCloud(arrives=arrives)
    with pytest.raises(Killed):
        create(session(f"{LOCAL} --user ada --tags team=x", cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
    resumed = session(
        "create --resume whisper --local --password-stdin", cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"
    )
    assert create(resumed) == 0
    assert printed(resumed)[0].splitlines()[-1] == "login address  http://127.0.0.1:1/"
    assert len(cloud.stacks()) == len(cloud.plans) == 1
    assert cloud.plans[0].parameters["SoftwareUserName"] == "ada"
    assert cloud.plans[0].tags == {"team": "x"}
    assert not (tmp_path / "drafts").exists()


def test_asking_again_uses_the_first_token(tmp_path: Path) -> None:
    cloud = DyingCloud(arrives=False)
    with pytest.raises(Killed):
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
    draft = Drafts(tmp_path / "drafts").find("whisper")
    assert draft is not None
    assert create(session("create --resume whisper --local --generate-password", cloud, home=tmp_path / "drafts")) == 0
    assert cloud.plans[0].client_token == draft.client_token


def test_killed_while_waiting(tmp_path: Path) -> None:
    cloud = FakeCloud()

    def die() -> None:
        raise Killed

    cloud.on_look = die
    with pytest.raises(Killed):
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
    cloud.on_look = lambda: None
    resumed = session("create --resume whisper --local --json", cloud, home=tmp_path / "drafts")
    assert create(resumed) == 0
    assert json.loads(printed(resumed)[0])["data"]["login_address"] == "http://127.0.0.1:1/"
    assert len(cloud.plans) == 1
    assert not (tmp_path / "drafts").exists()


def test_what_failed_is_made_again(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.put(KEPT)
    assert create(session("create --resume whisper --local", cloud, home=tmp_path / "drafts")) == 0
    assert cloud.asked == ["continue"]
    assert cloud.stack("stack-1").status == "CREATE_COMPLETE"


def test_a_finished_stack_is_shown(tmp_path: Path) -> None:
    cloud = FakeCloud()
    assert create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts")) == 0
    resumed = session("create --resume whisper --local", cloud, home=tmp_path / "drafts")
    assert create(resumed) == 0
    assert printed(resumed)[0].splitlines()[-1] == "login address  http://127.0.0.1:1/"


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    cloud = FakeCloud()
    with pytest.raises(Failure, match="no stack is named whisper on this machine, and none was begun"):
        create(session("create --resume whisper --local", cloud, home=tmp_path / "drafts"))
    cloud.put(Stack("stack-1", "whisper", "CREATE_ROLLBACK_COMPLETE", "", "cn-hangzhou", ""))
    with pytest.raises(Failure, match="nothing left of it to go on with; remove it, then create it again"):
        create(session("create --resume whisper --local", cloud, home=tmp_path / "drafts"))


def test_the_draft_holds_no_secret_and_is_for_its_owner_only(tmp_path: Path) -> None:
    cloud = DyingCloud(arrives=False)
    with pytest.raises(Killed):
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
    (path,) = (tmp_path / "drafts").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text()
    assert PASSWORD not in text
    assert "argon2" not in text


def test_a_refusal_leaves_no_draft_but_a_lost_connection_does(tmp_path: Path) -> None:
    class Refusing(FakeCloud):
        def __init__(self, status: int) -> None:
            super().__init__()
            self._status = status

        def create(self, plan: StackPlan) -> str:
            raise ServiceError("no", code="StackValidationFailed" if self._status else "Timeout", status=self._status)

    for status, kept in ((400, False), (0, True)):
        with pytest.raises(ServiceError):
            create(session(LOCAL, Refusing(status), stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
        assert (Drafts(tmp_path / "drafts").find("whisper") is not None) is kept


def test_a_damaged_draft_is_none(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    drafts.keep(Draft("a", "token", {}))
    for damage in ("", "[1]", '{"name": "a"}'):
        (tmp_path / "a.json").write_text(damage)
        assert drafts.find("a") is None


def test_a_connection_lost_for_good_says_how_to_go_on(tmp_path: Path) -> None:
    cloud = FakeCloud()

    def lost() -> None:
        raise ServiceError("ros does not answer in time", code="Timeout", status=0)

    cloud.on_look = lost
    with pytest.raises(Failure, match="lost sight of stack whisper") as failure:
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n", home=tmp_path / "drafts"))
    assert failure.value.remedy == "go on with: python -m deploy create --resume whisper --local"
