"""What config.yaml wants the service to be: its fields with every file it names found, read and known by its digest."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Failure
from .shape import check

SETTINGS = (
    "ApprovalType", "DeployType", "Duration", "IsSupportOperated", "PolicyNames", "ServiceType", "ShareType",
    "TenantType", "TrialDuration", "VersionName",
)  # fmt: skip
METADATA = ("AlarmMetadata", "DeployMetadata", "LicenseMetadata", "LogMetadata", "OperationMetadata", "UpgradeMetadata")
_ARTIFACT = re.compile(r"\$\{Artifact\.(\w+)\.ArtifactId\}")


@dataclass(frozen=True, slots=True)
class File:
    """A file that is named in the configuration: which key of which mapping names it."""

    path: Path
    public: bool
    holder: dict[str, Any]
    key: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


class Project:
    """config.yaml beside the files that it names. Raises `Failure` that names the place in the file."""

    def __init__(self, config: Path) -> None:
        import yaml

        self.folder = config.parent
        try:
            content = yaml.safe_load(config.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            at = f"{config}:{mark.line + 1}:{mark.column + 1}" if mark else str(config)
            reason = getattr(error, "strerror", None) or getattr(error, "problem", None) or "not UTF-8"
            raise Failure(f"{at}: cannot be read ({reason})", "mend the file", code="Config") from None
        if isinstance(content, dict) and content.get("Artifact") is None:
            content["Artifact"] = {}  # there need not be one
        check(content, config.name)
        self._service: dict[str, Any] = content["Service"]
        self.artifacts: Mapping[str, dict[str, Any]] = content["Artifact"]
        _artifacts_are_whole(self.artifacts, config.name)
        self.name = str(self._service["ServiceInfo"][0].get("Name", ""))
        for file in self.files(self.fields()):
            if not file.path.is_file():
                raise Failure(
                    f"{config.name}: {file.key}: {file.path} does not exist", _remedy(file.path), code="Config"
                )

    def fields(self) -> dict[str, Any]:
        """A fresh copy of what CreateService is asked for; files are still paths, artifacts still placeholders."""
        wanted = ("ServiceInfo", *SETTINGS, *METADATA)
        return copy.deepcopy({key: self._service[key] for key in wanted if key in self._service})

    def files(self, fields: Mapping[str, Any]) -> Iterator[File]:
        """The files that `fields` name, each with its place in them."""
        for info in fields["ServiceInfo"]:
            yield from self._file(info, "Image", public=True)
        for template in fields["DeployMetadata"].get("TemplateConfigs", []):
            yield from self._file(template, "Url", public=False)
            yield from self._file(template, "ArchitectureDiagramUrl", public=False)
        for action in fields.get("OperationMetadata", {}).get("CustomOperations", {}).get("Actions", []):
            yield from self._file(action, "TemplateUrl", public=False)

    def package(self, artifact: Mapping[str, Any]) -> Path:
        """The file of a File artifact."""
        path = self.folder / str(artifact.get("ArtifactProperty", {}).get("Url", ""))
        if not path.is_file():
            raise Failure(f"config.yaml: Artifact: {path} does not exist", _remedy(path), code="Config")
        return path

    def _file(self, holder: dict[str, Any], key: str, *, public: bool) -> Iterator[File]:
        if holder.get(key):
            yield File(self.folder / str(holder[key]), public, holder, key)


def relations(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each place that names an artifact: {ArtifactId, ArtifactVersion}."""
    metadata = fields["DeployMetadata"].get("SupplierDeployMetadata", {})
    for kind in ("ArtifactRelation", "FileArtifactRelation"):
        yield from metadata.get(kind, {}).values()


def resolve_artifacts(fields: Mapping[str, Any], ids: Mapping[str, str]) -> None:
    """Puts the artifacts' ids, by their keys in the file, in place of their placeholders."""
    for relation in relations(fields):
        match = _ARTIFACT.fullmatch(str(relation.get("ArtifactId", "")))
        if match and match[1] not in ids:
            raise Failure(
                f"config.yaml: Artifact/{match[1]}: is missing", "name an artifact of the file", code="Config"
            )
        if match:
            relation["ArtifactId"] = ids[match[1]]


def _artifacts_are_whole(artifacts: Mapping[str, Mapping[str, Any]], at: str) -> None:
    for name, artifact in artifacts.items():
        for key in ("ArtifactType", "ArtifactName"):
            if not artifact.get(key):
                raise Failure(f"{at}: Artifact/{name}/{key}: is missing", "mend the file", code="Config")
        image = artifact.get("ArtifactProperty", {}).get("ImageId", "")
        if image.startswith("$"):  # computenest-cli would put the result of its ImageBuilder there
            raise Failure(f"{at}: Artifact/{name}/ArtifactProperty/ImageId: {image} is no image",
                          "build one: python -m deploy image build --with imagebuilder", code="Config")  # fmt: skip


def _remedy(path: Path) -> str:
    if path.suffixes[-2:] == [".tar", ".gz"]:
        return f"make it: scripts/package.sh {path.parent}"
    return "make it: python assets/make.py" if path.suffix == ".png" else "correct the path"
