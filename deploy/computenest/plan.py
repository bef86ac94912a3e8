"""What differs between the service that is there and the one that config.yaml wants: pure, but for reading the files
that the service holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import DRAFT, Artifact, Service
from .project import Project, relations, resolve_artifacts

NEW = "(new)"
_FILE_KEYS = ("Image", "Url", "ArchitectureDiagramUrl", "TemplateUrl")
# Set by the service or later; never a difference.
_IGNORED = ("ArtifactVersion", "LongDescriptionUrl")


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` are JSON values, None where there is nothing; files are shown by their digests."""

    path: str
    before: Any
    after: Any

    def line(self) -> str:
        sign = "+" if self.before is None else "-" if self.after is None else "~"
        told = {
            "+": _short(self.after),
            "-": _short(self.before),
            "~": f"{_short(self.before)} -> {_short(self.after)}",
        }
        return f"{sign} {self.path}  {told[sign]}"


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """`target` is create (a new service), draft (a new draft of it), update (of its draft or beta) or nothing;
    `artifacts` are the keys of those that must be made or changed."""

    target: str
    service: str
    version: str
    changes: tuple[Change, ...]
    artifacts: tuple[str, ...]
    known: Mapping[str, str] = field(default_factory=dict)  # digest of a file to the address that has it
    documents: Mapping[str, str] = field(default_factory=dict)  # locale to the address of the customer's page

    def shown(self) -> dict[str, Any]:
        changes = [{"path": c.path, "before": c.before, "after": c.after} for c in self.changes]
        return {"target": self.target, "service_id": self.service, "version": self.version, "changes": changes,
                "artifacts": list(self.artifacts)}  # fmt: skip


def publish_plan(
    project: Project, current: Service | None, artifacts: Mapping[str, Artifact | None], fetch: Callable[[str], bytes]
) -> PublishPlan:
    """`current` is the service's draft, beta or newest version; `artifacts` those that exist, by key."""
    wanted = project.fields()
    resolve_artifacts(wanted, {key: found.id if found else NEW for key, found in artifacts.items()})
    for file in list(project.files(wanted)):
        file.holder[file.key] = f"sha256:{file.digest}"
    stale = tuple(key for key, found in artifacts.items() if differs(project, key, found, fetch))
    if current is None:
        return PublishPlan("create", "", DRAFT, tuple(_differences({}, wanted)), stale)
    have: dict[str, Any] = json.loads(
        json.dumps({"ServiceInfo": list(current.infos), **current.settings, **current.metadata})
    )
    known: dict[str, str] = {}
    digests: dict[str, str] = {}
    for holder, key in list(_addresses(have)):
        address = holder[key]
        if address not in digests:
            digests[address] = hashlib.sha256(fetch(address)).hexdigest()
        known[digests[address]] = address.partition("?")[0]
        holder[key] = f"sha256:{digests[address]}"
    changes = tuple(_differences({key: have[key] for key in wanted if key in have}, wanted))
    editable = current.status in ("Draft", "Beta")
    target = "nothing" if not changes and not stale else "update" if editable else "draft"
    documents = {info["Locale"]: info["LongDescriptionUrl"] for info in current.infos if info.get("LongDescriptionUrl")}
    return PublishPlan(target, current.id, current.version if editable else DRAFT, changes, stale, known, documents)


def differs(project: Project, key: str, found: Artifact | None, fetch: Callable[[str], bytes]) -> bool:
    """Whether an artifact must be made or changed to be what config.yaml says."""
    wanted = project.artifacts[key]
    if found is None:
        return True
    if wanted["ArtifactType"] == "File":
        return Path(project.package(wanted)).read_bytes() != fetch(str(found.properties.get("Url", "")))
    build = wanted.get("ArtifactBuildProperty") or {}
    same = all(found.build.get(name) == value for name, value in build.items())
    image = wanted.get("ArtifactProperty", {}).get("ImageId")
    return (
        not same
        or sorted(found.regions) != sorted(wanted.get("SupportRegionIds", []))
        or (bool(image) and found.properties.get("ImageId") != image)
    )


def with_versions(fields: dict[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
    """The fields with released artifacts in place of drafts; `versions` by artifact id."""
    for relation in relations(fields):
        relation["ArtifactVersion"] = versions.get(str(relation.get("ArtifactId")), relation.get("ArtifactVersion"))
    return fields


def _addresses(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(value, list):
        for item in value:
            yield from _addresses(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _FILE_KEYS and isinstance(item, str) and _is_upload(value, key, item):
                yield value, key
            else:
                yield from _addresses(item)


def _is_upload(holder: Mapping[str, Any], key: str, item: str) -> bool:
    """An agreement has a Url, too, but nobody uploaded it."""
    return item.startswith("http") and not (key == "Url" and set(holder) <= {"Name", "Url"})


def _differences(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Leaf by leaf; what only the service knows is no difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            if key not in _IGNORED:
                yield from _differences(before.get(key), value, f"{path}/{key}".lstrip("/"))
    elif isinstance(after, dict) and before is None:
        yield from _differences({}, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        named = all(isinstance(item, dict) for item in [*before, *after])
        if not named and before != after:
            yield Change(path, before, after)
        elif named:
            for index in range(max(len(before), len(after))):
                old, new = (items[index] if index < len(items) else None for items in (before, after))
                at = f"{path}/{index}"
                yield from _differences(old, new, at) if new is not None else [Change(at, old, None)]
    elif before != after and not (before is None and after is None):
        yield Change(path, before, after)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
