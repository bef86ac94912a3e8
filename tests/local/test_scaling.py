"""A scaling group on the local target: machines that join behind a load balancer by their hooks, drain and leave; a
real database; and what is told when something is missing."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deploy.local.daemons import Daemons, program
from deploy.local.errors import ResourceError
from deploy.local.haproxy import Balancers
from deploy.local.orchestration import run
from tests.support import processes

ROOT = Path(__file__).parents[2]
WORDS = "Abcdefghij_0123456789"
# Stands for the app: it tells who it is once it has read its settings.
JOIN = f"""#!/bin/bash
set -eu
mkdir "$WHISPER_ROOT/web"
python3 {ROOT}/scripts/cloud.py secret settings > "$WHISPER_ROOT/settings"
printf '%s' "$WHISPER_INSTANCE_ID" > "$WHISPER_ROOT/web/readyz"
setsid python3 -m http.server "$WHISPER_PORT" --bind 127.0.0.1 -d "$WHISPER_ROOT/web" </dev/null >/dev/null 2>&1 &
"""


def operation(name: str, script: str, *, refuse: bool = False) -> dict[str, Any]:
    def complete(task: str, result: str) -> dict[str, Any]:
        given = {"LifecycleActionToken": "{{ token }}", "LifecycleActionResult": result}
        return {"Name": task, "Action": "ACS::ExecuteAPI", "OnSuccess": "ACS::END",
                "Properties": {"Service": "ESS", "API": "CompleteLifecycleAction", "Parameters": given}}  # fmt: skip

    command = {"instanceId": "{{ ACS::TaskLoopItem }}", "timeout": 20, "commandContent": script}
    start = {"Name": "do", "Action": "ACS::ECS::RunCommand", "Loop": {"Items": "{{ instances }}"},
             "OnError": "refuse" if refuse else "accept", "Properties": command}  # fmt: skip
    content = {"Tasks": [start, complete("accept", "CONTINUE"), complete("refuse", "ABANDON")]}
    return {"Type": "ALIYUN::OOS::Template", "Properties": {"TemplateName": name, "Content": json.dumps(content)}}


def hook(transition: str, template: str) -> dict[str, Any]:
    metadata = {"instances": "${instanceIds}", "token": "${lifecycleActionToken}"}
    properties = {
        "ScalingGroupId": {"Ref": "Group"},
        "LifecycleTransition": transition,
        "NotificationArn": f"acs:oos:cn-hangzhou:1:template/{template}",
        "NotificationMetadata": json.dumps(metadata),
    }
    return {"Type": "ALIYUN::ESS::LifecycleHook", "DependsOn": [transition], "Properties": properties}


def group(size: int, *, join: str = JOIN, leave: str = "true") -> dict[str, Any]:
    """A template with `size` machines behind a load balancer."""
    forward = {"ServerGroupTuples": [{"ServerGroupId": {"Ref": "Servers"}}]}
    check = {"HealthCheckEnabled": True, "HealthCheckPath": "/readyz", "HealthCheckInterval": 1, "HealthyThreshold": 1,
             "UnhealthyThreshold": 1}  # fmt: skip
    configuration = {
        "ScalingGroupId": {"Ref": "Group"},
        "InstanceType": "ecs.gn7i-c16g1.4xlarge",
        "RamRoleName": "node",
    }
    resources = {
        "Settings": {
            "Type": "ALIYUN::OOS::SecretParameter",
            "Properties": {"SecretParameterName": "settings", "Value": f"PASSWORD={WORDS}"},
        },
        "Balancer": {
            "Type": "ALIYUN::ALB::LoadBalancer",
            "Properties": {
                "AddressType": "Intranet", "LoadBalancerEdition": "Standard", "VpcId": "vpc-1", "ZoneMappings": [],
                "LoadBalancerBillingConfig": {"PayType": "PostPay"},
            },
        },
        "Servers": {
            "Type": "ALIYUN::ALB::ServerGroup",
            "Properties": {"ServerGroupName": "nodes", "HealthCheckConfig": check},
        },
        "Listener": {
            "Type": "ALIYUN::ALB::Listener",
            "Properties": {
                "LoadBalancerId": {"Ref": "Balancer"}, "ListenerPort": 80, "ListenerProtocol": "HTTP",
                "DefaultActions": [{"Type": "ForwardGroup", "ForwardGroupConfig": forward}],
            },
        },
        "Group": {
            "Type": "ALIYUN::ESS::ScalingGroup",
            "Properties": {
                "MinSize": 1, "MaxSize": 4, "DesiredCapacity": size,
                "ServerGroups": [{"ServerGroupId": {"Ref": "Servers"}, "Port": 80, "Type": "ALB", "Weight": 100}],
            },
        },
        "Configuration": {"Type": "ALIYUN::ESS::ScalingConfiguration", "Properties": configuration},
        "SCALE_OUT": operation("join", join, refuse=True),
        "SCALE_IN": operation("leave", leave),
        "Joins": hook("SCALE_OUT", "join"),
        "Leaves": hook("SCALE_IN", "leave"),
        "Enabled": {
            "Type": "ALIYUN::ESS::ScalingGroupEnable",
            "DependsOn": ["Joins", "Leaves", "Configuration", "Settings", "Listener"],
            "Properties": {"ScalingGroupId": {"Ref": "Group"}},
        },
    }  # fmt: skip
    address = {"Fn::GetAtt": ["Balancer", "DNSName"]}
    return {"Resources": resources, "Outputs": {"Address": {"Value": address}}}


def instances(target: Any) -> set[str]:
    return {path.name for path in (target.folder / "instances").glob("i-*") if path.is_dir()}


def asked(address: str) -> str:
    """Who answers through the load balancer; empty while nobody does."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
        return str(answer.read().decode())
    return ""


