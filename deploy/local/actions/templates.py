"""Questions about a template that is not, or not yet, a stack."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..changes import changes
from ..constraints import constraints
from ..engine import Engine
from ..errors import invalid_parameter
from ..evaluation import hidden
from ..offers import policy, price
from ..parameters import resolve
from ..regions import REGIONS
from ..store import CreateRequest, Stack
from ..template import localized, read_template
from ..validation import validate
from ..wire import Arguments
from . import (
    Action,
    Body,
    changed_request,
    check_name,
    choice,
    given_parameters,
    new_stack_request,
    region_of,
    stack_of,
    template_of,
)

_OPERATION_TYPES = ("CreateStack", "UpdateStack", "DeleteStack")


class TemplateActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "DescribeRegions": self.describe_regions,
            "GenerateTemplatePolicy": self.generate_template_policy,
            "GetServiceProvisions": self.get_service_provisions,
            "GetTemplateEstimateCost": self.get_template_estimate_cost,
            "GetTemplateParameterConstraints": self.get_template_parameter_constraints,
            "ListStackOperationRisks": self.list_stack_operation_risks,
            "PreviewStack": self.preview_stack,
            "ValidateTemplate": self.validate_template,
        }

    def preview_stack(self, arguments: Arguments) -> Body:
        stack, request = self._target(arguments)
        hide = self._engine.secrets_of(Stack(**{**vars(stack), "request": request, "previous": stack.request}))
        template = read_template(request.template)
        values = resolve(template.parameters, request.parameters)
        planned = changes(stack, request, self._engine.resources(stack), self._engine.handlers)
        return {
            "Stack": {
                "StackName": stack.name,
                "RegionId": stack.region,
                "Description": template.description,
                "TemplateDescription": template.description,
                "DisableRollback": not request.rollback,
                "TimeoutInMinutes": request.timeout_minutes,
                "Parameters": [
                    {"ParameterKey": name, "ParameterValue": parameter.shown(values[name])}
                    for name, parameter in template.parameters.items()
                ],
                "Resources": [
                    {
                        "LogicalResourceId": change.name,
                        "ResourceType": change.type,
                        "Description": change.description,
                        "Action": change.action,
                        "Properties": hidden(dict(change.properties), hide),
                        "RequiredBy": list(change.required_by),
                        **({"PhysicalResourceId": change.physical_id} if change.physical_id else {}),
                        **({"Replacement": change.replacement} if change.action == "Modify" else {}),
                    }
                    for change in planned
                ],
            }
        }

    def get_template_estimate_cost(self, arguments: Arguments) -> Body:
        stack, request = self._target(arguments, named=False)
        costs: dict[str, Any] = {}
        for change in changes(stack, request, {}, self._engine.handlers):
            result = price(change.type, change.properties)
            if result:
                costs[change.name] = {"Type": change.type, "Success": True, "Result": result}
        return {"Resources": costs}

    def get_template_parameter_constraints(self, arguments: Arguments) -> Body:
        region, text = region_of(arguments), template_of(arguments)
        template = read_template(text)
        wanted = arguments.listed("ParametersKeyFilter")
        found = constraints(template, given_parameters(arguments), region, self._engine.means.faults.in_stock)
        return {"ParameterConstraints": [c for c in found if not wanted or c["ParameterKey"] in wanted]}

    def generate_template_policy(self, arguments: Arguments) -> Body:
        template = read_template(template_of(arguments))
        operations = arguments.texts("OperationTypes") or list(_OPERATION_TYPES)
        unknown = [operation for operation in operations if operation not in _OPERATION_TYPES]
        if unknown:
            raise invalid_parameter("OperationTypes", f"the local target knows {', '.join(_OPERATION_TYPES)}")
        return {"Policy": policy({d.type for d in template.resources.values()}, operations)}

    def get_service_provisions(self, arguments: Arguments) -> Body:
        """Every service is open, and no role is missing."""
        region_of(arguments)
        template = read_template(template_of(arguments))
        services = sorted({definition.type.split("::")[1] for definition in template.resources.values()})
        return {
            "ServiceProvisions": [
                {"ServiceName": service, "Status": "Enabled", "AutoEnableService": False} for service in services
            ]
        }

    def list_stack_operation_risks(self, arguments: Arguments) -> Body:
        arguments.required("OperationType")
        if choice(arguments, "OperationType", "", "CreateStack", "DeleteStack") == "CreateStack":
            return {"MissingPolicyActions": [], "RiskResources": []}  # the local target's one user may do everything
        stack = stack_of(self._engine, arguments)
        retained, every = arguments.texts("RetainResources"), arguments.flag("RetainAllResources")
        risks = [
            {
                "LogicalResourceId": resource.name,
                "PhysicalResourceId": resource.physical_id,
                "ResourceType": resource.type,
                "RiskType": "OperationIgnored",
                "Reason": "The resource is retained.",
            }
            for resource in self._engine.resources(stack).values()
            if every or resource.retain or resource.name in retained
        ]
        return {"RiskResources": risks}

    def validate_template(self, arguments: Arguments) -> Body:
        template = read_template(template_of(arguments))
        validate(template, self._engine.handlers)
        return {
            "Description": template.description,
            "Parameters": [
                {"ParameterKey": name, **parameter.declaration} for name, parameter in template.parameters.items()
            ],
            "Outputs": [
                {
                    "OutputKey": key,
                    "Description": localized(o.get("Description", "")),
                    "Label": localized(o.get("Label", "")),
                }
                for key, o in template.outputs.items()
            ],
            "Resources": [
                {"LogicalResourceIdPattern": name, "ResourcePath": name, "ResourceType": definition.type}
                for name, definition in template.resources.items()
            ],
            "ResourceTypes": {"Resources": sorted({d.type for d in template.resources.values()}), "DataSources": []},
        }

    def describe_regions(self, arguments: Arguments) -> Body:
        regions = [{"RegionId": i, "LocalName": n, "RegionEndpoint": "ros.aliyuncs.com"} for i, n in REGIONS.items()]
        return {"Regions": regions}

    def _target(self, arguments: Arguments, *, named: bool = True) -> tuple[Stack, CreateRequest]:
        """The stack that is asked about, or one that could be, and the request. Raises ApiError."""
        if arguments.text("StackId"):
            stack = stack_of(self._engine, arguments)
            request = changed_request(stack, arguments)
        else:
            name = arguments.required("StackName") if named else "stack"
            check_name(name, "StackName")
            request = new_stack_request(arguments)
            stack = Stack("", name, region_of(arguments), "", "", time.time(), time.time(), "", request)
        self._engine.check(Stack(**{**vars(stack), "request": request}))
        return stack, request
