"""The commands against a cloud in memory: what is sent, what is shown, what is kept secret."""

from __future__ import annotations

import json
import pickle

import pytest
from argon2 import PasswordHasher

from deploy.commands.create import create
from deploy.commands.delete import delete
from deploy.commands.events import events
from deploy.commands.list import list as list_stacks
from deploy.commands.outputs import outputs
from deploy.commands.status import status
from deploy.errors import Failure, Interrupted, Usage
from deploy.secret import Secret, masked
from deploy.stacks import Stack
from tests.deploy.fakes import WAIT, FakeCloud, printed, session

PASSWORD = "Correct-Horse-9"
LOCAL = "create --spec gn7i-c16g1 --local --password-stdin"
CLOUD = f"{LOCAL.replace(' --local', '')} --region cn-hangzhou --zone cn-hangzhou-h --client-cidr 203.0.113.7"


def test_create_sends_the_hash_and_ends_with_the_login_address() -> None:
    cloud = FakeCloud()
    made = session(f"{LOCAL} --user ada", cloud, stdin=f"{PASSWORD}\n")
    assert create(made) == 0
    out, err = printed(made)
    assert out.splitlines()[-1] == "login address  http://127.0.0.1:1/"
    assert "user           ada" in out
    assert "WaitCondition  CREATE_COMPLETE" in err
    (plan,) = cloud.plans
    sent = {key: value for key, value in plan.parameters.items() if isinstance(value, str)}
    assert sent == {
        "ZoneId": "cn-hangzhou-a",
        "InstanceType": "ecs.gn7i-c16g1.4xlarge",
        "SoftwareUserName": "ada",
        "ClientCidr": "127.0.0.1/32",
        "Model": "tiny.en",
        "SystemDiskSize": "200",
    }
    digest = plan.parameters["SoftwarePassword"]
    assert isinstance(digest, Secret)
    assert PasswordHasher().verify(digest.reveal(), PASSWORD)
    assert PASSWORD not in out + err + repr(plan)


def test_create_in_the_cloud_uses_the_answers() -> None:
    cloud = FakeCloud()
    made = session(f"{CLOUD} --model large-v3 --name speech --json", cloud, stdin=f"{PASSWORD}\n")
    assert create(made) == 0
    (plan,) = cloud.plans
    assert (plan.name, plan.region) == ("speech", "cn-hangzhou")
    assert plan.parameters["ZoneId"] == "cn-hangzhou-h"
    assert plan.parameters["ClientCidr"] == "203.0.113.7/32"
    assert plan.parameters["Model"] == "large-v3"
    reply = json.loads(printed(made)[0])
    assert (reply["version"], reply["command"], reply["status"]) == (1, "create", "success")
    assert reply["data"]["stack_id"] == "stack-1"
    assert reply["data"]["login_address"] == reply["data"]["outputs"]["LoginAddress"] == "http://127.0.0.1:1/"
    assert reply["data"]["api_address"] == "http://127.0.0.1:1/v1"
    assert PASSWORD not in printed(made)[0]


def test_a_generated_password_is_shown_once_and_strong() -> None:
    cloud = FakeCloud()
    made = session("create --spec gn7i-c16g1 --local --generate-password --json", cloud)
    assert create(made) == 0
    shown = json.loads(printed(made)[0])["data"]["password"]
    digest = cloud.plans[0].parameters["SoftwarePassword"]
    assert isinstance(digest, Secret)
    assert PasswordHasher().verify(digest.reveal(), shown)


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("create", "missing: --spec --password-stdin --region --zone --client-cidr"),
        ("create --local", "missing: --spec --password-stdin"),
        ("create --local --spec c16g1", "missing: --password-stdin"),
        ("create --spec c16g1 --region cn-hangzhou --generate-password", "missing: --zone --client-cidr"),
    ],
)
def test_on_a_pipe_create_names_exactly_what_is_missing(words: str, missing: str) -> None:
    with pytest.raises(Usage) as failure:
        create(session(words, FakeCloud()))
    assert failure.value.message == missing


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("create --local --spec gn7i-c32g1", "--spec gn7i-c32g1: could be ecs.gn7i-c32g1.8xlarge, "),
        ("create --spec c16g1 --region cn-hangzou", "--region cn-hangzou: no such region"),
        ("create --local --spec c16g1 --client-cidr me", "--client-cidr 'me': not an IPv4 range"),
    ],
)
def test_on_a_pipe_what_was_given_is_judged_before_what_is_missing(words: str, complaint: str) -> None:
    with pytest.raises(Usage) as failure:
        create(session(words, FakeCloud()))
    assert str(failure.value).startswith(complaint)


