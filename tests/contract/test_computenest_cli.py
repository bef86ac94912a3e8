"""The published computenest-cli takes config.yaml as it is: checks it, creates the service, updates it, builds its
image, and runs its test cases. It waits more than it works, so what does not build on one another goes side by side."""

from __future__ import annotations

import io
import json
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from alibabacloud_computenestsupplier20210521 import models
from alibabacloud_computenestsupplier20210521.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from deploy import cli
from deploy.alibaba import connect_local
from deploy.alibaba.supplier import ComputeNestSupplier
from deploy.target import Endpoint

from .conftest import copied
from .third_party import Answer, run

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)  # the first run installs the client
ASKED = {
    "ArtifactSourceType": "SourceCode", "SourceCodePath": "assets", "ServiceType": "private",
    "RegionId": "cn-hangzhou", "ServiceBuildRegion": "cn-hangzhou", "ImageId": "debian_12",
    "RepoFullName": "acme/whisper", "Platform": "github", "Owner": "acme", "Branch": "main",
    "RunCommand": "bash start.sh", "SecurityGroupPorts": [443], "ServicePorts": [443], "CustomParameters": [],
}  # fmt: skip


def command(project: Path, endpoint: Endpoint, *words: str) -> Answer:
    """Logged in: the client keeps the keys in its home, which is the project here."""
    keys = {"access_key_id": endpoint.access_key_id, "access_key_secret": endpoint.access_key_secret}
    (project / ".computenestcli").mkdir(exist_ok=True)
    (project / ".computenestcli/credentials").write_text(yaml.safe_dump(keys), encoding="utf-8")
    return run("computenest-cli", "drive_computenest_cli.py", *words, cwd=project,
               environ={"LOCAL_HOST": endpoint.host})  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def aside(
    endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, tuple[Path, Future[Any]]]]:
    """What goes on beside the test of one service, each with the project in which it runs: what commands that need no
    service answer, and how the test cases of another service end."""
    wrong, generated, single, tested = (copied(tmp_path_factory.mktemp(name) / "project") for name in "abcd")
    text = (wrong / "config.yaml").read_text(encoding="utf-8").replace("debian_12:\n", "windows_95:\n")
    (wrong / "config.yaml").write_text(text, encoding="utf-8")
    generate = ("generate", "--parameters", json.dumps(ASKED))
    copy = ("generate", "--type", "file", "--file_path", "ros_templates/single.yaml", "--output_path", "copy.yaml",
            "--parameters", "{}")  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        cases = pool.submit(case_runs, tested, endpoint)
        first = pool.submit(command, generated, endpoint, *generate)
        yield {
            "cases": (tested, cases),
            "wrong": (wrong, pool.submit(command, wrong, endpoint, "import", "--file_path", "config.yaml")),
            "copy": (single, pool.submit(command, single, endpoint, *copy)),
            "generate": (generated, first),
            "again": (generated, pool.submit(lambda: first.result() and command(generated, endpoint, *generate))),
        }


@pytest.fixture(scope="module")
def supplier(endpoint: Endpoint) -> ComputeNestSupplier:
    keys = (endpoint.access_key_id, endpoint.access_key_secret)
    return connect_local(endpoint.host, *keys, region="cn-hangzhou").supplier()


def test_a_service_is_imported_changed_and_exported(
    endpoint: Endpoint, state: Path, supplier: ComputeNestSupplier, tmp_path: Path
) -> None:
    project = copied(tmp_path / "project")
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

    # As an author does: the template was changed, the image is to be built by ImageBuilder, the service exists.
    text = (project / "ros_templates/single.yaml").read_text(encoding="utf-8")
    (project / "ros_templates/single.yaml").write_text(text + "# changed\n", encoding="utf-8")
    again = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    again |= yaml.safe_load(image_builder(state, project))
    again["Artifact"]["Artifact_Image"] = {
        **{key: value for key, value in again["Artifact"]["Artifact_Image"].items() if "Build" not in key},
        "ArtifactProperty": {"ImageId": "${ImageBuilder.Image.ImageId}"},
    }
    (project / "builder.yaml").write_text(image_builder(state, project), encoding="utf-8")  # another image's name
    (project / "config.yaml").write_text(yaml.safe_dump(again, allow_unicode=True), encoding="utf-8")
    updated = command(project, endpoint, "import", "--file_path", "config.yaml", "--update_artifact", "true")
    assert updated.code == 0, updated.text
    assert f"Successfully updated the service: {first.id}!" in updated.text
    template, _ = supplier.service(first.id, "draft").metadata["DeployMetadata"]["TemplateConfigs"]
    assert supplier.fetch(template["Url"]).endswith(b"# changed\n")
    (image,) = supplier.artifact_versions(relation["debian_12"]["ArtifactId"])
    assert str(image.properties["ImageId"]) in updated.text, "the one that OOS made"

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(command, project, endpoint, "build-image", "--file-path", "builder.yaml")
        exported = command(project, endpoint, "export", "--service_id", first.id, "--version_name", "draft",
                           "--output_dir", str(tmp_path / "exported"))  # fmt: skip
    assert exported.code == 0, exported.text
    back = yaml.safe_load((tmp_path / "exported/config.yaml").read_text(encoding="utf-8"))
    for name in ("zh-CN", "en-US"):
        logo = tmp_path / f"exported/resources/icons/service_logo_{name}.png"
        assert logo.read_bytes() == (ROOT / "assets/logo.png").read_bytes()
    assert (tmp_path / "exported/ros_templates/template1.yaml").read_bytes().endswith(b"# changed\n")
    told = [config["Name"] for config in back["Service"]["DeployMetadata"]["TemplateConfigs"]]
    assert told == [template["Name"] for template in config["DeployMetadata"]["TemplateConfigs"]]
    assert building.result().code == 0, building.result().text
    assert "Image: Successfully built image m-" in building.result().text


