"""Test cases of services: a template's parameters, as iact3 reads them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import yaml

from ..actions import Action, Body
from ..errors import ApiError, invalid_parameter
from ..store import Store
from ..template import read_template
from ..wire import Arguments
from .fields import listing
from .objects import Objects
from .services import Services, Version

_KIND = "service-test-case"
AUTO = "$[iact3-auto]"
Case = dict[str, Any]


class CaseActions:
    def __init__(self, store: Store, services: Services, objects: Objects) -> None:
        self._store, self._services, self._objects = store, services, objects

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreateServiceTestCase": self.create_service_test_case,
            "DeleteServiceTestCase": self.delete_service_test_case,
            "GenerateDefaultServiceTestConfig": self.generate_default_service_test_config,
            "ListServiceTestCases": self.list_service_test_cases,
            "UpdateServiceTestCase": self.update_service_test_case,
        }

    def generate_default_service_test_config(self, arguments: Arguments) -> Body:
        """Each parameter of the template with its default; where it has none, iact3 finds a value."""
        version = self._services.find(arguments.required("ServiceId")).version(arguments.required("ServiceVersion"))
        template = read_template(self._template(version, arguments.text("TemplateName")))
        known = {key: parameter.declaration.get("Default") for key, parameter in template.parameters.items()}
        parameters = {key: AUTO if value is None else value for key, value in known.items()}
        return {"TestConfig": yaml.safe_dump({"parameters": parameters}, allow_unicode=True, sort_keys=False)}

    def create_service_test_case(self, arguments: Arguments) -> Body:
        service = self._services.find(arguments.required("ServiceId"))
        case = {
            "Id": f"stc-{uuid.uuid4().hex[:20]}",
            "Service": service.id,
            "Version": service.version(arguments.required("ServiceVersion")).name,
            "Template": arguments.required("TemplateName"),
            "Created": time.time(),
        }
        return {"TestCaseId": self._save(case, arguments)}

    def update_service_test_case(self, arguments: Arguments) -> Body:
        self._save(self.find(arguments.required("TestCaseId")), arguments)
        return {}

    def delete_service_test_case(self, arguments: Arguments) -> Body:
        self._store.forget_document(_KIND, self.find(arguments.required("TestCaseId"))["Id"])
        return {}

    def list_service_test_cases(self, arguments: Arguments) -> Body:
        service, version = self._services.find(arguments.required("ServiceId")), arguments.text("ServiceVersion")
        cases = [
            {"TestCaseId": case["Id"], "TestCaseName": case["Name"], "TemplateName": case["Template"],
             "TestConfig": case["Config"]}
            for case in self._store.documents(_KIND)
            if case["Service"] == service.id and version in ("", case["Version"])
        ]  # fmt: skip
        return listing("Data", cases, arguments)

    def find(self, case_id: str) -> Case:
        case: Case | None = self._store.document(_KIND, case_id)
        if case is None:
            raise ApiError("EntityNotExist.ServiceTestCase", f"The test case {case_id} does not exist.", 404)
        return case

    def template_of(self, case: Case) -> str:
        """The text of the template that the case is for. Raises ApiError where the service or its version is gone."""
        return self._template(self._services.find(case["Service"]).version(case["Version"]), case["Template"])

    def _template(self, version: Version, name: str) -> str:
        """Without a name, the service's first one."""
        configs = version.content["DeployMetadata"].get("TemplateConfigs", [])
        url = next((config["Url"] for config in configs if name in ("", config["Name"])), None)
        if url is None:
            raise invalid_parameter("TemplateName", f"the service has {', '.join(c['Name'] for c in configs)}")
        return self._objects.read(url).decode()

    def _save(self, case: Case, arguments: Arguments) -> str:
        config = arguments.required("TestConfig")
        try:
            fits = isinstance(yaml.safe_load(config)["parameters"], dict)
        except (yaml.YAMLError, TypeError, KeyError):
            fits = False
        if not fits:
            raise invalid_parameter("TestConfig", "it should be YAML with a mapping `parameters`")
        kept = {**case, "Name": arguments.required("TestCaseName"), "Config": config}
        self._store.save_document(_KIND, case["Id"], "", case["Created"], kept)
        return str(case["Id"])