@pytest.mark.parametrize(
    ("extra", "stdin", "complaint"),
    [
        ("", "short1A\n", "it needs 8 to 128 characters"),
        ("", "onlylowercase\n", "it needs 2 more of: upper case, a digit, a symbol"),
        ("", "Admin-1234\n", "no user name in it"),
        ("", "密码Abc12345\n", "only letters, digits and symbols of ASCII"),
        ("", "\n", "--password-stdin: standard input is empty"),
        ("--name 9lives", f"{PASSWORD}\n", "--name '9lives': not a stack name"),
        ("--user a$(id)", f"{PASSWORD}\n", "--user 'a$(id)': not a user name"),
        ("--model huge", f"{PASSWORD}\n", "--model huge: no such model"),
        ("--timeout 5", f"{PASSWORD}\n", "--timeout 5: not possible"),
        ("--region cn-hangzou", f"{PASSWORD}\n", "--region cn-hangzou: no such region"),
        ("--zone cn-beijing-a", f"{PASSWORD}\n", "--zone cn-beijing-a: not a zone of cn-hangzhou"),
        ("--client-cidr 300.1.1.1", f"{PASSWORD}\n", "--client-cidr '300.1.1.1': not an IPv4 range"),
        ("--client-cidr 10.1.2.3/8", f"{PASSWORD}\n", "--client-cidr 10.1.2.3/8: the address is inside the range"),
        ("--instance-password-stdin", f"{PASSWORD}\nshort\n", "instance password: not what ECS takes"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(extra: str, stdin: str, complaint: str) -> None:
    cloud = FakeCloud()
    with pytest.raises(Usage) as failure:
        create(session(f"{LOCAL} {extra}", cloud, stdin=stdin))
    assert complaint in failure.value.message
    assert failure.value.remedy
    assert stdin.strip().splitlines()[:1] == [] or stdin.splitlines()[0] not in str(failure.value)
    assert cloud.plans == []


def test_on_a_terminal_create_asks_and_lets_people_try_again() -> None:
    answers = "nonsense\nc16g1\ncn-beijing-a\ncn-hangzhou-h\nhome\n203.0.113.7\n"
    made = session("create --region cn-hangzhou --generate-password", FakeCloud(), stdin=answers, terminal=True)
    assert create(made) == 0
    _, err = printed(made)
    assert "no such spec" in err
    assert "not a zone of cn-hangzhou" in err
    assert "Who may connect" in err
    assert "WaitCondition" in err  # the live table


def test_a_taken_name_says_where_it_answers() -> None:
    cloud = FakeCloud()
    outputs = {"LoginAddress": "http://127.0.0.1:5/"}
    cloud.put(Stack("stack-0", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "", outputs))
    with pytest.raises(Failure) as failure:
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n"))
    assert str(failure.value) == (
        "stack whisper exists already on this machine: CREATE_COMPLETE, answers at http://127.0.0.1:5/; "
        "choose another --name, or remove it: python -m deploy delete whisper --local"
    )
    assert (failure.value.code, failure.value.exit_code) == ("StackExists", 1)


def test_a_failed_stack_names_the_resource_the_reason_and_the_log() -> None:
    reason = "WaitConditionFailure: no_release | 镜像中没有应用程序 | the image holds no application\nline 1\nline 2"
    cloud = FakeCloud(
        [
            ("WaitCondition", WAIT, "CREATE_FAILED", reason),
            ("Vpc", "ALIYUN::ECS::VPC", "CREATE_FAILED", "cancelled"),
            ("", "", "CREATE_ROLLBACK_COMPLETE", "Resource CREATE failed"),
        ]
    )
    with pytest.raises(Failure) as failure:
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n"))
    assert failure.value.message == (
        "stack whisper failed (CREATE_ROLLBACK_COMPLETE): WaitCondition (ALIYUN::ROS::WaitCondition): "
        "WaitConditionFailure: no_release | 镜像中没有应用程序 | the image holds no application"
    )
    assert failure.value.details == ("line 1", "line 2")


def test_an_interrupted_create_says_how_to_go_on_and_deletes_nothing() -> None:
    cloud = FakeCloud()

    def ctrl_c() -> None:
        raise KeyboardInterrupt

    cloud.on_look = ctrl_c
    with pytest.raises(Interrupted) as failure:
        create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n"))
    assert "stack stack-1 is still being created" in failure.value.message
    assert failure.value.remedy == "go on with: python -m deploy create --resume whisper --local"
    assert cloud.find("whisper") is not None


def test_no_wait_returns_at_once() -> None:
    made = session(f"{LOCAL} --no-wait", FakeCloud(), stdin=f"{PASSWORD}\n")
    assert create(made) == 0
    assert printed(made)[0].splitlines() == ["stack-1", "python -m deploy create --resume whisper --local"]


def test_a_generated_password_is_told_without_waiting() -> None:
    """In the only reply that there is; on a terminal before anything is sent."""
    words = "create --spec gn7i-c16g1 --local --generate-password --no-wait"
    made = session(f"{words} --json", FakeCloud())
    assert create(made) == 0
    told = json.loads(printed(made)[0])["data"]
    assert (told["user"], len(told["password"])) == ("admin", 20)
    made = session(words, FakeCloud())
    assert create(made) == 0
    assert "password of admin: " in printed(made)[1]


def test_the_other_commands_show_a_stack() -> None:
    cloud = FakeCloud()
    assert create(session(LOCAL, cloud, stdin=f"{PASSWORD}\n")) == 0
    for command, verb, expected in (
        (list_stacks, "list --local --state-dir /", "whisper\tCREATE_COMPLETE"),
        (status, "status --local", "WaitCondition\tALIYUN::ROS::WaitCondition\tCREATE_COMPLETE"),
        (events, "events --local", "WaitCondition  CREATE_COMPLETE"),
        (outputs, "outputs --local", "LoginAddress\thttp://127.0.0.1:1/"),
    ):
        made = session(verb, cloud)
        assert command(made) == 0
        assert expected in printed(made)[0]
        made = session(f"{verb} --json", cloud)
        assert command(made) == 0
        assert json.loads(printed(made)[0])["status"] == "success"


def test_delete_asks_unless_told_and_follows_to_the_end() -> None:
    cloud = FakeCloud()
    cloud.put(Stack("stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", ""))
    place = "--region cn-hangzhou"
    with pytest.raises(Usage, match="missing: --yes"):
        delete(session(f"delete whisper {place}", cloud))
    with pytest.raises(Failure, match="nothing was changed"):
        delete(session(f"delete whisper {place}", cloud, stdin="no\n", terminal=True))
    assert delete(session(f"delete whisper {place}", cloud, stdin="whisper\n", terminal=True)) == 0
    assert cloud.stacks() == []
    with pytest.raises(Failure, match="no stack is named whisper in cn-hangzhou"):
        delete(session(f"delete whisper --yes {place}", cloud))


def test_a_secret_shows_nowhere() -> None:
    secret = Secret(PASSWORD)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>10}", json.dumps(masked({"a": [secret]}))]
    assert not [text for text in shown if PASSWORD in text]
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
