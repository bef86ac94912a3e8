"""`computenest.Customer` over the SDK of the customer's side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alibabacloud_computenest20210601 import models
from alibabacloud_computenest20210601.client import Client

from ..computenest import Instance, InstancePlan, Service
from ..secret import Secret
from .calls import Calls
from .supplier import service_of

_PAGE = 100


class ComputeNestCustomer:
    def __init__(self, client: Client, site: str, calls: Calls) -> None:
        self._client, self._site, self._calls = client, site, calls

    def service(self, service_id: str, version: str = "") -> Service:
        request = models.GetServiceRequest(region_id=self._site, service_id=service_id, service_version=version or None)
        return service_of(self._calls.body(self._client.get_service, request).to_map())

    def create(self, plan: InstancePlan) -> str:
        parameters = {key: v.reveal() if isinstance(v, Secret) else v for key, v in plan.parameters.items()}
        request = models.CreateServiceInstanceRequest(
            region_id=self._site,
            service_id=plan.service,
            service_version=plan.version or None,
            template_name=plan.template,
            specification_name=plan.package or None,
            name=plan.name,
            parameters=parameters,
            client_token=plan.client_token,
        )
        return str(self._calls.body(self._client.create_service_instance, request).service_instance_id)

    def instance(self, instance_id: str) -> Instance:
        request = models.GetServiceInstanceRequest(region_id=self._site, service_instance_id=instance_id)
        return _instance(self._calls.body(self._client.get_service_instance, request).to_map())

    def instances(self) -> list[Instance]:
        found: list[Instance] = []
        token = None
        while True:
            request = models.ListServiceInstancesRequest(region_id=self._site, max_results=_PAGE, next_token=token)
            body = self._calls.body(self._client.list_service_instances, request).to_map()
            found += [_instance(item) for item in body.get("ServiceInstances") or []]
            token = body.get("NextToken")
            if not token:
                return [instance for instance in found if instance.status != "Deleted"]

    def delete(self, instance_id: str) -> None:
        request = models.DeleteServiceInstancesRequest(region_id=self._site, service_instance_id=[instance_id])
        self._calls.body(self._client.delete_service_instances, request)


def _instance(item: Mapping[str, Any]) -> Instance:
    return Instance(
        id=str(item.get("ServiceInstanceId", "")),
        name=str(item.get("Name") or ""),
        status=str(item.get("Status") or ""),
        reason=str(item.get("StatusDetail") or ""),
        created=str(item.get("CreateTime") or ""),
        outputs=json.loads(item.get("Outputs") or "{}"),
    )
