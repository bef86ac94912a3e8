"""`computenest.Supplier` over the SDK of the provider's side."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alibabacloud_computenestsupplier20210521 import models
from alibabacloud_computenestsupplier20210521.client import Client

from ..computenest import Artifact, Service, ServiceVersion
from ..computenest.project import METADATA, SETTINGS
from .calls import Calls
from .oss import Grant, get, put

_PAGE = 100
_GONE = ("EntityNotExist.Service", "EntityNotExist.ServiceVersion", "EntityNotExist.Artifact",
         "EntityNotExist.ArtifactVersion")  # fmt: skip


class ComputeNestSupplier:
    """`site` is cn-hangzhou or ap-southeast-1; `local_host` the target on this machine, if it is one."""

    def __init__(self, client: Client, site: str, calls: Calls, local_host: str = "") -> None:
        self._client, self._site, self._calls, self._local = client, site, calls, local_host

    def services(self, name: str = "", service_id: str = "") -> list[ServiceVersion]:
        wanted = {"Name": name, "ServiceId": service_id}
        filters = [models.ListServicesRequestFilter(name=key, value=[value]) for key, value in wanted.items() if value]
        found: list[ServiceVersion] = []
        token = None
        while True:
            request = models.ListServicesRequest(region_id=self._site, all_versions=True, filter=filters or None,
                                                 max_results=_PAGE, next_token=token)  # fmt: skip
            body = self._calls.body(self._client.list_services, request).to_map()
            found += [_version(item) for item in body.get("Services") or []]
            token = body.get("NextToken")
            if not token:
                return found

    def service(self, service_id: str, version: str = "") -> Service:
        request = models.GetServiceRequest(region_id=self._site, service_id=service_id, service_version=version or None)
        return service_of(self._calls.body(self._client.get_service, request).to_map())

    def create(self, fields: Mapping[str, Any], service_id: str = "") -> str:
        request = models.CreateServiceRequest().from_map(self._sent(fields))
        request.service_id, request.client_token = service_id or None, _token()
        return str(self._calls.body(self._client.create_service, request).service_id)

    def update(self, service_id: str, version: str, fields: Mapping[str, Any]) -> None:
        request = models.UpdateServiceRequest().from_map(self._sent(fields))
        request.service_id, request.service_version = service_id, version
        self._calls.body(self._client.update_service, request)

    def prelaunch(self, service_id: str) -> None:
        request = models.PreLaunchServiceRequest(region_id=self._site, service_id=service_id, client_token=_token())
        self._calls.body(self._client.pre_launch_service, request)

    def register(self, service_id: str) -> str:
        request = models.RegisterServiceRequest(region_id=self._site, service_id=service_id, client_token=_token())
        return str(self._calls.body(self._client.register_service, request).registration_id)

    def launch(self, service_id: str, version: str) -> None:
        request = models.LaunchServiceRequest(region_id=self._site, service_id=service_id, service_version=version,
                                              client_token=_token())  # fmt: skip
        self._calls.body(self._client.launch_service, request)

    def withdraw(self, service_id: str, version: str) -> None:
        request = models.WithdrawServiceRequest(region_id=self._site, service_id=service_id, service_version=version,
                                                client_token=_token())  # fmt: skip
        self._calls.body(self._client.withdraw_service, request)

    def delete(self, service_id: str, version: str = "") -> None:
        request = models.DeleteServiceRequest(region_id=self._site, service_id=service_id,
                                              service_version=version or None)  # fmt: skip
        self._calls.body(self._client.delete_service, request, done=_GONE)

    def upload(self, path: Path, *, public: bool) -> str:
        visibility = "public" if public else "private"
        request = models.GetUploadCredentialsRequest(file_name=path.name, visibility=visibility)
        data = self._calls.body(self._client.get_upload_credentials, request).data
        grant = Grant(data.bucket_name, data.key, data.region_id, data.access_key_id, data.access_key_secret,
                      data.security_token)  # fmt: skip
        return put(path, grant, local_host=self._local)

    def upload_package(self, path: Path) -> str:
        request = models.GetArtifactRepositoryCredentialsRequest(artifact_type="File", deploy_region_id=self._site)
        body = self._calls.body(self._client.get_artifact_repository_credentials, request)
        place, keys = body.available_resources[0], body.credentials
        grant = Grant(place.repository_name, f"{place.path}/{path.name}", place.region_id, keys.access_key_id,
                      keys.access_key_secret, keys.security_token)  # fmt: skip
        return put(path, grant, local_host=self._local)

    def fetch(self, url: str) -> bytes:
        return get(url, local=bool(self._local))

    def artifacts(self, name: str = "") -> list[Artifact]:
        filters = [models.ListArtifactsRequestFilter(name="Name", values=[name])] if name else None
        request = models.ListArtifactsRequest(filter=filters, max_results=_PAGE)
        body = self._calls.body(self._client.list_artifacts, request).to_map()
        return [_artifact(item) for item in body.get("Artifacts") or []]

    def artifact_versions(self, artifact_id: str) -> list[Artifact]:
        request = models.ListArtifactVersionsRequest(artifact_id=artifact_id, max_results=_PAGE)
        body = self._calls.body(self._client.list_artifact_versions, request).to_map()
        listed = [_artifact(item) for item in body.get("Artifacts") or []]
        return [self._with_address(each) if each.kind == "File" else each for each in listed]

    def _with_address(self, listed: Artifact) -> Artifact:
        """GetArtifact signs the file's address, as computenest-cli relies on; no document says that a list does."""
        request = models.GetArtifactRequest(artifact_id=listed.id, artifact_version=listed.version)
        whole = _artifact(self._calls.body(self._client.get_artifact, request).to_map())
        return replace(listed, properties=whole.properties)

    def make_artifact(self, fields: Mapping[str, Any], artifact_id: str = "", *, draft: bool = False) -> str:
        sent = {**fields, "Name": fields.get("ArtifactName"), "ArtifactId": artifact_id or None}
        if sent.get("ArtifactBuildProperty") and not sent.get("ArtifactProperty"):
            sent["ArtifactProperty"] = {"RegionId": sent["ArtifactBuildProperty"].get("RegionId")}
        if draft:
            self._calls.body(self._client.update_artifact, models.UpdateArtifactRequest().from_map(sent))
            return artifact_id
        request = models.CreateArtifactRequest().from_map({**sent, "ClientToken": _token()})
        made = self._calls.body(self._client.create_artifact, request)
        return str(made.artifact_id)

    def release_artifact(self, artifact_id: str) -> None:
        request = models.ReleaseArtifactRequest(artifact_id=artifact_id, client_token=_token())
        self._calls.body(self._client.release_artifact, request)

    def delete_artifact(self, artifact_id: str, version: str) -> None:
        request = models.DeleteArtifactRequest(artifact_id=artifact_id, artifact_version=version)
        self._calls.body(self._client.delete_artifact, request, done=_GONE)

    def _sent(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        texts = {key: json.dumps(fields[key], ensure_ascii=False) for key in METADATA if key in fields}
        return {**fields, **texts, "RegionId": self._site}


def _token() -> str:
    """For one call: when its answer is lost it is made again, and the service does the work once."""
    return uuid.uuid4().hex


def service_of(body: Mapping[str, Any]) -> Service:
    """From GetService of either side."""
    return Service(
        id=str(body.get("ServiceId", "")),
        version=str(body.get("Version", "")),
        status=str(body.get("Status", "")),
        infos=body.get("ServiceInfos") or [],
        settings={key: body[key] for key in SETTINGS if body.get(key) is not None},
        metadata={key: json.loads(body[key]) for key in METADATA if body.get(key)},
    )


def _version(item: Mapping[str, Any]) -> ServiceVersion:
    infos = item.get("ServiceInfos") or [{}]
    return ServiceVersion(
        id=str(item.get("ServiceId", "")),
        version=str(item.get("Version", "")),
        status=str(item.get("Status", "")),
        name=str(infos[0].get("Name", "")),
        label=str(item.get("VersionName") or ""),
        updated=str(item.get("UpdateTime") or ""),
        default=item.get("DefaultVersion") is True,
    )


def _artifact(item: Mapping[str, Any]) -> Artifact:
    return Artifact(
        id=str(item.get("ArtifactId", "")),
        name=str(item.get("Name") or ""),
        kind=str(item.get("ArtifactType") or ""),
        version=str(item.get("ArtifactVersion") or ""),
        status=str(item.get("Status") or ""),
        properties=json.loads(item.get("ArtifactProperty") or "{}"),
        build=json.loads(item.get("ArtifactBuildProperty") or "{}"),
        regions=item.get("SupportRegionIds") or (),
        reason=str(item.get("StatusDetail") or ""),
    )
