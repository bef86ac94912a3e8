"""The kind of each value in config.yaml that is read here; what else is in the file, the service judges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import Failure

_ANY = "*"
Shape = Any  # a type, {key: shape} or [shape]
_NAMES: Shape = [str]
_RELATION = {_ANY: {"ArtifactId": str}}
_TEMPLATE = {
    "Name": str,
    "Url": str,
    "ArchitectureDiagramUrl": str,
    "AllowedRegions": _NAMES,
    "PredefinedParameters": [{"Name": str, "Parameters": {}}],
    "HiddenParameterKeys": _NAMES,
}
_BUILD = {"RegionId": str, "SourceImageId": str, "CommandType": str, "CommandContent": str, "SystemDiskSize": int}
# A mapping is {key: its value's}, with any key {"*": …}; a list [its items'].
_FILE: Shape = {
    "Service": {
        "ServiceInfo": [{"Locale": str, "Name": str, "Image": str}],
        "DeployMetadata": {
            "TemplateConfigs": [_TEMPLATE],
            "SupplierDeployMetadata": {"ArtifactRelation": _RELATION, "FileArtifactRelation": _RELATION},
        },
        "OperationMetadata": {"CustomOperations": {"Actions": [{"TemplateUrl": str}]}},
        "LogMetadata": {},
        "UpgradeMetadata": {},
    },
    "Artifact": {
        _ANY: {
            "ArtifactType": str,
            "ArtifactName": str,
            "ArtifactProperty": {"Url": str, "ImageId": str},
            "ArtifactBuildProperty": _BUILD,
            "SupportRegionIds": _NAMES,
        }
    },
}
_NEEDED = ("Service/ServiceInfo", "Service/DeployMetadata")
_KINDS = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number"}


def check(content: Any, file: str) -> None:
    """Raises `Failure` that names the first place of another kind, or one that is missing."""
    for place in _other(content, _FILE, ""):
        raise Failure(f"{file}: {place}", "mend the file", code="Config")
    for needed in _NEEDED:
        value = content
        for key in needed.split("/"):
            value = value.get(key)
            if not value:
                raise Failure(f"{file}: {needed}: is missing", "mend the file", code="Config")


def _other(value: Any, shape: Shape, at: str) -> Iterator[str]:
    kind = shape if isinstance(shape, type) else type(shape)
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        yield f"{at or 'all of it'}: should be {_KINDS[kind]}"
    elif kind is dict:
        for key, item in value.items():
            if (wanted := shape.get(key, shape.get(_ANY))) is not None:
                yield from _other(item, wanted, f"{at}/{key}".lstrip("/"))
    elif kind is list:
        for index, item in enumerate(value):
            yield from _other(item, shape[0], f"{at}/{index}")
