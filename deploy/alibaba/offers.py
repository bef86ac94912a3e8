"""What ROS says about a template before anything is made: `cloud.Cloud`'s part over GetTemplateEstimateCost,
PreviewStack, GetTemplateParameterConstraints, GenerateTemplatePolicy, GetServiceProvisions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from alibabacloud_ros20190910 import models

from ..cloud import Parameters
from ..errors import Failure
from ..offers import Preview, Price, Provision
from ..stacks import StackPlan
from .stacks import RosPart, keyed

_LONG = 200  # characters from which on a text is left out of a skeleton


class Offers(RosPart):
    def prices(self, template: str, parameters: Parameters) -> list[Price]:
        body = self._calls.body(
            self._client.get_template_estimate_cost,
            models.GetTemplateEstimateCostRequest(
                region_id=self._region,
                template_body=template,
                parameters=keyed(models.GetTemplateEstimateCostRequestParameters, parameters),
            ),
        )
        period = parameters.get("PayPeriod", "1")
        periods = int(period) if isinstance(period, str) and period.isdigit() else 1
        return [_price(name, item, periods) for name, item in sorted((body.resources or {}).items())]

    def preview(self, plan: StackPlan) -> list[Preview]:
        body = self._calls.body(
            self._client.preview_stack,
            models.PreviewStackRequest(
                region_id=plan.region,
                stack_name=plan.name,
                template_body=plan.template,
                timeout_in_minutes=plan.timeout_minutes,
                disable_rollback=not plan.rollback,
                parameters=keyed(models.PreviewStackRequestParameters, plan.parameters),
            ),
        )
        resources = body.stack.resources if body.stack else None
        return [
            Preview(
                resource=item.logical_resource_id or "",
                type=item.resource_type or "",
                action=item.action or "Add",
                properties=item.properties or {},
            )
            for item in resources or []
        ]

    def allowed(self, template: str, parameters: Parameters, key: str, *, region: str = "") -> list[str]:
        body = self._calls.body(
            self._client.get_template_parameter_constraints,
            models.GetTemplateParameterConstraintsRequest(
                region_id=region or self._region,
                template_body=template,
                parameters=keyed(models.GetTemplateParameterConstraintsRequestParameters, parameters),
                parameters_key_filter=[key],
            ),
        )
        for constraint in body.parameter_constraints or []:
            if constraint.parameter_key != key:
                continue
            if constraint.query_errors and not constraint.allowed_values:
                reason = constraint.query_errors[0].error_message or "no reason was given"
                raise Failure(
                    f"stock of {region or self._region} cannot be asked for: {reason}", "give --zone", code="Stock"
                )
            return [str(value) for value in constraint.allowed_values or []]
        return []

    def policy(self, template: str) -> dict[str, Any]:
        asked = models.GenerateTemplatePolicyRequest(template_body=_skeleton(template))
        body = self._calls.body(self._client.generate_template_policy, asked)
        policy: dict[str, Any] = body.policy.to_map() if body.policy else {}
        return policy

    def provisions(self, template: str) -> list[Provision]:
        body = self._calls.body(
            self._client.get_service_provisions,
            models.GetServiceProvisionsRequest(region_id=self._region, template_body=template),
        )
        return [_provision(item) for item in body.service_provisions or []]

    def clock_ahead(self) -> float | None:
        before = time.time()
        answer = self._calls.answer(self._client.describe_regions, models.DescribeRegionsRequest())
        middle = (before + time.time()) / 2
        date = {str(name).lower(): value for name, value in (answer.headers or {}).items()}.get("date")
        return middle - parsedate_to_datetime(date).timestamp() if date else None


def _price(name: str, item: Mapping[str, Any], periods: int) -> Price:
    """Of `{"Type", "Result": {"Order": {TradeAmount, Currency}, "OrderSupplement": {ChargeType, PriceUnit}}}`. What is
    paid in advance has the price of all its `periods`."""
    result = item.get("Result")
    result = result if isinstance(result, Mapping) else {}
    order, supplement = result.get("Order") or {}, result.get("OrderSupplement") or {}
    amount: Decimal | None
    try:
        amount = Decimal(str(order["TradeAmount"]))
        if supplement.get("ChargeType") == "PrePaid":
            amount /= periods
    except (KeyError, InvalidOperation):
        amount = None
    unit = str(supplement.get("PriceUnit") or "Hour").strip("/ ").capitalize()
    reason = "" if amount is not None else str(item.get("Message") or result.get("Message") or "no price is known")
    return Price(name, str(item.get("Type") or ""), amount, str(order.get("Currency") or ""), unit, reason)


def _provision(item: Any) -> Provision:
    roles = (item.role_provision.roles if item.role_provision else None) or []
    return Provision(
        service=item.service_name or "",
        enabled=item.status not in ("Disabled", "Unknown"),
        enable_url=item.enable_url or "",
        roles=tuple(role.role_name for role in roles if not role.created),
        authorization_url=(item.role_provision.authorization_url if item.role_provision else "") or "",
    )


def _skeleton(template: str) -> str:
    """What a policy depends on: the SDK sends this template in the address, which must not be long. Texts for people,
    the form and scripts are left out."""
    import yaml

    whole = yaml.safe_load(template)
    kept = {key: value for key, value in whole.items() if key in ("ROSTemplateFormatVersion", "Mappings", "Conditions")}
    kept["Parameters"] = {name: {"Type": body["Type"]} for name, body in (whole.get("Parameters") or {}).items()}
    kept["Resources"] = _without_texts(whole["Resources"])
    return json.dumps(kept, separators=(",", ":"))


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_texts(item) for key, item in value.items() if key != "Description"}
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    return "" if isinstance(value, str) and len(value) > _LONG else value
