"""The commands about several nodes, against a cloud in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy import templates
from deploy.changes import Change, PropertyChange
from deploy.cloud import Invocation, Node
from deploy.commands.create import create
from deploy.commands.logs import logs
from deploy.commands.resize import resize
from deploy.commands.scale import scale
from deploy.commands.status import status
from deploy.commands.update import update
from deploy.commands.upgrade import upgrade
from deploy.errors import Failure, Usage
from deploy.plan import sized
from deploy.secret import Secret
from deploy.session import Session
from deploy.stacks import Resource, Stack
from tests.deploy.fakes import FakeCloud, FakeMachines, printed, session

CREATE = "create --topology cluster --spec c16g1 --local --password-stdin"
STACK = Stack(
    "stack-1", "whisper", "CREATE_COMPLETE", "", "cn-hangzhou", "2026-11-22T10:00:00",
    outputs={"LoginAddress": "http://127.0.0.1:1/"},
    parameters={"Nodes": "2", "MinNodes": "1", "MaxNodes": "4", "InstanceType": "ecs.gn7i-c16g1.4xlarge"},
)  # fmt: skip
NODES = [
    Node("i-1", "Running", "cn-hangzhou-h", "10.0.0.4", "2026-11-22T10:00Z"),
    Node("i-2", "Running", "cn-hangzhou-i", "10.0.16.4", "2026-11-22T10:01Z"),
]
SIZED = Change("ScalingGroup", "ALIYUN::ESS::ScalingGroup", "Modify", "False", (PropertyChange("Size", "2", "3"),))


class Clustered(FakeCloud):
    """With one finished cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.put(STACK)
        self.changes = (SIZED,)

    def resources(self, stack_id: str) -> list[Resource]:
        return [Resource("ScalingGroup", "ALIYUN::ESS::ScalingGroup", "asg-1", "CREATE_COMPLETE", "")]

    def template(self, stack_id: str) -> str:
        return "Parameters: {Nodes: {Type: Number}, SoftwarePassword: {Type: String, NoEcho: true}}"


class Settling(FakeMachines):
    """Whose group has the wanted size some looks after it was asked for."""

    def __init__(self, wanted: int, looks: int = 3, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self._wanted, self._left = wanted, looks

    def nodes(self, group: str) -> list[Node]:
        self._left -= 1
        more = [Node(f"i-{number}", "Running", "", "", "") for number in range(3, 9)]
        return NODES if self._left > 0 else [*NODES, *more][: self._wanted]


def begun(words: str, *, machines: FakeMachines | None = None, stdin: str = "") -> tuple[Session, Clustered]:
    cloud = Clustered()
    made = machines or FakeMachines()
    made.members = made.members or NODES
    return session(words, cloud, machines=made, stdin=stdin), cloud


def test_create_asks_for_a_cluster() -> None:
    cloud = FakeCloud()
    made = session(f"{CREATE} --nodes 6", cloud, stdin="Correct-Horse-9\n")
    assert create(made) == 0
    (plan,) = cloud.plans
    assert plan.template == templates.body("cluster.yaml")
    given = plan.parameters
    assert (given["Nodes"], given["MaxNodes"]) == ("6", "6")
    assert (given["ZoneId"], given["SecondZoneId"]) == ("cn-hangzhou-a", "cn-hangzhou-b")
    # nobody needs to see it, and the local target has no certificate
    assert isinstance(given["DatabasePassword"], Secret)
    assert (given["AccessMethod"], given["CertificateId"]) == ("Private", "")
    assert "PayType" not in given
    assert given["DatabasePassword"].reveal() not in str(plan) + json.dumps(plan.shown())


def test_a_certificate_makes_it_public() -> None:
    cloud = FakeCloud()
    words = CREATE.replace(" --local", " --region cn-hangzhou --client-cidr 203.0.113.7 --zone cn-hangzhou-h")
    made = session(
        f"{words} --second-zone cn-hangzhou-i --certificate 1234-cn-hangzhou", cloud, stdin="Correct-Horse-9\n"
    )
    assert create(made) == 0
    given = cloud.plans[0].parameters
    assert (given["AccessMethod"], given["CertificateId"]) == ("Public", "1234-cn-hangzhou")
    assert (given["Nodes"], given["SecondZoneId"]) == ("2", "cn-hangzhou-i")


def test_two_zones_that_have_it_in_stock_are_found() -> None:
    cloud = FakeCloud()
    cloud.zones["cn-hangzhou", "ecs.gn7i-c16g1.4xlarge"] = ["cn-hangzhou-g", "cn-hangzhou-i"]
    words = CREATE.replace(" --local", " --region cn-hangzhou --client-cidr 203.0.113.7 --zone auto")
    assert create(session(words, cloud, stdin="Correct-Horse-9\n")) == 0
    given = cloud.plans[0].parameters
    assert (given["ZoneId"], given["SecondZoneId"]) == ("cn-hangzhou-g", "cn-hangzhou-i")
    cloud.zones["cn-hangzhou", "ecs.gn7i-c16g1.4xlarge"] = ["cn-hangzhou-g"]
    with pytest.raises(Failure, match="only cn-hangzhou-g has"):
        create(session(words, cloud, stdin="Correct-Horse-9\n"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"{CREATE} --nodes 1", "--nodes 1: not possible"),
        (f"{CREATE} --nodes 101", "--nodes 101: not possible"),
        (f"{CREATE} --pay prepaid", "paid by use"),
        (f"{CREATE} --existing-vpc vpc-bp1example --existing-vswitch vsw-bp1example", "its own network"),
        (f"{CREATE} --zone cn-hangzhou-b", "it is the first one"),
        (CREATE.replace("cluster", "single") + " --nodes 3", "--nodes is of a cluster"),
        (CREATE.replace("cluster", "single") + " --certificate 1", "--certificate is of a cluster"),
        ("scale --nodes 0 --local", "--nodes 0: not possible"),
        ("logs --node i-9 --local", "has no such node"),
    ],
)
def test_what_does_not_fit_is_said(words: str, says: str) -> None:
    made, cloud = begun(words, stdin="Correct-Horse-9\n")
    command = {"create": create, "scale": scale, "logs": logs}[made.verb]
    with pytest.raises(Usage, match=says):
        command(made)
    assert cloud.plans == cloud.updates == []