def test_machines_join_work_drain_and_leave(target: Any, eventually: Callable[..., Any], tmp_path: Path) -> None:
    drained = tmp_path / "drained"
    leave = f'#!/bin/bash\necho "$WHISPER_INSTANCE_ID" >> {drained}\nexit 1\n'
    stack = target.create(group(2, leave=leave))
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    address = target.outputs(stack.stack_id)["Address"]
    first = instances(target)
    assert len(first) == 2
    eventually(lambda: {asked(address) for _ in range(4)} == first)
    assert {(target.folder / "instances" / each / "settings").read_text() for each in first} == {f"PASSWORD={WORDS}\n"}

    assert target.update(stack.stack_id, group(3, leave=leave)).status == "UPDATE_COMPLETE"
    assert len(instances(target)) == 3
    eventually(lambda: {asked(address) for _ in range(6)} == instances(target))
    assert not drained.exists()

    assert target.update(stack.stack_id, group(1, leave=leave)).status == "UPDATE_COMPLETE"
    (last,) = instances(target)
    # a drain that fails keeps nobody; what is left undone the others take over
    assert len(drained.read_text().split()) == 2
    assert last not in drained.read_text()
    eventually(lambda: {asked(address) for _ in range(4)} == {last})

    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"
    assert instances(target) == set()
    assert not list((target.folder / "services").iterdir())
    assert not processes.mentioning(last)
    assert asked(address) == ""


