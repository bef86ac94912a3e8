"""What a provider does with services: the actions of computenestsupplier 2021-05-21, but for artifacts."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..actions import Action, Body
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..regions import ACCOUNT_ID
from ..template import read_template
from ..validation import validate
from ..wire import Arguments
from .fields import filters, json_value, listing, moment, rows
from .objects import PRIVATE, PUBLIC, SECONDS, Objects
from .services import BETA, DRAFT, Service, Services, Version

_TEXTS = (
    "ApprovalType", "DeployType", "PolicyNames", "ServiceType", "ShareType", "TenantType", "VersionName",
    "Duration", "IsSupportOperated", "Resellable", "TrialDuration", "ResourceGroupId",
)  # fmt: skip
_JSON = (
    "AlarmMetadata", "ComplianceMetadata", "DeployMetadata", "LicenseMetadata", "LogMetadata", "OperationMetadata",
    "UpgradeMetadata", "BuildParameters",
)  # fmt: skip
_CHOICES = {
    "ApprovalType": ("Manual", "AutoPass"),
    "ServiceType": ("private", "managed", "operation", "poc"),
    "ShareType": ("Public", "Restricted", "OnlyFormalRestricted", "OnlyTrailRestricted", "Hidden"),
    "TenantType": ("SingleTenant", "MultiTenant"),
}
_NUMBERS = {"Duration": 10**9, "TrialDuration": 30}  # at most
_FILES = ("Url", "ArchitectureDiagramUrl")  # of each template


class SupplierActions:
    def __init__(self, engine: Engine, services: Services, objects: Objects) -> None:
        self._engine, self._services, self._objects = engine, services, objects

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreateService": self.create_service,
            "DeleteService": self.delete_service,
            "GetService": self.get_service,
            "GetUploadCredentials": self.get_upload_credentials,
            "LaunchService": self.launch_service,
            "ListServices": self.list_services,
            "PreLaunchService": self.pre_launch_service,
            "RegisterService": self.register_service,
            "UpdateService": self.update_service,
            "WithdrawService": self.withdraw_service,
        }

    def create_service(self, arguments: Arguments) -> Body:
        content = self._content(arguments)
        for name in ("ServiceInfo", "DeployMetadata", "DeployType"):
            if not content.get(name):
                raise ApiError(f"Missing{name}", f"The input parameter {name} is not supplied.")
        service_id = arguments.text("ServiceId")
        known = self._services.find(service_id) if service_id else None
        if arguments.flag("DryRun"):
            return {"ServiceId": service_id, "DryRunResult": {}}
        service = self._services.draft(known, content) if known else self._services.create(content)
        return {"ServiceId": service.id, "Version": DRAFT, "Status": "Draft"}

    def update_service(self, arguments: Arguments) -> Body:
        service, name = self._service(arguments), arguments.text("ServiceVersion")
        version = service.version(name or DRAFT)
        changes = self._content(arguments)
        # Of a version that customers use, only who may use it changes.
        frozen = set(changes) - {"ShareType", "ApprovalType"}
        if version.status not in ("Draft", "Beta") and frozen:
            raise ApiError("OperationDenied", f"The version {version.name} in {version.status} cannot be changed.")
        if not arguments.flag("DryRun"):
            self._services.update(service, version.name, changes)
        return {}

    def get_service(self, arguments: Arguments) -> Body:
        return self.shown(*self._version(arguments))

    def list_services(self, arguments: Arguments) -> Body:
        wanted, everything = filters(arguments), arguments.flag("AllVersions")
        found = []
        for service in self._services.all():
            versions = list(service.versions.values()) if everything else [service.version()]
            found += [_summary(service, version) for version in versions if _fits(service, version, wanted)]
        return listing("Services", found, arguments)

    def pre_launch_service(self, arguments: Arguments) -> Body:
        service = self._service(arguments)
        self._services.become(service, service.in_status("Draft"), "Beta", BETA)
        return {}

    def register_service(self, arguments: Arguments) -> Body:
        service = self._service(arguments)
        self._services.become(service, service.in_status("Beta", "Draft"), "Submitted")
        return {"RegistrationId": f"sr-{uuid.uuid4().hex[:20]}"}

    def launch_service(self, arguments: Arguments) -> Body:
        service = self._service(arguments)
        version = service.in_status("Approved", name=arguments.text("ServiceVersion"))
        return {"Version": self._services.launch(service, version).default}

    def withdraw_service(self, arguments: Arguments) -> Body:
        service = self._service(arguments)
        version = service.in_status("Online", name=arguments.text("ServiceVersion"))
        self._services.become(service, version, "Offline")
        return {}

    def delete_service(self, arguments: Arguments) -> Body:
        service, name = self._service(arguments), arguments.text("ServiceVersion")
        versions = [service.version(name)] if name else list(service.versions.values())
        if any(version.status == "Online" for version in versions):
            raise ApiError("OperationDenied", "A version that is online cannot be deleted; withdraw it first.")
        self._services.delete(service, name)
        return {}

    def get_upload_credentials(self, arguments: Arguments) -> Body:
        name, visibility = arguments.required("FileName"), arguments.text("Visibility", "private")
        if visibility not in ("public", "private"):
            raise invalid_parameter("Visibility", "it should be public or private")
        bucket = PUBLIC if visibility == "public" else PRIVATE
        key = f"{ACCOUNT_ID}/{uuid.uuid4().hex}/{name.rpartition('/')[2]}"
        data = {**self._objects.credentials(bucket, key), "BucketName": bucket, "Key": key, "RegionId": "cn-hangzhou",
                "ExpireDate": moment(time.time() + SECONDS)}  # fmt: skip
        return {"Code": "200", "HttpStatusCode": 200, "Success": True, "Data": data}

    def shown(self, service: Service, version: Version) -> Body:
        """A version as GetService of both sides answers it."""
        content: dict[str, Any] = json.loads(json.dumps(version.content))
        for template in content["DeployMetadata"].get("TemplateConfigs", []):
            template.update({key: self._objects.address(template[key]) for key in _FILES if template.get(key)})
        for action in content.get("OperationMetadata", {}).get("CustomOperations", {}).get("Actions", []):
            action["TemplateUrl"] = self._objects.address(action["TemplateUrl"])
        texts = {key: json.dumps(content[key], ensure_ascii=False) for key in _JSON if key in content}
        return {
            **{key: content[key] for key in _TEXTS if key in content},
            **texts,
            "OperationMetadata": texts.get("OperationMetadata", "{}"),
            "ServiceInfos": content["ServiceInfo"],
            "ServiceId": service.id,
            "Version": version.name,
            "Status": version.status,
            "CreateTime": moment(version.created),
            "UpdateTime": moment(version.updated),
            "PublishTime": moment(version.published) if version.published else "",
            "Progress": 100,
            "SupplierName": "local",
        }

    def _content(self, arguments: Arguments) -> dict[str, Any]:
        """The fields that were given, with every file that they name known to be there. Raises ApiError."""
        content: dict[str, Any] = {name: arguments.text(name) for name in _TEXTS if arguments.text(name)}
        for name, allowed in _CHOICES.items():
            if name in content and content[name] not in allowed:
                raise invalid_parameter(name, f"it should be {' or '.join(allowed)}")
        for name in ("IsSupportOperated", "Resellable"):
            if name in content:
                content[name] = arguments.flag(name)
        content |= {name: arguments.number(name, 0, 1, most) for name, most in _NUMBERS.items() if name in content}
        content |= {name: json_value(arguments, name) for name in _JSON if arguments.text(name)}
        infos = rows(arguments, "ServiceInfo")
        for info in infos:
            for key in ("Locale", "Name", "ShortDescription"):
                if not info.get(key):
                    raise invalid_parameter("ServiceInfo", f"{key} is missing")
            if info.get("Image"):
                info["Image"] = self._objects.address(self._objects.place(info["Image"]))
        if infos:
            content["ServiceInfo"] = infos
        for action in content.get("OperationMetadata", {}).get("CustomOperations", {}).get("Actions", []):
            action["TemplateUrl"] = self._objects.place(action.get("TemplateUrl", ""))
        for template in content.get("DeployMetadata", {}).get("TemplateConfigs", []):
            template.update({key: self._objects.place(template[key]) for key in _FILES if template.get(key)})
            self._check_template(template)
        return content

    def _check_template(self, config: Mapping[str, Any]) -> None:
        """The template is one, and the packages are made of its parameters. Raises ApiError."""
        if not config.get("Name") or not config.get("Url"):
            raise invalid_parameter("DeployMetadata", "a template needs Name and Url")
        template = read_template(self._objects.read(config["Url"]).decode("utf-8", "replace"))
        validate(template, self._engine.handlers)
        packages = config.get("PredefinedParameters", [])
        if not isinstance(packages, list) or not all(
            isinstance(each, dict) and isinstance(each.get("Parameters", {}), dict) for each in packages
        ):
            raise invalid_parameter("DeployMetadata", "a package is a mapping with Name and Parameters")
        for package in packages:
            unknown = set(package.get("Parameters", {})) - set(template.parameters)
            if unknown:
                reason = f"package {package.get('Name')} names {', '.join(sorted(unknown))}, which the template lacks"
                raise invalid_parameter("DeployMetadata", reason)

    def _service(self, arguments: Arguments) -> Service:
        return self._services.find(arguments.required("ServiceId"))

    def _version(self, arguments: Arguments) -> tuple[Service, Version]:
        service = self._service(arguments)
        return service, service.version(arguments.text("ServiceVersion"))


def _fits(service: Service, version: Version, wanted: Mapping[str, list[str]]) -> bool:
    names = {info["Name"] for info in version.content["ServiceInfo"]}
    having = {"Name": names, "ServiceId": {service.id}, "Version": {version.name}, "Status": {version.status}}
    return all(having.get(key, set()) & set(values) for key, values in wanted.items() if values)


def _summary(service: Service, version: Version) -> dict[str, Any]:
    content = version.content
    return {
        "ServiceId": service.id,
        "Version": version.name,
        "VersionName": content.get("VersionName", ""),
        "DefaultVersion": version.name == service.default,
        "HasDraft": DRAFT in service.versions,
        "HasBeta": BETA in service.versions,
        "Status": version.status,
        "ShareType": content.get("ShareType", "Public"),
        "ApprovalType": content.get("ApprovalType", "Manual"),
        "ServiceType": content.get("ServiceType", "private"),
        "DeployType": content["DeployType"],
        "ServiceInfos": content["ServiceInfo"],
        "CreateTime": moment(version.created),
        "UpdateTime": moment(version.updated),
        "PublishTime": moment(version.published) if version.published else "",
    }
