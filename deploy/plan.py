"""From what the user chose to the request that is sent: pure, offline, checked."""

from __future__ import annotations

from dataclasses import dataclass

from .catalog import Catalog, Region, Spec
from .errors import Usage
from .secret import Secret
from .stacks import StackPlan

# What the local target needs in place of answers that only matter in the cloud.
LOCAL_CLIENTS = "127.0.0.1/32"
_TIMEOUT = range(10, 1441)  # minutes that CreateStack takes


@dataclass(frozen=True, slots=True)
class Choices:
    """Valid answers to everything that `create` asks. `password_hash` and `instance_password` go into the template's
    secret parameters."""

    name: str
    region: Region
    zone: str
    spec: Spec
    model: str
    user: str
    password_hash: Secret
    instance_password: Secret
    clients: str
    timeout_minutes: int


def stack_plan(choices: Choices, *, template: str, client_token: str) -> StackPlan:
    """The request. Options that the template has a default for are left to it."""
    return StackPlan(
        name=choices.name,
        region=choices.region.id,
        template=template,
        client_token=client_token,
        timeout_minutes=choices.timeout_minutes,
        parameters={
            "ZoneId": choices.zone,
            "InstanceType": choices.spec.id,
            "InstancePassword": choices.instance_password,
            "SoftwareUserName": choices.user,
            "SoftwarePassword": choices.password_hash,
            "ClientCidr": choices.clients,
            "Model": choices.model,
            "SystemDiskSize": str(choices.spec.system_disk),
        },
    )


def local_zone(region: Region) -> str:
    """A zone name of the right form; the local target only writes it down."""
    return f"{region.id}{'' if region.id[-1].isdigit() else '-'}a"


def model_or_default(catalog: Catalog, chosen: str | None, *, local: bool) -> str:
    if chosen:
        return catalog.find_model(chosen)
    return catalog.local_model if local else catalog.default_model


def check_timeout(minutes: int) -> int:
    if minutes not in _TIMEOUT:
        raise Usage(
            f"--timeout {minutes}: not possible",
            f"give {_TIMEOUT.start} to {_TIMEOUT.stop - 1} minutes",
            code="Timeout",
        )
    return minutes
