"""Makes the service what config.yaml says: artifacts, then files, then the draft. Each step looks first, so that a
publication that was interrupted is simply begun again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Failure
from . import DRAFT, Artifact, Service, ServiceVersion, Supplier
from .plan import PublishPlan, publish_plan
from .project import Project, relations, resolve_artifacts

_ORDER = (DRAFT, "beta")
_PATIENCE = 1200  # looks at an artifact that is being made


def find(supplier: Supplier, name: str, service_id: str) -> list[ServiceVersion]:
    """The versions of the service of that id, or name; draft and beta first, then the newest. Raises `Failure` for an
    id that does not exist."""
    versions = supplier.services("" if service_id else name, service_id)
    if service_id and not versions:
        raise Failure(
            f"there is no service {service_id}", "without --service-id it is found by its name", code="NoService"
        )
    ids = {version.id for version in versions}
    if len(ids) > 1:
        raise Failure(f"{len(ids)} services are named {name}: {', '.join(sorted(ids))}", "give --service-id",
                      code="Ambiguous")  # fmt: skip
    return sorted(versions, key=_rank)


def _rank(version: ServiceVersion) -> tuple[int, int]:
    if version.version in _ORDER:
        return _ORDER.index(version.version), 0
    return len(_ORDER), -int(version.version) if version.version.isdigit() else 0


def artifacts_of(supplier: Supplier, project: Project) -> dict[str, Artifact | None]:
    """Those that exist, by their keys in the file; a draft before a released one."""
    found: dict[str, Artifact | None] = {}
    for key, wanted in project.artifacts.items():
        named = [artifact for artifact in supplier.artifacts(wanted["ArtifactName"])
                 if artifact.name == wanted["ArtifactName"]]  # fmt: skip
        versions = supplier.artifact_versions(named[0].id) if named else []
        ranked = sorted(versions, key=lambda a: (a.version != DRAFT, -int(a.version) if a.version.isdigit() else 0))
        found[key] = ranked[0] if ranked else None
    return found


def look(supplier: Supplier, project: Project, service_id: str = "") -> tuple[PublishPlan, dict[str, Artifact | None]]:
    versions = find(supplier, project.name, service_id)
    current = supplier.service(versions[0].id, versions[0].version) if versions else None
    artifacts = artifacts_of(supplier, project)
    return publish_plan(project, current, artifacts, supplier.fetch), artifacts


def publish(
    supplier: Supplier, project: Project, *, service_id: str, tell: Callable[[str], None], pause: Callable[[], None]
) -> tuple[PublishPlan, str]:
    """Returns what was done and the service's id. Raises `Failure` when an upload or an artifact fails."""
    plan, artifacts = look(supplier, project, service_id)
    ids = {key: found.id if found else "" for key, found in artifacts.items()}
    for key in plan.artifacts:
        ids[key] = make_artifact(supplier, project, key, artifacts[key], tell=tell, pause=pause)
    if not plan.changes and plan.target != "create":
        return plan, plan.service
    fields = project.fields()
    resolve_artifacts(fields, ids)
    for info in fields["ServiceInfo"]:
        if info.get("Locale") in plan.documents:
            info["LongDescriptionUrl"] = plan.documents[info["Locale"]]
    sent: dict[str, str] = dict(plan.known)
    for file in list(project.files(fields)):
        if file.digest not in sent:
            tell(f"uploading {file.path.name}")
            sent[file.digest] = supplier.upload(file.path, public=file.public)
        file.holder[file.key] = sent[file.digest]
    if plan.target == "update":
        supplier.update(plan.service, plan.version, fields)
        return plan, plan.service
    return plan, supplier.create(fields, plan.service)


def make_artifact(
    supplier: Supplier, project: Project, key: str, found: Artifact | None, *,
    tell: Callable[[str], None], pause: Callable[[], None],
) -> str:  # fmt: skip
    """Makes or changes one artifact, waits until it is there, and returns its id."""
    wanted: dict[str, Any] = dict(project.artifacts[key])
    name = wanted["ArtifactName"]
    tell(f"changing artifact {name}" if found else f"making artifact {name}")
    if wanted["ArtifactType"] == "File":
        wanted["ArtifactProperty"] = {"Url": supplier.upload_package(project.package(wanted))}
    draft = found is not None and found.version == DRAFT
    artifact_id = supplier.make_artifact(wanted, found.id if found else "", draft=draft)
    for _ in range(_PATIENCE):
        made = next((a for a in supplier.artifact_versions(artifact_id) if a.version == DRAFT), None)
        if made and made.status == "Created":
            return artifact_id
        if made and made.status.endswith("Failed"):
            raise Failure(f"artifact {name} failed: {made.reason or made.status}", "mend its build; publish again",
                          code="ArtifactFailed")  # fmt: skip
        pause()
    raise Failure(f"artifact {name} is still being made", "publish again later", code="ArtifactPending")


def release_artifacts(supplier: Supplier, service: Service, tell: Callable[[str], None]) -> Mapping[str, str]:
    """Releases the drafts that the service uses; returns the versions in use by artifact id."""
    versions = {}
    for artifact_id in {str(relation["ArtifactId"]) for relation in relations(service.metadata)}:
        known = supplier.artifact_versions(artifact_id)
        if any(artifact.version == DRAFT for artifact in known):
            tell(f"releasing artifact {artifact_id}")
            supplier.release_artifact(artifact_id)
            known = supplier.artifact_versions(artifact_id)
        numbers = [int(artifact.version) for artifact in known if artifact.version.isdigit()]
        if numbers:
            versions[artifact_id] = str(max(numbers))
    return versions
