"""The Compute Nest service: for the provider who publishes it, and the customer who deploys from it.

config.yaml ─▶ project (what is wanted) ─▶ plan (differences) ─▶ publication (artifacts, uploads, draft)
service instance ─▶ deployment (asked for, followed to Deployed, its login address)

The doors to the cloud are `Supplier` and `Customer`; alibaba/ is behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..secret import Secret

DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class ServiceVersion:
    """A line of the list of services. `status` is Draft, Beta, Submitted, Approved, Launching, Online, Offline …"""

    id: str
    version: str
    status: str
    name: str
    label: str
    updated: str
    default: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One version of a service. `infos` are its names and descriptions by language; `settings` and `metadata` its
    other fields, the latter parsed from JSON."""

    id: str
    version: str
    status: str
    infos: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """`version` is draft or a number; `status` Created, Available, Delivering, CreateFailed …"""

    id: str
    name: str
    kind: str
    version: str
    status: str
    properties: Mapping[str, Any]
    build: Mapping[str, Any]
    regions: Sequence[str]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """A service instance. `status` is Created, Deploying, Deployed, DeployedFailed, Upgrading, Deleting, Deleted or
    DeletedFailed."""

    id: str
    name: str
    status: str
    reason: str
    created: str
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        return self.status in ("Created", "Deploying", "Upgrading", "Deleting")

    @property
    def login_address(self) -> str:
        return str(self.outputs.get("LoginAddress") or "")


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """What CreateServiceInstance is asked for; the same token never makes two."""

    service: str
    version: str
    template: str
    package: str
    name: str
    parameters: Mapping[str, str | Secret]
    client_token: str


class Supplier(Protocol):
    """The provider's side. Every method raises `ServiceError`, `upload` and `fetch` `Failure`."""

    def services(self, name: str = "", service_id: str = "") -> list[ServiceVersion]:
        """All versions of all services, or of one."""

    def service(self, service_id: str, version: str = "") -> Service: ...

    def create(self, fields: Mapping[str, Any], service_id: str = "") -> str:
        """A new service, or a new draft of one; returns its id."""

    def update(self, service_id: str, version: str, fields: Mapping[str, Any]) -> None: ...

    def prelaunch(self, service_id: str) -> None: ...

    def register(self, service_id: str) -> str:
        """Submits for review and returns the registration's id."""

    def launch(self, service_id: str, version: str) -> None: ...

    def withdraw(self, service_id: str, version: str) -> None: ...

    def delete(self, service_id: str, version: str = "") -> None: ...

    def upload(self, path: Path, *, public: bool) -> str:
        """Stores a file for a service and returns its address; a failed upload is an error."""

    def upload_package(self, path: Path) -> str:
        """Stores a file for an artifact."""

    def fetch(self, url: str) -> bytes:
        """What is stored at an address that the service gave."""

    def artifacts(self, name: str = "") -> list[Artifact]: ...

    def artifact_versions(self, artifact_id: str) -> list[Artifact]: ...

    def make_artifact(self, fields: Mapping[str, Any], artifact_id: str = "", *, draft: bool = False) -> str:
        """A new artifact, a new draft of one, or with `draft` a change of its draft; returns its id."""

    def release_artifact(self, artifact_id: str) -> None: ...

    def delete_artifact(self, artifact_id: str, version: str) -> None: ...


class Customer(Protocol):
    """The customer's side. Every method raises `ServiceError`."""

    def service(self, service_id: str, version: str = "") -> Service: ...

    def create(self, plan: InstancePlan) -> str:
        """Begins to deploy and returns the instance's id."""

    def instance(self, instance_id: str) -> Instance: ...

    def instances(self) -> list[Instance]:
        """All that are not deleted, newest first."""

    def delete(self, instance_id: str) -> None: ...