def image_builder(state: Path, project: Path) -> str:
    """The section that `image build --with imagebuilder --dry-run` prints."""
    words = ["image", "build", "--with", "imagebuilder", "--dry-run", "--local", "--state-dir", str(state),
             "--config", str(project / "config.yaml")]  # fmt: skip
    out = io.StringIO()
    assert cli.run(words, stdin=io.StringIO(), stdout=out, stderr=io.StringIO(), environ={}) == 0
    return out.getvalue()


def case_runs(project: Path, endpoint: Endpoint) -> dict[str, Any]:
    """Test cases are made, filled in, uploaded twice, and executed: the instance is deployed and removed. Returns the
    task. The service has one template: of several, this version of the client makes test cases side by side with one
    YAML parser, which fails now and then."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["Service"]["ServiceInfo"][0]["Name"] = "Tested"
    metadata = config["Service"]["DeployMetadata"]
    del metadata["TemplateConfigs"][1:], metadata["SupplierDeployMetadata"], config["Artifact"]
    (project / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    created = command(project, endpoint, "import", "--file_path", "config.yaml")
    assert created.code == 0, created.text
    of_it = ("--service_name", "Tested")
    tested = command(project, endpoint, "service-test", "generate", *of_it)
    assert tested.code == 0, tested.text
    (case,) = (project / "service_test").glob("*.yaml")
    content = yaml.safe_load(case.read_text(encoding="utf-8"))
    declared = yaml.safe_load((ROOT / "ros_templates/single.yaml").read_text(encoding="utf-8"))["Parameters"]
    assert content["parameters"].keys() == declared.keys() and content["parameters"]["ClientCidr"] == "$[iact3-auto]"
    shipped = yaml.safe_load((ROOT / ".iact3.yml").read_text(encoding="utf-8"))["project"]["parameters"]
    content["parameters"] |= {key: shipped[key] for key in ("ClientCidr", "SoftwarePassword")} | {"Model": "tiny.en"}
    case.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    def upload() -> None:
        sent = command(project, endpoint, "service-test", "import", *of_it)
        assert sent.code == 0 and "Failed Cases" not in sent.text, sent.text

    upload()
    assert yaml.safe_load(case.read_text(encoding="utf-8"))["caseId"].startswith("stc-")
    begun = command(
        project, endpoint, "service-test", "execute", "--task_name", "smoke", "--task_region_id", "cn-beijing"
    )
    assert begun.code == 0 and "Create service test task success, taskId: stt-" in begun.text, begun.text
    upload()  # now it changes the case
    return task(endpoint, begun.text.partition("taskId: ")[2].partition(",")[0])


@pytest.mark.weights
def test_cases_are_made_and_run(aside: Mapping[str, tuple[Path, Future[Any]]]) -> None:
    done = aside["cases"][1].result()
    assert (done["TaskName"], done["TaskRegionId"], done["Status"]) == ("smoke", "cn-beijing", "Success"), done
    assert "DELETE_COMPLETE" in done["ExecutionDetails"][0]["ExecutionReport"]


def task(endpoint: Endpoint, task_id: str) -> dict[str, Any]:
    """Once it has ended."""
    keys = {"access_key_id": endpoint.access_key_id, "access_key_secret": endpoint.access_key_secret}
    client = Client(Config(**keys, endpoint=endpoint.host, protocol="http"))
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        body = client.get_service_test_task(models.GetServiceTestTaskRequest(task_id=task_id)).body.to_map()
        if body["Status"] != "Running":
            return dict(body)
        time.sleep(0.2)
    raise AssertionError("the test task does not end")


def test_checks_of_the_client_find_a_wrong_file(aside: Mapping[str, tuple[Path, Future[Any]]]) -> None:
    refused = aside["wrong"][1].result()
    assert refused.code != 0 and "does not match the image identifier" in refused.text


def test_generate_makes_a_project_and_leaves_our_template_as_it_is(
    aside: Mapping[str, tuple[Path, Future[Any]]],
) -> None:
    project, made = aside["generate"]
    assert made.result().code == 0, made.result().text
    template = yaml.safe_load((project / ".computenest/ros_templates/template.yaml").read_text(encoding="utf-8"))
    config = yaml.safe_load((project / ".computenest/config.yaml").read_text(encoding="utf-8"))
    ours = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    # The same shape: what the client makes has no key for a service that ours does not know.
    assert config["Service"].keys() - ours["Service"].keys() == {"RegionId"}  # which `import` does not read
    assert template["Resources"]["InstanceGroup"]["Properties"]["ImageId"] == "ecs_image_whisper"
    again = aside["again"][1].result()
    assert again.code == 1 and "Do you want to overwrite it?" in again.text, "it asks; nobody answers"

    project, single = aside["copy"]
    assert single.result().code == 0, single.result().text
    assert (project / "copy.yaml").read_text() == (ROOT / "ros_templates/single.yaml").read_text().removesuffix("\n")


def test_package_has_the_version_that_the_project_has() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    artifacts = config["Artifact"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert artifacts["Artifact_Package"]["ArtifactProperty"]["Url"] == f"build/whisper-{version}.tar.gz"
    assert {part["VersionName"] for part in (*artifacts.values(), config["Service"])} == {version}
