"""From what the user chose to the request that is sent: pure, offline, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import parameters
from .catalog import Catalog, Region, Spec
from .errors import Usage
from .secret import Secret
from .stacks import StackPlan

# What the local target needs in place of answers that only matter in the cloud.
LOCAL_CLIENTS = "127.0.0.1/32"
_TIMEOUT = range(10, 1441)  # minutes that CreateStack takes
_PERIODS = range(1, 10)
_TAGS = 20  # that a stack may have
_NODES = 100  # the template's limit


@dataclass(frozen=True, slots=True)
class Payment:
    """By use, or with `period` and `unit` (Month or Year) in advance."""

    prepaid: bool = False
    period: int = 1
    unit: str = "Month"

    def parameters(self) -> dict[str, str]:
        if not self.prepaid:
            return {}
        return {"PayType": "PrePaid", "PayPeriod": str(self.period), "PayPeriodUnit": self.unit}


@dataclass(frozen=True, slots=True)
class Network:
    """A VPC and a VSwitch in it that are there already."""

    vpc: str
    vswitch: str

    def parameters(self) -> dict[str, str]:
        return {"VpcOption": "ExistingVpc", "VpcId": self.vpc, "VSwitchId": self.vswitch}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Several nodes instead of one instance. Without a `certificate` (its id) the load balancer is a private one."""

    nodes: int
    second_zone: str
    certificate: str
    database_password: Secret

    def parameters(self) -> dict[str, str | Secret]:
        return {
            "SecondZoneId": self.second_zone,
            **sized(self.nodes, {}),
            "AccessMethod": "Public" if self.certificate else "Private",
            "CertificateId": self.certificate,
            "DatabasePassword": self.database_password,
        }


@dataclass(frozen=True, slots=True)
class Choices:
    """Valid answers to everything that `create` asks. `password_hash` and `instance_password` go into the template's
    secret parameters; `network` None is a new one; `cluster` None is one instance; `more` are further template
    parameters."""

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
    payment: Payment = Payment()
    network: Network | None = None
    cluster: Cluster | None = None
    rollback: bool = True
    protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)


def stack_plan(choices: Choices, *, template: str, client_token: str) -> StackPlan:
    """The request. Options that the template has a default for are left to it."""
    return StackPlan(
        name=choices.name,
        region=choices.region.id,
        template=template,
        client_token=client_token,
        timeout_minutes=choices.timeout_minutes,
        rollback=choices.rollback,
        protected=choices.protected,
        tags=choices.tags,
        parameters={
            **choices.payment.parameters(),
            "ZoneId": choices.zone,
            "InstanceType": choices.spec.id,
            "InstancePassword": choices.instance_password,
            "SoftwareUserName": choices.user,
            "SoftwarePassword": choices.password_hash,
            **(choices.network.parameters() if choices.network else {}),
            **(choices.cluster.parameters() if choices.cluster else {}),
            "ClientCidr": choices.clients,
            "Model": choices.model,
            "SystemDiskSize": str(choices.spec.system_disk),
            **choices.more,
        },
    )


def local_zone(region: Region, letter: str = "a") -> str:
    """A zone name of the right form; the local target only writes it down."""
    return f"{region.id}{'' if region.id[-1].isdigit() else '-'}{letter}"


def check_nodes(nodes: int, least: int) -> int:
    """How many nodes a cluster is asked to have. Raises `Usage`."""
    if not least <= nodes <= _NODES:
        remedy = f"give {least} to {_NODES}"
        if nodes < least and least > 1:
            remedy += ", or leave --topology out: one instance needs no cluster"
        raise Usage(f"--nodes {nodes}: not possible", remedy, code="Nodes")
    return nodes


def sized(nodes: int, now: Mapping[str, str]) -> dict[str, str]:
    """The template parameters for so many nodes; the limits that are in the way move along."""
    wanted = {"Nodes": str(nodes)}
    if nodes < int(now.get("MinNodes", 1)):
        wanted["MinNodes"] = str(nodes)
    if nodes > int(now.get("MaxNodes", 4)):
        wanted["MaxNodes"] = str(nodes)
    return wanted


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


def payment(pay: str, period: int | None, unit: str | None) -> Payment:
    if pay == "postpaid":
        if period is not None or unit is not None:
            raise Usage("--period and --unit are of prepaid", "add --pay prepaid, or leave them out", code="Pay")
        return Payment()
    if period is not None and period not in _PERIODS:
        raise Usage(f"--period {period}: not possible", f"give {_PERIODS.start} to {_PERIODS.stop - 1}", code="Pay")
    return Payment(True, period or 1, (unit or "month").capitalize())


def network(vpc: str | None, vswitch: str | None) -> Network | None:
    if bool(vpc) != bool(vswitch):
        missing = "--existing-vswitch" if vpc else "--existing-vpc"
        raise Usage(f"missing: {missing}", "an existing network needs both", code="Missing")
    if not vpc or not vswitch:
        return None
    return Network(_check_id("--existing-vpc", vpc, "vpc"),
                   _check_id("--existing-vswitch", vswitch, "vsw"))  # fmt: skip


def tags(pairs: Iterable[str]) -> dict[str, str]:
    found = parameters.assignments("--tags", pairs)
    for key in found:
        if key.lower().startswith(("aliyun", "acs:")):
            raise Usage(f"--tags {key}: reserved for the cloud", "begin it with something else", code="Tags")
    if len(found) > _TAGS:
        raise Usage(f"--tags: {len(found)} are too many", f"a stack has at most {_TAGS}", code="Tags")
    return found


def _check_id(option: str, text: str, prefix: str) -> str:
    """Ids of resources are a prefix of their kind and letters and digits: vpc-bp1abc…"""
    if not re.fullmatch(rf"{prefix}-[a-z0-9]{{4,}}", text):
        raise Usage(f"{option} {text}: not an id", f"it reads like {prefix}-bp1abcdefgh", code="Id")
    return text
