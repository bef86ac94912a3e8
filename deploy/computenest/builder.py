"""The other way to build the image: in the provider's own account, by OOS's public template ACS-ECS-UpdateImage, as
`ImageBuilder` of computenest-cli does. It runs the build of config.yaml.

Artifact/…/ArtifactBuildProperty ─▶ settings (keys of ImageBuilder) ─▶ execution ─▶ image's id
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import Failure, Interrupted
from .project import Project

_BANDWIDTH = 100  # Mbit/s, for weights and packages; paid by traffic
_SECONDS = 7200  # for the build's commands
_FILE = re.compile(r"\{\{ *computenest::file::([^ }]+) *\}\}")


@dataclass(frozen=True, slots=True)
class Execution:
    """`status` is Queued, Waiting, Running, Success, Failed or Cancelled; `image` is there after Success."""

    status: str
    task: str
    reason: str
    image: str

    @property
    def busy(self) -> bool:
        return self.status in ("Queued", "Waiting", "Running")


class Automation(Protocol):
    """OOS in one region. Every method raises `ServiceError`."""

    def update_image(self, settings: Mapping[str, Any], zone: str) -> str:
        """Begins to build an image on a new instance in a new network and returns the execution's id."""

    def execution(self, execution_id: str) -> Execution: ...


def settings(project: Project, key: str, instance_type: str, address: Callable[[str], str]) -> dict[str, Any]:
    """The value of an `ImageBuilder` entry for the artifact `key`; `address` tells from where the file of another
    artifact, by its name, is fetched. Raises `Failure` where the artifact has no build."""
    artifact = project.artifacts[key]
    build = artifact.get("ArtifactBuildProperty") or {}
    missing = [name for name in ("RegionId", "SourceImageId", "CommandContent") if not build.get(name)]
    if missing:
        raise Failure(f"config.yaml: Artifact/{key}/ArtifactBuildProperty/{missing[0]}: is missing",
                      "see the file as it was shipped", code="Config")  # fmt: skip
    return {
        "RegionId": build["RegionId"],
        "InstanceType": instance_type,
        "SourceImageId": build["SourceImageId"],
        "TargetImageName": f"{artifact['ArtifactName']}-{artifact.get('VersionName', '')}-{uuid.uuid4().hex[:8]}",
        "SystemDiskSize": build.get("SystemDiskSize", 40),
        "InternetMaxBandwidthOut": _BANDWIDTH,
        "Timeout": _SECONDS,
        "CommandType": build.get("CommandType", "RunShellScript"),
        "CommandContent": _FILE.sub(lambda match: address(match[1]), build["CommandContent"]),
    }


def as_file(wanted: Mapping[str, Any]) -> str:
    """What `computenest-cli build-image --file-path` takes."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they are."""

    Dumper.add_representer(
        str,
        lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else ""),
    )
    return yaml.dump(
        {"ImageBuilder": {"Image": dict(wanted)}}, Dumper=Dumper, allow_unicode=True, sort_keys=False
    ).rstrip()


def built(
    oos: Automation, wanted: Mapping[str, Any], zone: str, *, tell: Callable[[str], None], pause: Callable[[], None]
) -> str:
    """The new image's id, once it is there. Raises `Failure` with the reason why it is not, and `Interrupted`."""
    execution_id = oos.update_image(wanted, zone)
    tell(f"OOS runs {execution_id}")
    remedy = f"see the execution {execution_id} in the OOS console"
    before = ""
    try:
        while (execution := oos.execution(execution_id)).busy:
            if execution.task not in ("", before):
                tell(execution.task)
                before = execution.task
            pause()
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the build goes on", remedy) from None
    if execution.status != "Success" or not execution.image:
        why = f": {execution.reason}" if execution.reason else ""
        raise Failure(f"the build ended with {execution.status}{why}", remedy, code="ImageBuild")
    return execution.image
