"""The published computenest-cli takes config.yaml as it is: checks it, creates the service, updates it."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy.alibaba import connect_local
from deploy.alibaba.supplier import ComputeNestSupplier
from deploy.target import Endpoint

from .third_party import Answer, run

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)  # the first run installs the client


def command(project: Path, endpoint: Endpoint, *words: str) -> Answer:
    """Logged in: the client keeps the keys in its home, which is the project here."""
    keys = {"access_key_id": endpoint.access_key_id, "access_key_secret": endpoint.access_key_secret}
    (project / ".computenestcli").mkdir(exist_ok=True)
    (project / ".computenestcli/credentials").write_text(yaml.safe_dump(keys), encoding="utf-8")
    return run("computenest-cli", "drive_computenest_cli.py", *words, cwd=project,
               environ={"LOCAL_HOST": endpoint.host})  # fmt: skip


@pytest.fixture(scope="module")
def supplier(endpoint: Endpoint) -> ComputeNestSupplier:
    keys = (endpoint.access_key_id, endpoint.access_key_secret)
    return connect_local(endpoint.host, *keys, region="cn-hangzhou").supplier()


def test_import_creates_and_import_again_updates(
    project: Path, endpoint: Endpoint, supplier: ComputeNestSupplier, tmp_path: Path
) -> None:
    subprocess.run([str(ROOT / "scripts/package.sh"), str(project / "build")], check=True, capture_output=True)
    created = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert created.code == 0, created.text
    assert "Successfully created a new service: Whisper 语音转文字!" in created.text

    (first,) = supplier.services("Whisper 语音转文字")
    details = supplier.service(first.id, "draft")
    assert (first.version, first.status) == ("draft", "Draft")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["Service"]
    for template, wanted in zip(details.metadata["DeployMetadata"]["TemplateConfigs"],
                                config["DeployMetadata"]["TemplateConfigs"], strict=True):  # fmt: skip
        for key in ("PredefinedParameters", "AllowedRegions", "OutputConfigs", "HiddenParameterKeys"):
            assert template[key] == wanted[key]
        assert supplier.fetch(template["Url"]) == (ROOT / wanted["Url"]).read_bytes()
    assert supplier.fetch(details.infos[0]["Image"]) == (ROOT / "assets/logo.png").read_bytes()
    relation = details.metadata["DeployMetadata"]["SupplierDeployMetadata"]["ArtifactRelation"]
    assert relation["debian_12"]["ArtifactId"].startswith("artifact-")

    # As an author does: the template was changed, the service exists. One template is left: of several, this version of
    # the client makes test cases side by side with one YAML parser, which fails now and then.
    text = (project / "ros_templates/single.yaml").read_text(encoding="utf-8")
    (project / "ros_templates/single.yaml").write_text(text + "# changed\n", encoding="utf-8")
    again = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    del again["Service"]["DeployMetadata"]["TemplateConfigs"][1:]
    (project / "config.yaml").write_text(yaml.safe_dump(again, allow_unicode=True), encoding="utf-8")
    updated = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert updated.code == 0, updated.text
    assert f"Successfully updated the service: {first.id}!" in updated.text
    (template,) = supplier.service(first.id, "draft").metadata["DeployMetadata"]["TemplateConfigs"]
    assert supplier.fetch(template["Url"]).endswith(b"# changed\n")

    exported = command(project, endpoint, "export", "--service_id", first.id, "--version_name", "draft",
                       "--output_dir", str(tmp_path / "exported"))  # fmt: skip
    assert exported.code == 0, exported.text
    back = yaml.safe_load((tmp_path / "exported/config.yaml").read_text(encoding="utf-8"))
    for name in ("zh-CN", "en-US"):
        logo = tmp_path / f"exported/resources/icons/service_logo_{name}.png"
        assert logo.read_bytes() == (ROOT / "assets/logo.png").read_bytes()
    assert (tmp_path / "exported/ros_templates/template1.yaml").read_bytes().endswith(b"# changed\n")
    told = [config["Name"] for config in back["Service"]["DeployMetadata"]["TemplateConfigs"]]
    assert told == [config["DeployMetadata"]["TemplateConfigs"][0]["Name"]]

    tested = command(project, endpoint, "service-test", "generate", "--service_id", first.id)
    assert tested.code == 0, tested.text
    case = project / f"service_test/{told[0]}.yaml"
    asked = yaml.safe_load(case.read_text(encoding="utf-8"))["parameters"]
    declared = yaml.safe_load((ROOT / "ros_templates/single.yaml").read_text(encoding="utf-8"))["Parameters"]
    assert asked.keys() == declared.keys() and asked["ClientCidr"] == "$[iact3-auto]"
    for done in ("Created", "Updated"):
        sent = command(project, endpoint, "service-test", "import", "--service_id", first.id)
        assert sent.code == 0 and "Failed Cases" not in sent.text, (done, sent.text)
    assert yaml.safe_load(case.read_text(encoding="utf-8"))["caseId"].startswith("stc-")


def test_checks_of_the_client_find_a_wrong_file(project: Path, endpoint: Endpoint) -> None:
    text = (project / "config.yaml").read_text(encoding="utf-8").replace("debian_12:\n", "windows_95:\n")
    (project / "config.yaml").write_text(text, encoding="utf-8")
    refused = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert refused.code != 0 and "does not match the image identifier" in refused.text


def test_generate_makes_a_project_and_leaves_our_template_as_it_is(project: Path, endpoint: Endpoint) -> None:
    asked = {
        "ArtifactSourceType": "SourceCode", "SourceCodePath": "assets", "ServiceType": "private",
        "RegionId": "cn-hangzhou", "ServiceBuildRegion": "cn-hangzhou", "ImageId": "debian_12",
        "RepoFullName": "acme/whisper", "Platform": "github", "Owner": "acme", "Branch": "main",
        "RunCommand": "bash start.sh", "SecurityGroupPorts": [443], "ServicePorts": [443], "CustomParameters": [],
    }  # fmt: skip
    made = command(project, endpoint, "generate", "--parameters", json.dumps(asked))
    assert made.code == 0, made.text
    template = yaml.safe_load((project / ".computenest/ros_templates/template.yaml").read_text(encoding="utf-8"))
    config = yaml.safe_load((project / ".computenest/config.yaml").read_text(encoding="utf-8"))
    ours = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    # The same shape: what the client makes has no key for a service that ours does not know.
    assert config["Service"].keys() - ours["Service"].keys() == {"RegionId"}  # which `import` does not read
    assert template["Resources"]["InstanceGroup"]["Properties"]["ImageId"] == "ecs_image_whisper"
    again = command(project, endpoint, "generate", "--parameters", json.dumps(asked))
    assert again.code == 1 and "Do you want to overwrite it?" in again.text, "it asks; nobody answers"

    single = command(project, endpoint, "generate", "--type", "file", "--file_path", "ros_templates/single.yaml",
                     "--output_path", "copy.yaml", "--parameters", "{}")  # fmt: skip
    assert single.code == 0, single.text
    assert (project / "copy.yaml").read_text() == (ROOT / "ros_templates/single.yaml").read_text().removesuffix("\n")


def test_package_has_the_version_that_the_project_has() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    artifacts = config["Artifact"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert artifacts["Artifact_Package"]["ArtifactProperty"]["Url"] == f"build/whisper-{version}.tar.gz"
    assert {part["VersionName"] for part in (*artifacts.values(), config["Service"])} == {version}