def test_limits_that_are_in_the_way_move_along() -> None:
    assert sized(3, STACK.parameters) == {"Nodes": "3"}
    assert sized(9, STACK.parameters) == {"Nodes": "9", "MaxNodes": "9"}
    assert sized(2, {**STACK.parameters, "MinNodes": "3"}) == {"Nodes": "2", "MinNodes": "2"}


def test_scaling_shows_what_it_does_and_waits_for_the_last_node() -> None:
    made, cloud = begun("scale --nodes 1 --yes --local", machines=Settling(1))
    assert scale(made) == 0
    out, err = printed(made)
    assert "whisper has 2 nodes, it will have 1" in err
    assert "each drains first, and the others go on with its work" in err
    assert out.splitlines()[0] == "whisper is updated"
    assert cloud.updates[0].parameters == {"Nodes": "1"}


def test_scaling_is_shown_only_or_declined() -> None:
    made, cloud = begun("scale --nodes 3 --dry-run --local")
    assert scale(made) == 0
    assert printed(made)[0].splitlines()[-1] == "nothing was changed"
    made, cloud = begun("scale --nodes 3 --local")
    with pytest.raises(Usage, match="missing: --yes"):
        scale(made)
    assert cloud.asked == ["discard"]


def test_one_instance_is_not_scaled() -> None:
    cloud = FakeCloud()
    cloud.put(STACK)
    with pytest.raises(Failure, match="is one instance, not a cluster"):
        scale(session("scale --nodes 3 --local", cloud))


def test_status_shows_the_nodes() -> None:
    made, _ = begun("status --local --json")
    assert status(made) == 0
    told = json.loads(printed(made)[0])["data"]
    assert [node["id"] for node in told["nodes"]] == ["i-1", "i-2"]
    assert told["nodes"][0] == {
        "id": "i-1", "status": "Running", "zone": "cn-hangzhou-h", "address": "10.0.0.4", "created": "2026-11-22T10:00Z"
    }  # fmt: skip


def test_logs_of_each_node_or_of_one() -> None:
    machines = FakeMachines("line\n")
    made, _ = begun("logs --local", machines=machines)
    assert logs(made) == 0
    assert printed(made)[0].splitlines() == ["== i-1 ==", "line", "== i-2 ==", "line"]
    made, _ = begun("logs --node i-2 --local --json", machines=FakeMachines("line\n"))
    assert logs(made) == 0
    assert json.loads(printed(made)[0])["data"]["instance_id"] == "i-2"


