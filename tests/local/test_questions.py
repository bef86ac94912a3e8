"""Questions about templates: prices, possible values, policies, services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SINGLE = Path(__file__).parents[2] / "ros_templates" / "single.yaml"
GIVEN = {
    "ZoneId": "cn-hangzhou-a",
    "InstanceType": "ecs.gn7i-c16g1.4xlarge",
    "InstancePassword": "Some-Pass-word1",
    "SoftwareUserName": "admin",
    "SoftwarePassword": "Other-Pass-word1",
    "ClientCidr": "10.0.0.0/8",
}


@pytest.fixture(scope="module")
def single() -> dict[str, Any]:
    """The template that is deployed."""
    document: dict[str, Any] = yaml.safe_load(SINGLE.read_text())
    return document


def test_the_price_by_item(shared, single) -> None:
    costs = shared.request("get_template_estimate_cost", template=single, parameters=GIVEN).resources
    machine = costs["InstanceGroup"]
    assert (machine["Type"], machine["Success"]) == ("ALIYUN::ECS::InstanceGroup", True)
    order, supplement = machine["Result"]["Order"], machine["Result"]["OrderSupplement"]
    assert (order["Currency"], supplement["PriceUnit"], supplement["ChargeType"]) == ("CNY", "/Hour", "PostPaid")
    assert order["TradeAmount"] > 0
    assert costs["Vpc"]["Result"]["Order"]["TradeAmount"] == 0
    assert "RunCommand" not in costs
    prepaid = {**GIVEN, "PayType": "PrePaid", "PayPeriodUnit": "Month", "PayPeriod": "2"}
    longer = shared.request("get_template_estimate_cost", template=single, parameters=prepaid).resources
    result = longer["InstanceGroup"]["Result"]
    assert (result["OrderSupplement"]["PriceUnit"], result["OrderSupplement"]["ChargeType"]) == ("/Month", "PrePaid")
    assert result["Order"]["TradeAmount"] == pytest.approx(order["TradeAmount"] * 720 * 2)


def test_possible_values_of_the_deployed_template(shared, single) -> None:
    found = shared.request("get_template_parameter_constraints", template=single).parameter_constraints
    entries = {entry.parameter_key: entry for entry in found}
    assert set(entries) == set(single["Parameters"])
    assert entries["ZoneId"].allowed_values == ["cn-hangzhou-a", "cn-hangzhou-b", "cn-hangzhou-c"]
    assert set(entries["InstanceType"].allowed_values) == set(single["Parameters"]["InstanceType"]["AllowedValues"])
    assert "ecs.g7.large" in entries["InstanceType"].illegal_value_by_parameter_constraints
    assert entries["InstancePassword"].allowed_values is None
    assert entries["InstancePassword"].behavior == "NotSupport"
    only = shared.request("get_template_parameter_constraints", template=single, parameters_key_filter=["ZoneId"])
    assert [entry.parameter_key for entry in only.parameter_constraints] == ["ZoneId"]


def test_the_policy_that_a_user_needs(shared, single) -> None:
    whole = shared.request("generate_template_policy", template=single).policy
    (statement,) = whole.statement
    assert (whole.version, statement.effect) == ("1", "Allow")
    assert {"ecs:RunInstances", "ecs:RunCommand", "vpc:DeleteVpc"} <= set(statement.action)
    few = shared.request("generate_template_policy", template=single, operation_types=["DeleteStack"]).policy
    assert "ecs:RunInstances" not in few.statement[0].action
    with pytest.raises(Exception, match="OperationTypes"):
        shared.request("generate_template_policy", template=single, operation_types=["Fly"])


def test_services_are_open(shared, single) -> None:
    found = shared.request("get_service_provisions", template=single).service_provisions
    assert {(item.service_name, item.status) for item in found} >= {("ECS", "Enabled"), ("VPC", "Enabled")}


def test_other_places_of_a_template_are_refused(shared) -> None:
    with pytest.raises(Exception, match="takes TemplateBody only"):
        shared.request("preview_stack", stack_name="x", template_url="https://example.com/t.yaml")
