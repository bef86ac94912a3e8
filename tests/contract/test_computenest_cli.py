"""The published computenest-cli takes config.yaml as it is: checks it, creates the service, updates it."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy.alibaba import connect_local
from deploy.target import Endpoint

from .third_party import Answer, run

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)  # the first run installs the client


def command(project: Path, endpoint: Endpoint, *words: str) -> Answer:
    return run(
        "computenest-cli", "drive_computenest_cli.py", *words,
        "--access_key_id", endpoint.access_key_id, "--access_key_secret", endpoint.access_key_secret,
        cwd=project, environ={"LOCAL_HOST": endpoint.host},
    )  # fmt: skip


def test_import_creates_and_import_again_updates(project: Path, endpoint: Endpoint) -> None:
    subprocess.run([str(ROOT / "scripts/package.sh"), str(project / "build")], check=True, capture_output=True)
    created = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert created.code == 0, created.text
    assert "Successfully created a new service: Whisper 语音转文字!" in created.text

    supplier = connect_local(endpoint.host, endpoint.access_key_id, endpoint.access_key_secret,
                             region="cn-hangzhou").supplier()  # fmt: skip
    (first,) = supplier.services("Whisper 语音转文字")
    details = supplier.service(first.id, "draft")
    assert (first.version, first.status) == ("draft", "Draft")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["Service"]
    (template,) = details.metadata["DeployMetadata"]["TemplateConfigs"]
    (wanted,) = config["DeployMetadata"]["TemplateConfigs"]
    for key in ("PredefinedParameters", "AllowedRegions", "OutputConfigs", "HiddenParameterKeys"):
        assert template[key] == wanted[key]
    assert supplier.fetch(template["Url"]) == (ROOT / wanted["Url"]).read_bytes()
    assert supplier.fetch(details.infos[0]["Image"]) == (ROOT / "assets/logo.png").read_bytes()
    relation = details.metadata["DeployMetadata"]["SupplierDeployMetadata"]["ArtifactRelation"]
    assert relation["debian_12"]["ArtifactId"].startswith("artifact-")

    # As an author does: the template was changed, the service exists.
    text = (project / "ros_templates/single.yaml").read_text(encoding="utf-8")
    (project / "ros_templates/single.yaml").write_text(text + "# changed\n", encoding="utf-8")
    (project / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    updated = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert updated.code == 0, updated.text
    assert f"Successfully updated the service: {first.id}!" in updated.text
    (template,) = supplier.service(first.id, "draft").metadata["DeployMetadata"]["TemplateConfigs"]
    assert supplier.fetch(template["Url"]).endswith(b"# changed\n")


def test_checks_of_the_client_find_a_wrong_file(project: Path, endpoint: Endpoint) -> None:
    text = (project / "config.yaml").read_text(encoding="utf-8").replace("debian_12:\n", "windows_95:\n")
    (project / "config.yaml").write_text(text, encoding="utf-8")
    refused = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert refused.code != 0 and "does not match the image identifier" in refused.text


def test_package_has_the_version_that_the_project_has() -> None:
    artifacts = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["Artifact"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert artifacts["Artifact_Package"]["ArtifactProperty"]["Url"] == f"build/whisper-{version}.tar.gz"
    assert {artifact["VersionName"] for artifact in artifacts.values()} == {version}
