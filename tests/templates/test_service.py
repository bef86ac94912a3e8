"""config.yaml speaks of parameters, outputs and values that the template has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.catalog import ROOT, load

from .options import CLUSTER, as_the_form_sends, document, resources


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["Service"]
    return value


@pytest.fixture(scope="module")
def single(service: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any]
    [found] = [each for each in service["DeployMetadata"]["TemplateConfigs"] if each["Url"].endswith("single.yaml")]
    return found


def test_packages_are_choices_that_can_be_deployed(single: dict[str, Any]) -> None:
    offered = {spec.id for spec in load().specs}
    first, *_ = document()["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]
    for package in single["PredefinedParameters"]:
        values = {name: str(value) for name, value in package["Parameters"].items()}
        assert values["InstanceType"] in offered
        assert resources(as_the_form_sends({"ClientCidr": "203.0.113.7/32", **values}))
        # the group with the package's choice stands first, so that the zones offered have it in stock
        assert "InstanceType" in first["Parameters"]


def test_every_name_is_the_template_s(service: dict[str, Any], single: dict[str, Any]) -> None:
    template = document()
    keys = ("HiddenParameterKeys", "TrialHiddenParameterKeys", "CreateFromExistInstanceParameterKeys")
    operations = operations_of(service, single["Name"])
    named = {name for key in keys for name in single[key]} | {
        name for each in operations for name in each["Parameters"]
    }
    assert named <= set(template["Parameters"])
    # what is hidden must not have to be filled in
    assert all(template["Parameters"][name].get("Default") is not None or name == "PackageSha256"
               for name in single["HiddenParameterKeys"])  # fmt: skip


def operations_of(service: dict[str, Any], template: str) -> list[dict[str, Any]]:
    """What the console lets customers change of a template's parameters."""
    configs = service["OperationMetadata"]["ModifyParametersConfig"]
    return [each for config in configs if config["TemplateName"] == template for each in config["Operation"]]


def test_the_cluster_s_names_are_its_template_s(service: dict[str, Any]) -> None:
    [found] = [each for each in service["DeployMetadata"]["TemplateConfigs"] if each["Url"].endswith(CLUSTER)]
    template = document(CLUSTER)
    changed = {name for each in operations_of(service, found["Name"]) for name in each["Parameters"]}
    assert changed | set(found["HiddenParameterKeys"]) <= set(template["Parameters"])
    assert {"Nodes", "ClientCidr"} <= changed
    for package in found["PredefinedParameters"]:
        values = {name: str(value) for name, value in package["Parameters"].items()}
        given = {"ClientCidr": "203.0.113.7/32", "CertificateId": "1234-cn-hangzhou", **values}
        made = resources(as_the_form_sends(given, CLUSTER), CLUSTER)
        assert made["ScalingGroup"]["Properties"]["DesiredCapacity"] == package["Parameters"]["Nodes"]
    [proxied] = found["OutputConfigs"]
    assert template["Outputs"][proxied["OutputKey"]]["Condition"] == "PrivateAccess"
    assert [config["Name"] for config in service["DeployMetadata"]["TemplateConfigs"]] == ["单机版", found["Name"]]


def test_the_web_proxy_opens_the_output_that_private_stacks_have(single: dict[str, Any]) -> None:
    [config] = single["OutputConfigs"]
    assert config == {"OutputKey": "WebProxyAddress", "EnableWebProxy": True}
    assert document()["Outputs"]["WebProxyAddress"]["Condition"] == "PrivateAccess"


def test_the_regions_are_the_catalog_s(single: dict[str, Any]) -> None:
    assert single["AllowedRegions"] == [region.id for region in load().regions]
