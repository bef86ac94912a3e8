"""Services and their versions: what is kept of each, and what may become what.

Draft ─PreLaunch─▶ Beta ─Register─▶ Submitted ─review─▶ Approved ─Launch─▶ Launching ─▶ Online ─Withdraw─▶ Offline
A draft may be registered without a beta. The review and the launch take a moment; on the local target both succeed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import ApiError
from ..store import Store

_KIND = "service"
_MOMENT = 0.5  # seconds that a review or a launch takes
_LATER = {"Submitted": "Approved", "Launching": "Online"}
DRAFT, BETA = "draft", "beta"


@dataclass(frozen=True)
class Version:
    """`name` is draft, beta or a number; `content` are the fields of CreateService."""

    name: str
    status: str
    content: Mapping[str, Any]
    created: float
    updated: float
    published: float = 0.0


@dataclass(frozen=True)
class Service:
    id: str
    created: float
    versions: Mapping[str, Version] = field(default_factory=dict)
    default: str = ""  # the version that customers get
    launched: int = 0

    def version(self, name: str = "") -> Version:
        """By name; else the default one, else the draft or the beta. Raises ApiError."""
        names = (name,) if name else (self.default, DRAFT, BETA)
        for wanted in names:
            if wanted in self.versions:
                return self.versions[wanted]
        raise ApiError(
            "EntityNotExist.ServiceVersion",
            f"The service version {name or 'default'} of {self.id} does not exist.",
            404,
        )

    def in_status(self, *allowed: str, name: str = "") -> Version:
        """The version in one of these statuses. Raises ApiError OperationDenied."""
        versions = [self.version(name)] if name else list(self.versions.values())
        for version in versions:
            if version.status in allowed:
                return version
        states = ", ".join(f"{version.name}: {version.status}" for version in versions) or "no version"
        raise ApiError("OperationDenied", f"The service is not in the status {' or '.join(allowed)} ({states}).")

    def having(self, version: Version, *, instead_of: str = "") -> Service:
        kept = {name: other for name, other in self.versions.items() if name not in (instead_of, version.name)}
        return replace(self, versions={**kept, version.name: version})


class Services:
    """The services of one emulator; each method is one step."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Service]:
        """Newest first."""
        return [self._read(value) for value in self._store.documents(_KIND)]

    def find(self, service_id: str) -> Service:
        value = self._store.document(_KIND, service_id)
        if value is None:
            raise ApiError("EntityNotExist.Service", f"The service {service_id} does not exist.", 404)
        return self._read(value)

    def create(self, content: Mapping[str, Any]) -> Service:
        now = time.time()
        service = Service(f"service-{uuid.uuid4().hex[:20]}", now)
        return self.save(service.having(Version(DRAFT, "Draft", content, now, now)))

    def draft(self, service: Service, content: Mapping[str, Any]) -> Service:
        """A new draft beside the versions that there are. Raises ApiError when there is one."""
        if DRAFT in service.versions:
            raise ApiError("EntityAlreadyExist.DraftService", f"The service {service.id} has a draft already.", 409)
        now = time.time()
        return self.save(service.having(Version(DRAFT, "Draft", content, now, now)))

    def update(self, service: Service, name: str, changes: Mapping[str, Any]) -> Service:
        version = service.version(name or DRAFT)
        changed = replace(version, content={**version.content, **changes}, updated=time.time())
        return self.save(service.having(changed))

    def become(self, service: Service, version: Version, status: str, name: str = "") -> Service:
        """Another status, under another name if given."""
        changed = replace(version, name=name or version.name, status=status, updated=time.time())
        return self.save(service.having(changed, instead_of=version.name))

    def launch(self, service: Service, version: Version) -> Service:
        number = service.launched + 1
        now = time.time()
        online = replace(version, name=str(number), status="Launching", updated=now, published=now)
        grown = replace(service.having(online, instead_of=version.name), launched=number, default=online.name)
        return self.save(grown)

    def delete(self, service: Service, name: str = "") -> None:
        kept = {key: other for key, other in service.versions.items() if name and key != name}
        if kept:
            self.save(replace(service, versions=kept))
        else:
            self._store.forget_document(_KIND, service.id)

    def save(self, service: Service) -> Service:
        self._store.save_document(_KIND, service.id, "", service.created, asdict(service))
        return service

    def _read(self, value: Mapping[str, Any]) -> Service:
        versions = {name: _settled(Version(**version)) for name, version in value["versions"].items()}
        return Service(**{**value, "versions": versions})


def _settled(version: Version) -> Version:
    """What takes a moment is over when it was long enough ago."""
    if version.status in _LATER and time.time() - version.updated > _MOMENT:
        return replace(version, status=_LATER[version.status])
    return version
