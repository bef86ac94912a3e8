"""A service from nothing to online, and a customer from its link to a transcription: by command."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy.computenest.project import Project
from deploy.errors import Failure
from tests.computenest.conftest import PASSWORD, ROOT, Deploy, reviewed


@pytest.mark.weights
def test_from_nothing_to_online_to_a_transcription(deploy: Deploy, project: Path) -> None:
    config = f"--config {project / 'config.yaml'}"
    assert deploy(f"service status {config}")[1]["next"] == "publish"
    assert deploy(f"service publish --dry-run {config}")[1]["plan"]["target"] == "create"
    code, published = deploy(f"service publish {config}")
    assert (code, published["did"]) == (0, "create")
    assert deploy(f"service publish {config}")[1]["did"] == "nothing"

    seen = []
    for step in ("prelaunch", "submit", "launch"):
        if step == "launch":
            reviewed(deploy, config)
        assert deploy(f"service {step} --dry-run {config}")[0] == 0
        code, reply = deploy(f"service {step} {config}")
        assert code == 0, reply
        seen.append(reply["status"])
        assert deploy(f"service {step} {config}")[0] == 0, "done already is no error"
    assert seen == ["Beta", "Submitted", "Online"]
    assert [v["status"] for v in deploy(f"service versions {config}")[1]["versions"]] == ["Online"]

    links = deploy(f"service link {config}")[1]["links"]
    service_id = parse_qs(urlsplit(links["mainland"]).query)["ServiceId"][0]
    assert "/ap-southeast-1?" in links["international"]

    asked = f"create --via computenest --service-id {service_id} --package 标准版 --name shop --password-stdin"
    code, planned = deploy(f"{asked} --dry-run", stdin=f"{PASSWORD}\n")
    assert planned["plan"]["package"] == "标准版 (1 × A10)"
    code, made = deploy(asked, stdin=f"{PASSWORD}\n")
    assert (code, made.get("status")) == (0, "Deployed"), made
    try:
        assert deploy(asked, stdin=f"{PASSWORD}\n")[1]["code"] == "NameTaken"
        (listed,) = deploy("list --via computenest")[1]["instances"]
        assert (listed["name"], listed["status"]) == ("shop", "Deployed")
        assert deploy("status shop --via computenest")[1]["login_address"] == made["login_address"]
        assert "press the button" in transcribed(made["login_address"]).lower()
    finally:
        assert deploy("delete shop --via computenest --yes")[1]["status"] == "Deleted"
    assert deploy("list --via computenest")[1]["instances"] == []


def test_a_new_version_beside_the_one_online(deploy: Deploy, project: Path) -> None:
    config = f"--config {project / 'config.yaml'}"
    for step in ("publish", "submit"):
        assert deploy(f"service {step} {config}")[0] == 0
    reviewed(deploy, config)
    code, online = deploy(f"service launch {config}")
    assert code == 0
    asked = f"create --via computenest --service-id {online['service_id']} --generate-password --dry-run"
    planned = deploy(f"{asked} --package 集群版")[1]["plan"]
    assert (planned["template"], planned["parameters"]["Nodes"]) == ("集群版", "2")
    text = (project / "config.yaml").read_text(encoding="utf-8").replace("标准版 (1 × A10)", "标准版")
    (project / "config.yaml").write_text(text, encoding="utf-8")
    (project / "ros_templates/single.yaml").open("a", encoding="utf-8").write("# changed\n")
    plan = deploy(f"service plan {config}")[1]["plan"]
    assert plan["target"] == "draft"
    assert [change["path"].rpartition("/")[2] for change in plan["changes"]] == ["Url", "Name"]
    code, published = deploy(f"service publish {config}")
    assert (code, published["did"]) == (0, "draft")
    assert {v["version"]: v["status"] for v in deploy(f"service versions {config}")[1]["versions"]} == {
        "draft": "Draft", "1": "Online",
    }  # fmt: skip
    assert deploy(f"service documents {config}")[1]["documents"] == [
        "zh-CN: docs/zh/customer.md", "en-US: docs/en/customer.md",
    ]  # fmt: skip
    assert deploy(f"service publish {config}")[1]["did"] == "nothing"
    code, refused = deploy(f"service delete --yes {config}")
    assert (code, refused["code"]) == (1, "OperationDenied")
    assert deploy(f"service withdraw --yes {config}")[1]["status"] == "Offline"
    assert deploy(f"service delete --yes {config}")[0] == 0


@pytest.mark.weights
def test_the_image_is_built_verified_spread_and_retired(deploy: Deploy, project: Path) -> None:
    config = f"--config {project / 'config.yaml'}"
    assert deploy(f"image verify {config}")[1]["code"] == "NoImage"
    assert deploy(f"image build {config}")[1]["built"] is True
    assert deploy(f"image build {config}")[1]["built"] is False
    code, tried = deploy(f"image verify {config}")
    assert code == 0 and "press the button" in tried["text"].lower(), tried
    assert deploy("list")[1]["stacks"] == [], "what it tried is gone"
    assert deploy(f"image distribute {config}")[1]["added"] == []
    assert deploy(f"image distribute --regions cn-hangzhuo {config}")[1]["code"] == "Region"
    (version,) = deploy(f"image list {config}")[1]["versions"]
    assert version["properties"]["ImageId"].startswith("m-")
    assert deploy(f"image retire --image-version 7 {config}")[1]["code"] == "Version"
    assert deploy(f"image retire --image-version draft --yes {config}")[0] == 0


def test_the_image_is_built_in_the_own_account(deploy: Deploy, project: Path) -> None:
    config = f"--config {project / 'config.yaml'}"
    build = f"image build --with imagebuilder {config}"
    planned = deploy(f"{build} --dry-run --spec c16g1")[1]["image_builder"]
    assert planned["InstanceType"] == "ecs.gn7i-c16g1.4xlarge"
    assert "scripts/install.sh" in planned["CommandContent"] and "{{" not in planned["CommandContent"]
    assert deploy(f"{build} --spec gn7i-c32g1")[1]["code"] == "Spec", "which of three?"
    made = deploy(build)[1]["image_id"]
    assert made.startswith("m-")
    text = (project / "config.yaml").read_text(encoding="utf-8")
    before, rest = text.split("    ArtifactBuildType: EcsImage\n")
    after = rest[rest.index("\n\n") :]

    def write(image: str) -> None:
        own = f"    ArtifactProperty: {{RegionId: cn-hangzhou, ImageId: '{image}'}}"
        (project / "config.yaml").write_text(before + own + after, encoding="utf-8")

    write("${ImageBuilder.Image.ImageId}")
    assert deploy(f"image build {config}")[1]["message"].endswith("${ImageBuilder.Image.ImageId} is no image")
    write(made)
    assert deploy(f"image build {config}")[1]["properties"] == {"RegionId": "cn-hangzhou", "ImageId": made}
    assert deploy(f"image build {config}")[1]["built"] is False
    assert deploy(build)[1]["code"] == "Config", "nothing to build"


@pytest.mark.parametrize(("ends", "told"), [(0, "built"), (9, "packer init ended with 9")])
def test_packer_is_initialised_then_builds(tmp_path: Path, ends: int, told: str) -> None:
    packer = tmp_path / "packer"
    packer.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\nexit {ends}\n')
    packer.chmod(0o755)
    command = [sys.executable, "-m", "deploy", "image", "build", "--with", "packer", "--var", "region=cn-shanghai"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": f"{tmp_path}:/usr/bin:/bin", "LANG": "C.UTF-8"},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert told in done.stdout + done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == (["init ."] if ends else ["init .", "build -var region=cn-shanghai ."])


def test_what_is_wrong_is_said_in_one_line(deploy: Deploy, project: Path) -> None:
    config = f"--config {project / 'config.yaml'}"
    code, said = deploy(f"service launch {config}")
    assert (code, said["code"]) == (1, "NotPublished")
    for step in ("plan", "publish", "status", "delete --yes"):
        code, said = deploy(f"service {step} --service-id service-0 {config}")
        assert (code, said["message"]) == (1, "there is no service service-0"), "a mistyped id makes no second service"
    (project / "assets/logo.png").unlink()
    code, said = deploy(f"service plan {config}")
    assert code == 1 and "logo.png does not exist" in said["message"] and "assets/make.py" in said["remedy"]
    code, said = deploy("image build --with packer --var region --dry-run")
    assert (code, said["message"]) == (2, "--var region: not KEY=VALUE")
    code, said = deploy("create --via computenest --spec gn7i-c16g1 --generate-password")
    assert (code, said["message"]) == (2, "missing: --service-id")
    code, said = deploy("create --via computenest --service-id service-0 --generate-password")
    assert (code, said["code"]) == (1, "EntityNotExist.Service")


def transcribed(address: str) -> str:
    """What the bundled clip says, by the OpenAI-compatible API."""
    clip, mark = (ROOT / "service_app/assets/clips/demo-en.wav").read_bytes(), "mark"
    part = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'.encode()
    login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": f"multipart/form-data; boundary={mark}"}
    request = urllib.request.Request(
        f"{address}v1/audio/transcriptions", part + clip + f"\r\n--{mark}--\r\n".encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["text"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Service: [\n", ":2:1: cannot be read"),
        ("[]", "config.yaml: all of it: should be a mapping"),
        ("a: b", "config.yaml: Service/ServiceInfo: is missing"),
        ("Service: {ServiceInfo: 3}", "Service/ServiceInfo: should be a list"),
        ("Service: {ServiceInfo: []}", "Service/ServiceInfo: is missing"),
        ("Service: {ServiceInfo: [{Name: 名}], DeployMetadata: 1}", "Service/DeployMetadata: should be a mapping"),
        ("Service: {ServiceInfo: [{Name: 名}], DeployMetadata: {TemplateConfigs: [3]}}",
         "Service/DeployMetadata/TemplateConfigs/0: should be a mapping"),
        ("Service: {DeployMetadata: {TemplateConfigs: [{PredefinedParameters: [{Parameters: 3}]}]}}",
         "Service/DeployMetadata/TemplateConfigs/0/PredefinedParameters/0/Parameters: should be a mapping"),
        ("Service: {DeployMetadata: {SupplierDeployMetadata: }}",
         "Service/DeployMetadata/SupplierDeployMetadata: should be a mapping"),
        ("Service: {OperationMetadata: [1]}", "Service/OperationMetadata: should be a mapping"),
        ("Service: {ServiceInfo: [{Image: 7}]}", "Service/ServiceInfo/0/Image: should be a text"),
        ("Artifact: {A: {SupportRegionIds: cn}}", "Artifact/A/SupportRegionIds: should be a list"),
        ("Artifact: {A: {ArtifactBuildProperty: {SystemDiskSize: true}}}",
         "Artifact/A/ArtifactBuildProperty/SystemDiskSize: should be a whole number"),
        ("Artifact: {A: {ArtifactProperty: x}}", "Artifact/A/ArtifactProperty: should be a mapping"),
        ("Service: {ServiceInfo: [{a: 名}], DeployMetadata: {}, OperationMetadata: {CustomOperations: {Actions: 1}}}",
         "Service/OperationMetadata/CustomOperations/Actions: should be a list"),
        ("Artifact: [1]", "config.yaml: Artifact: should be a mapping"),
        ("Service: {ServiceInfo: [{Name: 名}], DeployMetadata: {a: b}}\nArtifact: {A: {ArtifactType: File}}",
         "Artifact/A/ArtifactName: is missing"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Failure) as refused:
        Project(file)
    assert told in refused.value.message
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="not UTF-8"):
        Project(file)


def test_a_service_of_two_templates(deploy: Deploy, project: Path) -> None:
    path = project / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    metadata = config["Service"]["DeployMetadata"]
    package = {"Name": "双机 (2 × A10)", "Type": "Normal", "Parameters": {"InstanceType": "ecs.gn7i-c16g1.4xlarge"}}
    second = {**metadata["TemplateConfigs"][0], "Name": "第二版", "Url": "ros_templates/second.yaml"}
    metadata["TemplateConfigs"] = [metadata["TemplateConfigs"][0], {**second, "PredefinedParameters": [package]}]
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    text = (project / "ros_templates/single.yaml").read_text(encoding="utf-8")
    (project / "ros_templates/second.yaml").write_text(text + "# another\n", encoding="utf-8")
    assert deploy(f"service publish --config {path}")[1]["did"] == "create"
    assert deploy(f"service publish --config {path}")[1]["did"] == "nothing"
    (project / "ros_templates/second.yaml").write_text(text + "# changed\n", encoding="utf-8")
    plan = deploy(f"service plan --config {path}")[1]["plan"]
    assert [change["path"] for change in plan["changes"]] == ["DeployMetadata/TemplateConfigs/1/Url"]

    service_id = deploy(f"service status --config {path}")[1]["service_id"]
    asked = f"create --via computenest --service-id {service_id} --generate-password --dry-run"
    assert deploy(f"{asked} --spec gn7i-c16g1")[1]["plan"]["template"] == "单机版"
    assert deploy(f"{asked} --template 单 --package 旗舰")[1]["plan"]["package"] == "旗舰版 (4 × A10)"
    for words, code, message in (
        ("", 2, "missing: --package, or --spec"),
        ("--template 三", 2, "--template 三: no such template"),
        ("--template 第二 --package 旗舰", 2, "--package 旗舰: no such package"),
        ("--package 双机", 1, "the service's template 第二版 is not one of config.yaml"),
    ):
        ended, said = deploy(f"{asked} {words}")
        assert (ended, said["message"]) == (code, message)