def test_an_upgrade_goes_from_node_to_node(tmp_path: Path) -> None:
    package = tmp_path / "whisper.tar.gz"
    package.write_bytes(b"package")
    machines = FakeMachines("done\nSUCCESS 0.2.0")
    made, _ = begun(f"upgrade --package {package} --yes --local --state-dir {tmp_path} --json", machines=machines)
    assert upgrade(made) == 0
    told = json.loads(printed(made)[0])["data"]
    assert (told["nodes"], told["release"]) == (["i-1", "i-2"], "0.2.0")
    assert machines.ran_on == ["i-1", "i-2"]
    assert "nodes that join later" in printed(made)[1]


def test_an_upgrade_stops_at_the_first_node_that_fails(tmp_path: Path) -> None:
    package = tmp_path / "whisper.tar.gz"
    package.write_bytes(b"package")
    machines = FakeMachines("FAILURE rolled_back | 已回退 | the new version failed its check", 1)
    made, _ = begun(f"upgrade --package {package} --yes --local --state-dir {tmp_path}", machines=machines)
    with pytest.raises(Failure, match="node i-1 was not upgraded, 0 of 2 nodes are upgraded") as failure:
        upgrade(made)
    assert "upgrade whisper --back" in failure.value.remedy
    assert machines.ran_on == ["i-1"]


class Telling(FakeMachines):
    """Each node ends with its own word: SUCCESS or FAILURE."""

    def __init__(self, *said: str) -> None:
        super().__init__()
        self._said = said

    def invocation(self, invocation_id: str) -> Invocation:
        said = self._said[len(self.ran_on) - 1]
        return Invocation("Success", 0 if said.startswith("SUCCESS") else 1, said, 0, "")


IN_USE = "FAILURE same_version | 该版本已在使用: {0} | version {0} is in use already; give the new one another version"


def test_an_upgrade_that_stopped_halfway_is_typed_again(tmp_path: Path) -> None:
    package = tmp_path / "whisper.tar.gz"
    package.write_bytes(b"package")
    machines = Telling(IN_USE.format("0.2.0"), "SUCCESS 0.2.0")
    made, _ = begun(f"upgrade --package {package} --yes --local --state-dir {tmp_path} --json", machines=machines)
    assert upgrade(made) == 0
    assert json.loads(printed(made)[0])["data"]["release"] == "0.2.0"
    assert machines.ran_on == ["i-1", "i-2"]


def test_an_upgrade_that_stopped_halfway_is_taken_back() -> None:
    """No node goes back further than the first one did."""
    machines = Telling("SUCCESS 0.1.0", IN_USE.format("0.1.0"))
    made, _ = begun("upgrade --back --yes --local --json", machines=machines)
    assert upgrade(made) == 0
    assert json.loads(printed(made)[0])["data"]["release"] == "0.1.0"
    assert [script.splitlines()[-1] for script in machines.scripts] == ['"$upgrade" --back', '"$upgrade" --back 0.1.0']


def test_a_changed_password_is_brought_to_each_node() -> None:
    machines = FakeMachines()
    words = "update --keep-template --password-stdin --yes --local"
    made, cloud = begun(words, machines=machines, stdin="Correct-Horse-9\n")
    assert update(made) == 0
    assert machines.ran_on == ["i-1", "i-2"]
    assert "scripts/start.sh" in machines.scripts[0]
    assert "Correct-Horse-9" not in machines.scripts[0] + str(cloud.updates)
    machines = FakeMachines("failed", 1)
    made, _ = begun(words, machines=machines, stdin="Correct-Horse-9\n")
    with pytest.raises(Failure, match="node i-1 did not take the changes"):
        update(made)


def test_a_cluster_is_updated_with_its_own_template() -> None:
    made, cloud = begun("update --set DatabaseStorage=100 --yes --local")
    assert update(made) == 0
    assert cloud.updates[0].template == templates.body("cluster.yaml")


def test_another_type_is_for_nodes_that_join() -> None:
    made, _ = begun("resize --spec c32g1.16xlarge --yes --local")
    assert resize(made) == 0
    assert "those that are there keep theirs" in printed(made)[1]
