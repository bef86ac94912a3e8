"""Key pairs, snapshot policies and roles: what templates use besides networks and instances."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ..errors import ResourceError
from ..regions import ACCOUNT_ID
from . import Context, Property, of_kind
from .record import Attributes, Record

_TAGS = of_kind("list", "Tags", editable=True)


def _key_pair(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    body = str(properties.get("PublicKeyBody", ""))
    made = hashlib.md5((body or physical_id).encode(), usedforsecurity=False).hexdigest()
    return {
        "KeyPairName": properties["KeyPairName"],
        "KeyPairFingerPrint": made,
        # Only a pair that the service makes has one; the local target lets nobody in by SSH, so it holds no key.
        "PrivateKeyBody": "" if body else "the local target makes no private keys",
    }


def _attachment(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    for instance in properties["InstanceIds"]:
        if not context.instances.exists(str(instance)):
            raise ResourceError(f"InvalidInstanceId.NotFound: there is no instance {instance}")
    return {}


def _snapshot_policy(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    days = properties["RetentionDays"]
    if days != -1 and not 1 <= days <= 65_536:
        raise ResourceError(f"InvalidRetentionDays.Malformed: RetentionDays is {days}; it should be -1 or 1 to 65536")
    return {"AutoSnapshotPolicyId": physical_id}


def _role(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    name = properties["RoleName"]
    return {"RoleId": physical_id, "RoleName": name, "Arn": f"acs:ram::{ACCOUNT_ID}:role/{str(name).lower()}"}


def _attached_policy(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    return {}


ACCESS: tuple[Record, ...] = (
    Record(
        "ALIYUN::ECS::KeyPair",
        "kp",
        {**of_kind("text", "PublicKeyBody ResourceGroupId"), **_TAGS, "KeyPairName": Property("text", required=True)},
        frozenset({"KeyPairName", "KeyPairFingerPrint", "PrivateKeyBody"}),
        _key_pair,
    ),
    Record(
        "ALIYUN::ECS::SSHKeyPairAttachment",
        "kpa",
        {"KeyPairName": Property("text", required=True), "InstanceIds": Property("list", required=True, editable=True)},
        frozenset(),
        _attachment,
    ),
    Record(
        "ALIYUN::ECS::AutoSnapshotPolicy",
        "sp",
        {
            **of_kind("text", "AutoSnapshotPolicyName", editable=True),
            **of_kind("list", "DiskIds", editable=True),
            **_TAGS,
            "RepeatWeekdays": Property("list", required=True, editable=True),
            "TimePoints": Property("list", required=True, editable=True),
            "RetentionDays": Property("number", required=True, editable=True),
        },
        frozenset({"AutoSnapshotPolicyId"}),
        _snapshot_policy,
    ),
    Record(
        "ALIYUN::RAM::Role",
        "role",
        {
            **of_kind("text", "Description", editable=True),
            **of_kind("number", "MaxSessionDuration", editable=True),
            **of_kind("list", "Policies PolicyAttachments Tags", editable=True),
            **of_kind("flag", "DeletionForce IgnoreExisting"),
            "RoleName": Property("text", required=True),
            "AssumeRolePolicyDocument": Property("map", required=True, editable=True),
        },
        frozenset({"RoleId", "RoleName", "Arn"}),
        _role,
    ),
    Record(
        "ALIYUN::RAM::AttachPolicyToRole",
        "atp",
        {
            "PolicyName": Property("text", required=True),
            "PolicyType": Property("text", required=True, allowed=("System", "Custom")),
            "RoleName": Property("text", required=True),
        },
        frozenset(),
        _attached_policy,
    ),
)