def test_a_machine_whose_start_was_cut_short_is_replaced(
    target: Any, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    """kill -9 of the emulator while the second machine joins: the one that is half made does not count for a node."""
    began = tmp_path / "began"
    waits_once = f"if [ -e {tmp_path}/grows ] && mkdir {began} 2>/dev/null; then sleep 60; fi\n"
    join = JOIN.replace("set -eu\n", f"set -eu\n{waits_once}")
    stack_id = target.create(group(1, join=join)).stack_id
    [first] = instances(target)
    (tmp_path / "grows").touch()
    target.request("update_stack", stack_id=stack_id, template=group(2, join=join))
    eventually(began.exists)
    [half] = instances(target) - {first}
    target.kill()
    target.start()
    stack = target.ended(stack_id)
    assert stack.status == "UPDATE_COMPLETE", stack.status_reason
    now = instances(target)
    assert first in now
    assert half not in now
    assert len(now) == 2
    address = target.outputs(stack_id)["Address"]
    eventually(lambda: {asked(address) for _ in range(4)} == now)
    assert not processes.mentioning(half)


def test_a_machine_that_cannot_start_fails_the_stack_with_its_reason(target: Any) -> None:
    join = "#!/bin/bash\necho '[ 1.0s] 失败 / failed: gate: 转写不符 / the words are wrong'\necho more\nexit 1\n"
    stack = target.create(group(2, join=join))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "did not come into service: gate: 转写不符 / the words are wrong" in stack.status_reason
    assert instances(target) == set()


def test_a_size_outside_of_the_limits_is_refused(target: Any) -> None:
    stack = target.create(group(5))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "5 is not between MinSize 1 and MaxSize 4" in stack.status_reason


def test_the_database_is_real_and_goes_with_its_stack(target: Any) -> None:
    database = {
        "Engine": "PostgreSQL", "EngineVersion": "15.0", "DBInstanceClass": "pg.n2.2c.2m", "DBInstanceStorage": 20,
        "SecurityIPList": "10.0.0.0/20",
    }  # fmt: skip
    server = {"Fn::GetAtt": ["Database", "DBInstanceId"]}
    template = {
        "Parameters": {"Words": {"Type": "String", "NoEcho": True}},
        "Resources": {
            "Database": {"Type": "ALIYUN::RDS::DBInstance", "Properties": database},
            "Account": {
                "Type": "ALIYUN::RDS::Account",
                "Properties": {"DBInstanceId": server, "AccountName": "whisper", "AccountPassword": {"Ref": "Words"}},
            },
            "Schema": {
                "Type": "ALIYUN::RDS::Database",
                "DependsOn": "Account",
                "Properties": {"DBInstanceId": server, "DBName": "whisper", "CharacterSetName": "UTF8"},
            },
            "Media": {
                "Type": "ALIYUN::NAS::FileSystem",
                "Properties": {"ProtocolType": "NFS", "StorageType": "Performance"},
            },
        },
        "Outputs": {"Port": {"Value": {"Fn::GetAtt": ["Database", "InnerPort"]}}},
    }
    stack = target.create(template, parameters={"Words": WORDS})
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    port = target.outputs(stack.stack_id)["Port"]
    address = f"postgresql://whisper@127.0.0.1:{port}/whisper?sslmode="
    assert told(f"{address}require", "CREATE TABLE t (a int); SELECT ssl FROM pg_stat_ssl LIMIT 1") == "t"
    assert told(f"{address}require", "SELECT 1", words="wrong") is None
    target.kill()
    target.start()
    assert told(f"{address}require", "SELECT count(*) FROM t") == "0"
    record = json.loads(next((target.folder / "services").glob("pgm-*.json")).read_text())
    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"
    assert told(f"{address}require", "SELECT 1") is None
    assert not Path(record["folder"]).exists()
    assert not list((target.folder / "services").iterdir())


def told(address: str, statement: str, words: str = WORDS) -> str | None:
    """A database's answer, None when it does not let us in."""
    done = subprocess.run(
        ["psql", address, "-AtqX", "-c", statement], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PGPASSWORD": words},
    )  # fmt: skip
    return None if done.returncode else done.stdout.strip()


def test_nodes_that_join_at_once_are_all_balanced(tmp_path: Path) -> None:
    balancers = Balancers(Daemons(tmp_path), lambda _: 1)
    balancers.serve("sgp-1", {})
    names = [f"i-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: balancers.attach("sgp-1", name), names))
    assert sorted(balancers.servers("sgp-1")) == sorted(names)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ResourceError, match="apt-get install haproxy"):
        program("no-such-program", "haproxy", "ALIYUN::ALB::LoadBalancer")


def test_an_operation_goes_where_its_tasks_say() -> None:
    def tasks(*each: dict[str, Any]) -> str:
        return json.dumps({"Tasks": [{"Action": "ACS::ExecuteAPI", **task} for task in each]})

    done: list[Any] = []

    def act(action: str, given: Any) -> None:
        done.append(given.get("it"))
        if given.get("it") == "bad":
            raise ResourceError("bad")

    item = {"Properties": {"it": "{{ ACS::TaskLoopItem }}"}, "Loop": {"Items": "{{ all }}"}}
    run(
        tasks({"Name": "a", **item}, {"Name": "b", "Properties": {"it": "id {{ one }}"}}),
        {"all": [1, 2], "one": 3},
        act,
    )
    assert done == [1, 2, "id 3"]
    done.clear()
    last = {"Name": "last", "Properties": {"it": "last"}, "OnSuccess": "ACS::END"}
    bad = {"Name": "bad", "Properties": {"it": "bad"}, "OnError": "last"}
    run(tasks(bad, {"Name": "never", "Properties": {"it": "never"}}, last), {}, act)
    assert done == ["bad", "last"]
    for content, says in (
        ("[", "not an OOS template"),
        (tasks({"Name": "a", "Action": "ACS::Sleep"}), "ACS::Sleep is not known"),
        (tasks({"Name": "a", "Properties": {"it": "{{ none }}"}}), "none is no parameter"),
        (tasks({"Name": "a", "OnSuccess": "b"}), "goes on with b"),
        (tasks({"Name": "a", "Properties": {"it": "bad"}}), "bad"),
    ):
        with pytest.raises(ResourceError, match=says):
            run(content, {}, act)
