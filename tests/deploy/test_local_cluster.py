"""A cluster on this machine, by the commands that a person types: nodes behind one address, which share their work."""

from __future__ import annotations

import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes

from .test_local_life import PASSWORD, ROOT, deploy

CLIP = ROOT / "service_app/assets/clips/demo-en"


def transcribed(address: str) -> str:
    """The words of the bundled clip, through the load balancer."""
    boundary = "a-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'.encode(),
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode(),
        CLIP.with_suffix(".wav").read_bytes(),
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    login = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"{address}v1/audio/transcriptions", b"".join(parts),
        {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": f"Basic {login}"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return str(told["text"])


def policy(topology: str, state: Path) -> set[str]:
    """The calls that a stack of the topology needs."""
    code, reply, progress = deploy(f"policy --topology {topology}", state)
    assert code == 0, (reply, progress)
    return {action for each in reply["data"]["policy"]["Statement"] for action in each["Action"]}


@pytest.mark.weights
def test_nodes_share_one_address_scale_and_leave_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    create = "create --topology cluster --nodes 2 --spec gn7i-c16g1 --name many --user ada --password-stdin"
    code, reply, progress = deploy(create, state, stdin=f"{PASSWORD}\n")
    folders: list[str] = []
    try:
        assert code == 0, (reply, progress[-3000:])
        address = reply["data"]["login_address"]
        assert "please press the button" in transcribed(address).lower()
        nodes = {node["id"] for node in deploy("status many", state)[1]["data"]["nodes"]}
        assert len(nodes) == 2
        told = deploy("logs many --script --lines 5", state)[1]["data"]["nodes"]
        assert {node["instance_id"] for node in told} == nodes

        code, reply, progress = deploy("scale many --nodes 1 --yes", state)
        assert code == 0, (reply, progress)
        (left,) = deploy("status many", state)[1]["data"]["nodes"]
        assert left["id"] in nodes
        assert "please press the button" in transcribed(address).lower()

        calls = {topology: policy(topology, state) for topology in ("single", "cluster")}
        assert "ecs:RunInstances" in calls["single"]
        assert {"ess:CreateScalingGroup", "rds:CreateDBInstance", "oos:CreateTemplate"} <= calls["cluster"]

        records = [json.loads(path.read_text()) for path in (state / "services").glob("*.json")]
        folders = [record["folder"] for record in records if "folder" in record]
        assert not list(processes.files_holding(PASSWORD, state))
    finally:
        code, reply, progress = deploy("delete many --yes", state)
    assert code == 0, (reply, progress)
    assert not state.exists()
    assert [folder for folder in folders if Path(folder).exists()] == []
    assert not processes.mentioning(str(state))
