"""Publishing when things go wrong: failed uploads are errors, lost answers and kills make nothing twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.alibaba import connect_local
from deploy.alibaba.supplier import ComputeNestSupplier
from deploy.target import local_endpoint
from tests.computenest.conftest import ROOT, Deploy, reviewed


def serve(state: Path, *rules: str) -> ComputeNestSupplier:
    """A local target on which these faults happen; `deploy` ends it."""
    faults = state.with_name("faults.yaml")
    faults.write_text("rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))
    command = [sys.executable, "-m", "deploy.local", "serve", "--state", str(state), "--detach"]
    subprocess.run([*command, "--faults", str(faults)], check=True, capture_output=True, cwd=ROOT)
    endpoint = local_endpoint(state, start=False)
    keys = (endpoint.access_key_id, endpoint.access_key_secret)
    return connect_local(endpoint.host, *keys, region="cn-hangzhou").supplier()


def test_a_failed_upload_is_an_error_and_publishing_again_goes_on(deploy: Deploy, project: Path, state: Path) -> None:
    supplier = serve(state, "fault: error, action: PutObject, nth: [2, 4], status: 500")
    config = f"--config {project / 'config.yaml'}"
    code, said = deploy(f"service publish {config}")  # the package was first
    assert (code, said["code"]) == (1, "Transfer")
    assert said["message"] == "logo.png: could not be uploaded (HTTP 500)"
    code, said = deploy(f"service publish {config}")
    assert (code, said["message"]) == (1, "single.yaml: could not be uploaded (HTTP 500)")
    assert supplier.services() == [], "no service whose files are missing"
    assert deploy(f"service publish {config}")[1]["did"] == "create"
    assert len(supplier.services()) == 1 and len(supplier.artifacts()) == 2


def test_lost_answers_make_nothing_twice(deploy: Deploy, project: Path, state: Path) -> None:
    actions = ("CreateArtifact", "CreateService", "PreLaunchService", "ReleaseArtifact", "RegisterService",
               "LaunchService", "WithdrawService", "DeleteService")  # fmt: skip
    supplier = serve(state, *(f"fault: reset-after, action: {action}, nth: [1]" for action in actions))
    config = f"--config {project / 'config.yaml'}"
    for step in ("publish", "prelaunch", "submit", "launch"):
        if step == "launch":
            reviewed(deploy, config)
        code, said = deploy(f"service {step} {config}")
        assert code == 0, said
    (online,) = supplier.services()
    assert (online.version, online.status) == ("1", "Online")
    # The package is for the image's build only, so it stays a draft.
    versions = {a.name: [v.version for v in supplier.artifact_versions(a.id)] for a in supplier.artifacts()}
    assert versions == {"whisper-image": ["1"], "whisper-package": ["draft"]}
    assert deploy(f"service withdraw --yes {config}")[1]["status"] == "Offline"
    assert deploy(f"service delete --yes {config}")[0] == 0
    assert deploy(f"image retire --image-version 1 --yes {config}")[0] == 0
    assert not state.exists(), "nothing is left, so the local target went"


@pytest.mark.parametrize("moment", ["making artifact whisper-package", "uploading single.yaml"])
def test_a_killed_publication_is_simply_begun_again(deploy: Deploy, project: Path, state: Path, moment: str) -> None:
    supplier = serve(state, "fault: delay, action: PutObject, seconds: 0.5")
    config = f"--config {project / 'config.yaml'}"
    command = [sys.executable, "-m", "deploy", "service", "publish", *config.split(), "--local"]
    publishing = subprocess.Popen([*command, "--state-dir", str(state)], cwd=ROOT, stderr=subprocess.PIPE, text=True,
                                  env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})  # fmt: skip
    with publishing:
        assert publishing.stderr is not None
        assert any(line.strip() == moment for line in publishing.stderr), "it ended before"
        publishing.kill()
    assert supplier.services() == []
    code, done = deploy(f"service publish {config}")
    assert (code, done["did"]) == (0, "create")
    assert deploy(f"service publish {config}")[1]["did"] == "nothing"
    assert len(supplier.services()) == 1 and len(supplier.artifacts()) == 2


def test_a_killed_launch_is_waited_for(deploy: Deploy, project: Path, state: Path) -> None:
    supplier = serve(state)
    config = f"--config {project / 'config.yaml'}"
    for step in ("publish", "submit"):
        assert deploy(f"service {step} {config}")[0] == 0
    reviewed(deploy, config)
    (version,) = supplier.services()
    supplier.launch(version.id, version.version)  # and nobody waited for it
    assert deploy(f"service launch {config}")[1]["status"] == "Online"
