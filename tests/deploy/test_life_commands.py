"""The commands that change, look into and end a stack, against a cloud in memory."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from deploy.changes import Change, Drift, PropertyChange
from deploy.commands.delete import delete
from deploy.commands.doctor import doctor
from deploy.commands.drift import drift
from deploy.commands.logs import logs
from deploy.commands.open import open as open_page
from deploy.commands.policy import policy
from deploy.commands.resize import resize
from deploy.commands.update import update
from deploy.commands.upgrade import upgrade
from deploy.errors import Failure, Usage
from deploy.offers import Price, Provision
from deploy.secret import Secret
from deploy.stacks import Resource, Stack
from tests.deploy.fakes import FakeCloud, FakeMachines, printed, session

SPEC, BIGGER = "ecs.gn7i-c16g1.4xlarge", "ecs.gn7i-c32g1.16xlarge"
READY = Stack(
    "stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "2026-11-22T10:00:00",
    outputs={"LoginAddress": "http://127.0.0.1:1/"}, parameters={"InstanceType": SPEC},
)  # fmt: skip
GROWN = Change(
    "Instance", "ALIYUN::ECS::InstanceGroup", "Modify", "False", (PropertyChange("InstanceType", SPEC, BIGGER),)
)


class Stocked(FakeCloud):
    """With one finished stack that has an instance."""

    def __init__(self, stack: Stack = READY) -> None:
        super().__init__()
        self.put(stack)

    def resources(self, stack_id: str) -> list[Resource]:
        return [Resource("Instance", "ALIYUN::ECS::InstanceGroup", "asg-1", "CREATE_COMPLETE", "")]


def test_resize_shows_the_change_asks_and_updates() -> None:
    cloud = Stocked()
    cloud.changes = (GROWN,)
    made = session("resize --spec c32g1.16xlarge --local", cloud, stdin="yes\n", terminal=True)
    assert resize(made) == 0
    out, err = printed(made)
    assert f"~ Instance  ALIYUN::ECS::InstanceGroup\n    InstanceType: {SPEC} → {BIGGER}\n" in err
    assert out.splitlines() == ["whisper is updated", "login address  http://127.0.0.1:1/"]
    (asked,) = cloud.updates
    assert asked.parameters == {"InstanceType": BIGGER}
    assert asked.template == cloud.template("stack-1")
    assert cloud.asked == ["execute"]


def test_a_change_that_is_declined_or_only_looked_at_is_discarded() -> None:
    cloud = Stocked()
    cloud.changes = (GROWN,)
    with pytest.raises(Failure, match="nothing was changed"):
        resize(session("resize --spec c32g1.16xlarge --local", cloud, stdin="no\n", terminal=True))
    with pytest.raises(Usage, match="missing: --yes"):
        resize(session("resize --spec c32g1.16xlarge --local", cloud))
    made = session("resize --spec c32g1.16xlarge --local --dry-run", cloud)
    assert resize(made) == 0
    assert printed(made)[0].splitlines()[-1] == "nothing was changed"
    assert cloud.asked == ["discard"] * 3


def test_resize_to_the_same_is_said() -> None:
    with pytest.raises(Failure, match=f"has {SPEC} already"):
        resize(session("resize --spec c16g1 --local", Stocked()))


def test_update_passes_parameters_and_ends_well_without_changes() -> None:
    cloud = Stocked()
    made = session("update --set Model=large-v3 InternetBandwidth=50 --local --yes", cloud)
    assert update(made) == 0
    assert printed(made)[0] == "whisper is as asked for: nothing to change\n"
    assert cloud.updates[0].parameters == {"Model": "large-v3", "InternetBandwidth": "50"}
    assert cloud.asked == ["discard"]


def test_update_warns_of_what_is_made_anew() -> None:
    cloud = Stocked()
    cloud.changes = (
        Change("Instance", "T", "Modify", "True", (PropertyChange("ImageId", "a", "b"),)),
        Change("Eip", "T", "Remove"),
        Change("Disk", "T", "Add"),
    )
    made = session("update --local --dry-run", cloud)
    assert update(made) == 0
    assert printed(made)[0].splitlines() == [
        "~ Instance  T  made anew: what is on it is lost",
        "    ImageId: a → b",
        "- Eip  T",
        "+ Disk  T",
        "nothing was changed",
    ]


def test_update_refuses_what_cannot_be() -> None:
    for words, complaint in (
        ("update --set Nope=1 --local", "--set Nope: no such parameter"),
        ("update --keep-template --local", "missing: --set"),
        ("update --keep-template --set Secret=1 --local", "--set Secret: a secret is not given on the command line"),
    ):
        with pytest.raises(Usage) as failure:
            update(session(words, Stocked()))
        assert str(failure.value).startswith(complaint)
    busy = Stocked(Stack("stack-1", "whisper", "CREATE_IN_PROGRESS", "", "cn-hangzhou", ""))
    busy.script = []
    with pytest.raises(Failure, match="stack whisper is CREATE_IN_PROGRESS; wait for it"):
        update(session("update --local", busy))


def test_drift_is_found_and_told() -> None:
    cloud = Stocked()
    cloud.drifted = [
        Drift("Vpc", "ALIYUN::ECS::VPC", "IN_SYNC"),
        Drift("Eip", "ALIYUN::VPC::EIP", "MODIFIED", (PropertyChange("Bandwidth", "20", "100"),)),
        Drift("Instance", "ALIYUN::ECS::InstanceGroup", "DELETED"),
    ]
    made = session("drift --local", cloud)
    assert drift(made) == 1
    assert printed(made)[0].splitlines() == [
        "MODIFIED     Eip  ALIYUN::VPC::EIP",
        "    Bandwidth: 20 → 100",
        "DELETED      Instance  ALIYUN::ECS::InstanceGroup",
    ]
    cloud.drifted = cloud.drifted[:1]
    made = session("drift --local", cloud)
    assert drift(made) == 0
    assert printed(made)[0] == "whisper is as its template says\n"


def test_logs_of_app_and_script() -> None:
    machines = FakeMachines("one\ntwo\n", dropped=7)
    made = session("logs --local --lines 5", Stocked(), machines=machines)
    assert logs(made) == 0
    out, err = printed(made)
    assert (out, err) == ("one\ntwo\n", "7 bytes before these were dropped: Cloud Assistant carries 24 KB\n")
    assert "log/whisper/app.log" in machines.scripts[0]
    assert "tail -n 5 " in machines.scripts[0]
    assert "without_secrets" in machines.scripts[0]
    machines = FakeMachines()
    assert logs(session("logs --local --script", Stocked(), machines=machines)) == 0
    assert "log/whisper/start.log" in machines.scripts[0]


def test_logs_that_are_not_there() -> None:
    with pytest.raises(Usage, match="--lines 0: not possible"):
        logs(session("logs --local --lines 0", Stocked()))
    with pytest.raises(Failure, match=r"no /var/log/whisper/app.log yet on i-1; look at the other one: --script"):
        logs(session("logs --local", Stocked(), machines=FakeMachines("no /var/log/whisper/app.log yet\n", 44)))
    with pytest.raises(Failure, match="Cloud Assistant could not run it on i-1"):
        logs(session("logs --local", Stocked(), machines=FakeMachines("", None)))
    empty = FakeCloud()
    empty.put(READY)
    with pytest.raises(Failure, match="stack whisper has no instance"):
        logs(session("logs --local", empty))


def test_upgrade_by_file_and_by_url(tmp_path: Path) -> None:
    package = tmp_path / "package.tar.gz"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    machines = FakeMachines("installing\nSUCCESS 1.2.0\n")
    words = f"upgrade --package {package} --local --yes --state-dir {tmp_path}/it's"
    made = session(words, Stocked(), machines=machines)
    assert upgrade(made) == 0
    assert printed(made)[0].splitlines()[-1] == "whisper runs version 1.2.0"
    assert f"it'\"'\"'s/packages/{digest}.tar.gz' {digest}" in machines.scripts[0]
    assert [file.read_bytes() for file in (tmp_path / "it's/packages").iterdir()] == [b"package"]
    machines = FakeMachines("SUCCESS 1.2.0\n")
    url = f"upgrade --package https://x.example/p?a=1&b=$(id) --sha256 {digest} --local --yes"
    assert upgrade(session(url, Stocked(), machines=machines)) == 0
    assert "'https://x.example/p?a=1&b=$(id)'" in machines.scripts[0]
    machines = FakeMachines("SUCCESS 1.1.0\n")
    assert upgrade(session("upgrade --back --local --yes", Stocked(), machines=machines)) == 0
    assert '"$upgrade" --back' in machines.scripts[0]


def test_upgrade_that_is_refused_or_fails(tmp_path: Path) -> None:
    package = tmp_path / "p.tar.gz"
    package.write_bytes(b"package")
    for words, complaint in (
        ("--package https://x.example/p --local", "missing: --sha256"),
        ("--package https://x.example/p --sha256 12 --local", "--sha256 12: not a SHA-256"),
        (f"--package {tmp_path / 'none'} --local", f"--package {tmp_path / 'none'}: cannot be read"),
        (f"--package {package} --local --sha256 {'0' * 64}", f"{package}: its SHA-256 is"),
        (f"--package {package} --region cn-hangzhou", f"--package {package}: the instance cannot read a file"),
    ):
        with pytest.raises(Failure) as refused:
            upgrade(session(f"upgrade {words} --yes", Stocked()))
        assert str(refused.value).startswith(complaint)
    machines = FakeMachines("step\nFAILURE rolled_back | 已回退 | the old version is in use again\n", 1)
    words = f"upgrade --package {package} --local --yes --state-dir {tmp_path}"
    with pytest.raises(Failure) as failed:
        upgrade(session(words, Stocked(), machines=machines))
    assert failed.value.message == "whisper was not upgraded: the old version is in use again (rolled_back)"
    assert failed.value.details == ("step",)


def test_open_uses_the_browser_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/opened\n')
    script.chmod(0o755)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("webbrowser._browsers", {})
    monkeypatch.setenv("BROWSER", f"{script} %s")
    made = session("open --local", Stocked())
    assert open_page(made) == 0
    assert printed(made)[0] == "http://127.0.0.1:1/\n"
    assert (tmp_path / "opened").read_text() == "http://127.0.0.1:1/\n"


def test_policy_is_ready_to_paste(tmp_path: Path) -> None:
    made = session("policy --local", FakeCloud())
    assert policy(made) == 0
    assert json.loads(printed(made)[0])["Statement"][0]["Action"] == ["ros:CreateStack"]
    made = session(f"policy --local --out {tmp_path / 'policy.json'}", FakeCloud())
    assert policy(made) == 0
    assert json.loads((tmp_path / "policy.json").read_text())["Version"] == "1"


def healthy() -> tuple[FakeCloud, FakeMachines]:
    cloud, machines = FakeCloud(), FakeMachines()
    cloud.zones[("cn-hangzhou", SPEC)] = ["cn-hangzhou-i"]
    machines.account = {"max-postpaid-instance-vcpu-count": "100", "used-postpaid-instance-vcpu-count": "20"}
    return cloud, machines


def test_doctor_finds_nothing_amiss() -> None:
    cloud, machines = healthy()
    made = session("doctor --local", cloud, machines=machines)
    assert doctor(made) == 0
    assert printed(made)[0].splitlines() == [
        "✔ credentials  of the local target",
        "✔ clock        0 s ahead of the service's",
        "✔ permissions  stacks can be listed (0 here); see also: python -m deploy policy",
        "✔ roles        services are open and their roles exist",
        "✔ quota        80 vCPUs are free, ecs.gn7i-c16g1.4xlarge has 16",
        "✔ stock        ecs.gn7i-c16g1.4xlarge is in cn-hangzhou-i",
    ]


def test_doctor_looks_at_what_a_cluster_needs() -> None:
    cloud, machines = healthy()
    made = session("doctor --local --topology cluster --json", cloud, machines=machines)
    assert doctor(made) == 0
    assert "ALIYUN::ESS::ScalingGroup" in cloud.looked_at
    assert "80 vCPUs are free, 2 nodes of ecs.gn7i-c16g1.4xlarge have 32" in printed(made)[0]
    machines.account["used-postpaid-instance-vcpu-count"] = "70"  # enough for one
    assert doctor(session("doctor --local --topology cluster", cloud, machines=machines)) == 1
    assert doctor(session("doctor --local", cloud, machines=machines)) == 0


def test_doctor_has_a_remedy_for_each_ill() -> None:
    cloud, machines = healthy()
    cloud.ahead = -1200.0
    cloud.zones = {}
    cloud.needs = [Provision("ECS", True, "", ("AliyunServiceRoleForX",), "https://ram.example/")]
    machines.account["used-postpaid-instance-vcpu-count"] = "90"
    made = session("doctor --local --json", cloud, machines=machines)
    assert doctor(made) == 1
    found = {check["name"]: check for check in json.loads(printed(made)[0])["data"]["checks"]}
    for name, finding, remedy in (
        ("clock", "1200 s behind", "set this machine's clock"),
        ("roles", "AliyunServiceRoleForX", "https://ram.example/"),
        ("quota", "10 vCPUs are free", "Quota Center"),
        ("stock", "no zone of cn-hangzhou", "--zone auto"),
    ):
        assert found[name]["verdict"] == "failed"
        assert finding in found[name]["finding"]
        assert remedy in found[name]["remedy"]


def test_a_protected_stack_is_deleted_only_when_that_is_lifted() -> None:
    cloud = Stocked(Stack("stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "", protected=True))
    place = "--region cn-hangzhou --yes"
    with pytest.raises(Failure, match=r"protected against deletion; if it shall go all the same: .* --unprotect"):
        delete(session(f"delete whisper {place}", cloud))
    assert delete(session(f"delete whisper {place} --unprotect --retain", cloud)) == 0
    assert cloud.asked == ["unprotect", "delete, retaining"]


def test_delete_says_what_keeping_costs() -> None:
    cloud = Stocked()
    cloud.price_list = [Price("Instance", "T", Decimal(10), "CNY", "Hour")]
    made = session("delete whisper --region cn-hangzhou --yes", cloud)
    assert delete(made) == 0
    assert "keeping it costs about 7,300.00 CNY a month" in printed(made)[1]


def test_update_hashes_a_new_password() -> None:
    cloud = Stocked()
    assert update(session("update --password-stdin --local --yes", cloud, stdin="Correct-Horse-9\n")) == 0
    digest = cloud.updates[0].parameters["SoftwarePassword"]
    assert isinstance(digest, Secret)
    assert PasswordHasher().verify(digest.reveal(), "Correct-Horse-9")
    with pytest.raises(Usage, match="software password is too weak"):
        update(session("update --password-stdin --local --yes", cloud, stdin="short\n"))
