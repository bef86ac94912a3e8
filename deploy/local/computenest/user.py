"""What a customer does: the actions of computenest 2021-06-01. A service instance is a stack of the service's template,
with the parameters of the chosen package."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..actions import Action, Body
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..evaluation import outputs
from ..parameters import resolve
from ..regions import REGIONS
from ..store import CreateRequest, Stack
from ..template import read_template
from ..view import scope_of
from ..wire import Arguments
from .fields import filters, json_value, listing, moment, rows
from .objects import Objects
from .services import Services, Version
from .supplier import SupplierActions

_KIND = "service-instance"
_CREATED_SECONDS = 0.3  # for which a new instance waits before it is deployed
_STATUS = {
    "CREATE_IN_PROGRESS": "Deploying",
    "CREATE_COMPLETE": "Deployed",
    "UPDATE_COMPLETE": "Deployed",
    "UPDATE_IN_PROGRESS": "Upgrading",
    "DELETE_IN_PROGRESS": "Deleting",
    "DELETE_COMPLETE": "Deleted",
    "DELETE_FAILED": "DeletedFailed",
}
_FAILED = "DeployedFailed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEPLOYABLE = ("Online", "Beta", "Draft")  # the latter two for the provider, who is the customer here


class UserActions:
    def __init__(self, engine: Engine, services: Services, objects: Objects) -> None:
        self._engine, self._services, self._objects = engine, services, objects
        self._supplier = SupplierActions(engine, services, objects)

    def actions(self) -> Mapping[str, Action]:
        return {
            "ContinueDeployServiceInstance": self.continue_deploy_service_instance,
            "CreateServiceInstance": self.create_service_instance,
            "DeleteServiceInstances": self.delete_service_instances,
            "GetService": self._supplier.get_service,
            "GetServiceInstance": self.get_service_instance,
            "ListServiceInstanceLogs": self.list_service_instance_logs,
            "ListServiceInstances": self.list_service_instances,
        }

    def create_service_instance(self, arguments: Arguments) -> Body:
        service = self._services.find(arguments.required("ServiceId"))
        version = service.version(arguments.text("ServiceVersion"))
        if version.status not in _DEPLOYABLE:
            raise ApiError("OperationDenied", f"The service version {version.name} is in {version.status}.")
        name = arguments.text("Name") or f"{service.id[-12:]}-{uuid.uuid4().hex[:8]}"
        if not _NAME.fullmatch(name):
            raise invalid_parameter("Name", "it has at most 64 letters, digits, - and _")
        token = arguments.text("ClientToken")
        for other in self._all():
            if token and other["Token"] == token:
                return {"ServiceInstanceId": other["Id"], "Status": self._status(other)}
        config, package, parameters = _chosen(version, arguments)
        region = str(parameters.pop("RegionId", ""))
        if region not in config.get("AllowedRegions", REGIONS) or region not in REGIONS:
            raise invalid_parameter("Parameters.RegionId", f"the service is not offered in {region or 'no region'}")
        request = CreateRequest(
            template=self._objects.read(config["Url"]).decode(),
            parameters={
                key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()
            },
            timeout_minutes=75,
            rollback=False,  # a failed deployment can be continued
            tags=tuple((row.get("Key", ""), row.get("Value", "")) for row in rows(arguments, "Tag")),
        )
        instance_id = f"si-{uuid.uuid4().hex[:20]}"
        if arguments.flag("DryRun"):
            return {"ServiceInstanceId": instance_id, "Status": "Created"}
        stack_id = self._engine.create(instance_id, region, request)
        instance = {
            "Id": instance_id, "Name": name, "Token": token, "Service": service.id, "Version": version.name,
            "Template": config["Name"], "Package": package, "Stack": stack_id, "Region": region, "Created": time.time(),
        }  # fmt: skip
        self._store_instance(instance)
        return {"ServiceInstanceId": instance_id, "Status": "Created"}

    def get_service_instance(self, arguments: Arguments) -> Body:
        return self._shown(self._find(arguments.required("ServiceInstanceId")))

    def list_service_instances(self, arguments: Arguments) -> Body:
        wanted = filters(arguments)
        found = []
        for instance in self._all():
            shown = self._shown(instance)
            having = {"Name": shown["Name"], "ServiceInstanceName": shown["Name"], "Status": shown["Status"],
                      "ServiceInstanceId": shown["ServiceInstanceId"], "ServiceId": instance["Service"]}  # fmt: skip
            hidden = shown["Status"] == "Deleted" and "Status" not in wanted
            if not hidden and all(having.get(key) in values for key, values in wanted.items() if values):
                found.append(shown)
        return listing("ServiceInstances", found, arguments)

    def delete_service_instances(self, arguments: Arguments) -> Body:
        for instance in [self._find(name) for name in arguments.texts("ServiceInstanceId")]:
            self._engine.delete(instance["Stack"])
        return {}

    def continue_deploy_service_instance(self, arguments: Arguments) -> Body:
        instance = self._find(arguments.required("ServiceInstanceId"))
        stack = self._stack(instance)
        given = {key: str(value) for key, value in json_value(arguments, "Parameters").items()}
        if not arguments.flag("DryRun"):
            request = CreateRequest(**{**vars(stack.request), "parameters": {**stack.request.parameters, **given}})
            self._engine.continue_creation(stack, request, ())
        return {"ServiceInstanceId": instance["Id"]}

    def list_service_instance_logs(self, arguments: Arguments) -> Body:
        """What happened to the stack, oldest first."""
        instance = self._find(arguments.required("ServiceInstanceId"))
        logs = [
            {
                "Timestamp": moment(event.time),
                "ResourceId": event.physical_id,
                "ResourceType": event.type,
                "LogType": "ros",
                "Status": event.status,
                "Content": f"{event.name} {event.status} {event.reason}".strip(),
            }
            for event in reversed(self._engine.store.events(instance["Stack"]))
        ]
        return listing("ServiceInstanceLogs", logs, arguments)

    def _shown(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        stack, status = self._stack(instance), self._status(instance)
        resources = self._engine.store.resources(stack.id)
        told = {}
        if status == "Deployed":
            for output in outputs(scope_of(stack, resources), self._engine.secrets_of(stack)):
                told[output["OutputKey"]] = output["OutputValue"]
        template = read_template(stack.request.template)
        values = resolve(template.parameters, stack.request.parameters)
        parameters = {name: parameter.shown(values[name]) for name, parameter in template.parameters.items()}
        shown: dict[str, Any] = {
            "ServiceInstanceId": instance["Id"],
            "Name": instance["Name"],
            "Status": status,
            "StatusDetail": stack.reason,
            "Progress": 100 if status in ("Deployed", "Deleted") else 50,
            "TemplateName": instance["Template"],
            "PredefinedParameterName": instance["Package"],
            "Parameters": json.dumps({"RegionId": instance["Region"], **parameters}, ensure_ascii=False),
            "Outputs": json.dumps(told, ensure_ascii=False),
            "Resources": json.dumps([{"Type": "ROS", "StackId": stack.id, "RegionId": stack.region}]),
            "CreateTime": moment(instance["Created"]),
            "UpdateTime": moment(stack.updated),
            "Source": "User",
            "ServiceType": "private",
            "Service": {"ServiceId": instance["Service"], "Version": instance["Version"]},
        }
        return shown

    def _status(self, instance: Mapping[str, Any]) -> str:
        stack = self._stack(instance)
        if stack.status == "CREATE_IN_PROGRESS" and time.time() - instance["Created"] < _CREATED_SECONDS:
            return "Created"
        return _STATUS.get(stack.status, _FAILED)

    def _stack(self, instance: Mapping[str, Any]) -> Stack:
        return self._engine.find(instance["Stack"])

    def _find(self, instance_id: str) -> dict[str, Any]:
        instance: dict[str, Any] | None = self._engine.store.document(_KIND, instance_id)
        if instance is None:
            raise ApiError("EntityNotExist.ServiceInstance", f"The service instance {instance_id} does not exist.", 404)
        return instance

    def _all(self) -> list[dict[str, Any]]:
        return self._engine.store.documents(_KIND)

    def _store_instance(self, instance: Mapping[str, Any]) -> None:
        self._engine.store.save_document(_KIND, instance["Id"], "", instance["Created"], instance)


def _chosen(version: Version, arguments: Arguments) -> tuple[Mapping[str, Any], str, dict[str, Any]]:
    """The template's configuration, the package's name, and all parameters: the package's over the customer's own."""
    configs = version.content["DeployMetadata"].get("TemplateConfigs", [])
    name = arguments.text("TemplateName") or (configs[0]["Name"] if len(configs) == 1 else "")
    config = next((config for config in configs if config["Name"] == name), None)
    if config is None:
        raise invalid_parameter("TemplateName", f"the service has {', '.join(c['Name'] for c in configs)}")
    given = json_value(arguments, "Parameters")
    hidden = set(config.get("HiddenParameterKeys", [])) & set(given)
    if hidden:
        raise invalid_parameter("Parameters", f"{', '.join(sorted(hidden))} cannot be chosen")
    package = arguments.text("SpecificationName")
    if not package:
        return config, "", dict(given)
    packages = {package["Name"]: package.get("Parameters", {}) for package in config.get("PredefinedParameters", [])}
    if package not in packages:
        raise invalid_parameter("SpecificationName", f"the service has {', '.join(packages)}")
    fixed = {}
    for key, value in packages[package].items():
        allowed = value if isinstance(value, list) else [value]
        fixed[key] = given[key] if given.get(key) in allowed else allowed[0]
    return config, package, {**given, **fixed}
