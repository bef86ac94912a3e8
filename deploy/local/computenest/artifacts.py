"""Artifacts: what services are made of besides templates. An image is not really built here: its build is noted and
counts as done, and its id is made up."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..actions import Action, Body
from ..errors import ApiError, invalid_parameter
from ..regions import ACCOUNT_ID
from ..store import Store
from ..wire import Arguments
from .fields import filters, json_value, listing, moment
from .objects import ARTIFACTS, SECONDS, Objects

_KIND = "artifact"
_TYPES = ("EcsImage", "File", "AcrImage", "HelmChart")
_DRAFT = "draft"
Artifact = dict[str, Any]


def has_image(store: Store) -> bool:
    """Packages alone do not count: they can be made again in a moment."""
    return any(artifact["Type"] == "EcsImage" for artifact in store.documents(_KIND))


class ArtifactActions:
    def __init__(self, store: Store, objects: Objects) -> None:
        self._store, self._objects = store, objects

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreateArtifact": self.create_artifact,
            "DeleteArtifact": self.delete_artifact,
            "GetArtifact": self.get_artifact,
            "GetArtifactRepositoryCredentials": self.get_artifact_repository_credentials,
            "ListArtifactVersions": self.list_artifact_versions,
            "ListArtifacts": self.list_artifacts,
            "ReleaseArtifact": self.release_artifact,
            "UpdateArtifact": self.update_artifact,
        }

    def create_artifact(self, arguments: Arguments) -> Body:
        """A new artifact, or with ArtifactId a new draft of one."""
        kind, artifact_id = arguments.required("ArtifactType"), arguments.text("ArtifactId")
        if kind not in _TYPES:
            raise invalid_parameter("ArtifactType", f"it should be {' or '.join(_TYPES)}")
        now = time.time()
        artifact: Artifact = {"Id": f"artifact-{uuid.uuid4().hex[:20]}", "Created": now, "Versions": {}}
        if artifact_id:
            artifact = self._find(artifact_id)
            if _DRAFT in artifact["Versions"]:
                raise ApiError("EntityAlreadyExist.DraftArtifact", f"{artifact_id} has a draft already.", 409)
        name = arguments.text("Name") or artifact.get("Name", "")
        if not artifact_id and any(other["Name"] == name for other in self._all()):
            raise ApiError("EntityAlreadyExist.Artifact", f"An artifact named {name} exists already.", 409)
        artifact |= {"Name": name, "Type": kind, "Description": arguments.text("Description")}
        self._save(artifact, self._version(arguments, kind, {}))
        return self._shown(artifact, _DRAFT)

    def update_artifact(self, arguments: Arguments) -> Body:
        artifact = self._find(arguments.required("ArtifactId"))
        before = self._of(artifact, _DRAFT)
        self._save(artifact, self._version(arguments, artifact["Type"], before))
        return self._shown(artifact, _DRAFT)

    def get_artifact(self, arguments: Arguments) -> Body:
        wanted, name = arguments.text("ArtifactId"), arguments.text("ArtifactName")
        found = next((a for a in self._all() if a["Id"] == wanted or (not wanted and a["Name"] == name)), None)
        if found is None:
            raise ApiError("EntityNotExist.Artifact", f"The artifact {wanted or name} does not exist.", 404)
        return self._shown(found, arguments.text("ArtifactVersion"))

    def list_artifacts(self, arguments: Arguments) -> Body:
        wanted = filters(arguments)
        found = []
        for artifact in self._all():
            having = {"Name": artifact["Name"], "ArtifactId": artifact["Id"], "ArtifactType": artifact["Type"]}
            if all(having.get(key) in values for key, values in wanted.items() if values):
                found.append(self._shown(artifact, ""))
        return listing("Artifacts", found, arguments)

    def list_artifact_versions(self, arguments: Arguments) -> Body:
        artifact = self._find(arguments.required("ArtifactId"))
        shown = [self._shown(artifact, version) for version in artifact["Versions"]]
        return listing("Artifacts", shown, arguments)

    def release_artifact(self, arguments: Arguments) -> Body:
        """The draft becomes the next version, which services can rely on."""
        artifact = self._find(arguments.required("ArtifactId"))
        draft = self._of(artifact, _DRAFT)
        number = 1 + max((int(name) for name in artifact["Versions"] if name.isdigit()), default=0)
        kept = {name: version for name, version in artifact["Versions"].items() if name != _DRAFT}
        artifact["Versions"] = {**kept, str(number): {**draft, "Status": "Available", "Modified": time.time()}}
        self._store.save_document(_KIND, artifact["Id"], "", artifact["Created"], artifact)
        return self._shown(artifact, str(number))

    def delete_artifact(self, arguments: Arguments) -> Body:
        artifact, name = self._find(arguments.required("ArtifactId")), arguments.text("ArtifactVersion")
        if name:
            self._of(artifact, name)
        kept = {key: version for key, version in artifact["Versions"].items() if name and key != name}
        if kept:
            artifact["Versions"] = kept
            self._store.save_document(_KIND, artifact["Id"], "", artifact["Created"], artifact)
        else:
            self._store.forget_document(_KIND, artifact["Id"])
        return {}

    def get_artifact_repository_credentials(self, arguments: Arguments) -> Body:
        if arguments.required("ArtifactType") != "File":
            raise invalid_parameter("ArtifactType", "the local target keeps files only")
        folder = f"{ACCOUNT_ID}/{uuid.uuid4().hex}"
        return {
            "ExpireDate": moment(time.time() + SECONDS),
            "Credentials": self._objects.credentials(ARTIFACTS, f"{folder}/"),
            "AvailableResources": [{"RepositoryName": ARTIFACTS, "Path": folder, "RegionId": "cn-hangzhou"}],
        }

    def _version(self, arguments: Arguments, kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
        properties = json_value(arguments, "ArtifactProperty") or dict(before.get("Property", {}))
        build = json_value(arguments, "ArtifactBuildProperty") or dict(before.get("BuildProperty", {}))
        if kind == "File":
            properties = {**properties, "Url": self._place(properties.get("Url", ""))}
        if kind == "EcsImage" and not properties.get("ImageId"):
            if not build.get("SourceImageId") or not build.get("CommandContent"):
                raise invalid_parameter("ArtifactBuildProperty", "it needs SourceImageId and CommandContent")
            made = hashlib.sha256(json.dumps(build, sort_keys=True).encode()).hexdigest()[:20]
            properties = {**properties, "RegionId": build.get("RegionId", ""), "ImageId": f"m-{made}"}
        return {
            "Status": "Created",
            "Property": properties,
            "BuildProperty": build,
            "BuildType": arguments.text("ArtifactBuildType") or before.get("BuildType", ""),
            "Regions": arguments.texts("SupportRegionIds") or list(before.get("Regions", [])),
            "VersionName": arguments.text("VersionName") or before.get("VersionName", ""),
            "Modified": time.time(),
        }

    def _place(self, url: str) -> str:
        """Of a file as it is named at first, or as it was kept."""
        return url if url.startswith(f"{ARTIFACTS}/") else self._objects.place(url)

    def _shown(self, artifact: Artifact, name: str) -> dict[str, Any]:
        name = name or (_DRAFT if _DRAFT in artifact["Versions"] else max(artifact["Versions"], key=int))
        version = self._of(artifact, name)
        properties = dict(version["Property"])
        if artifact["Type"] == "File":
            properties["Url"] = self._objects.address(properties["Url"])
        numbers = [other for other in artifact["Versions"] if other.isdigit()]
        return {
            "ArtifactId": artifact["Id"],
            "Name": artifact["Name"],
            "ArtifactType": artifact["Type"],
            "Description": artifact["Description"],
            "ArtifactVersion": name,
            "VersionName": version["VersionName"],
            "Status": version["Status"],
            "ArtifactBuildType": version["BuildType"],
            "ArtifactProperty": json.dumps(properties, ensure_ascii=False),
            "ArtifactBuildProperty": json.dumps(version["BuildProperty"], ensure_ascii=False),
            "SupportRegionIds": version["Regions"],
            "MaxVersion": max(map(int, numbers), default=0),
            "GmtModified": moment(version["Modified"]),
            "Progress": "100",
        }

    def _of(self, artifact: Artifact, name: str) -> dict[str, Any]:
        if name not in artifact["Versions"]:
            raise ApiError(
                "EntityNotExist.ArtifactVersion", f"The version {name} of {artifact['Id']} does not exist.", 404
            )
        version: dict[str, Any] = artifact["Versions"][name]
        return version

    def _find(self, artifact_id: str) -> Artifact:
        artifact: Artifact | None = self._store.document(_KIND, artifact_id)
        if artifact is None:
            raise ApiError("EntityNotExist.Artifact", f"The artifact {artifact_id} does not exist.", 404)
        return artifact

    def _all(self) -> list[Artifact]:
        return self._store.documents(_KIND)

    def _save(self, artifact: Artifact, version: Mapping[str, Any]) -> None:
        artifact["Versions"] = {**artifact["Versions"], _DRAFT: version}
        self._store.save_document(_KIND, artifact["Id"], "", artifact["Created"], artifact)
