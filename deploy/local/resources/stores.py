"""What nodes share: RDS is a real PostgreSQL, NAS is a private folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ResourceError
from ..postgres import HOST
from . import Context, Handler, Property, of_kind, random_id
from .record import Attributes, Part, Record

_NEEDED = Property("text", required=True)
_RDS = (
    "DBInstanceStorageType Category DBInstanceNetType VpcId ZoneId VSwitchId EncryptionKey SecurityGroupId "
    "InstanceNetworkType ConnectionMode"
)
_RDS_EDITABLE = (
    "DBInstanceDescription SSLSetting StorageAutoScale PreferredBackupTime AutoUpgradeMinorVersion MaintainTime"
)


class Database:
    type = "ALIYUN::RDS::DBInstance"
    repeatable = True
    attributes = frozenset({"DBInstanceId", "InnerConnectionString", "InnerIPAddress", "InnerPort"})
    properties: Mapping[str, Property] = {
        **of_kind("text", _RDS),
        **of_kind("text", _RDS_EDITABLE, editable=True),
        **of_kind("number", "StorageThreshold StorageUpperBound BackupRetentionPeriod", editable=True),
        **of_kind("number", "LogBackupRetentionPeriod", editable=True),
        **of_kind("flag", "EnableBackupLog DeletionProtection", editable=True),
        **of_kind("flag", "AllocatePublicConnection MultiAZ"),
        **of_kind("list", "SlaveZoneIds PreferredBackupPeriod"),
        **of_kind("map", "Tags", editable=True),
        "Engine": Property("text", required=True, allowed=("PostgreSQL",)),
        "EngineVersion": _NEEDED,
        "DBInstanceClass": Property("text", required=True, editable=True),
        "DBInstanceStorage": Property("number", required=True, editable=True),
        "SecurityIPList": Property("text", required=True, editable=True),
        "PayType": Property("text", allowed=("PostPaid", "PrePaid")),
    }

    def new_id(self, context: Context) -> str:
        return random_id("pgm")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        port = context.databases.create(physical_id)
        return {
            "DBInstanceId": physical_id,
            "InnerConnectionString": HOST,
            "InnerIPAddress": HOST,
            "InnerPort": str(port),
        }

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Another class or more storage is only remembered."""
        return attributes

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        context.databases.remove(physical_id)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return context.databases.exists(physical_id)


def _account(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    if wanted is not None:
        name, password = str(wanted["AccountName"]), str(wanted["AccountPassword"])
        context.databases.account(str(wanted["DBInstanceId"]), name, password)
    return {"AccountName": properties["AccountName"]}


def _schema(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    if wanted is not None:
        context.databases.database(str(wanted["DBInstanceId"]), str(wanted["DBName"]))
    return {"DBInstanceId": properties["DBInstanceId"], "DBName": properties["DBName"]}


def _file_system(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    if wanted is None:
        context.daemons.remove(physical_id)
    elif not context.daemons.record(physical_id):
        context.daemons.make_folder(physical_id)
    return {"FileSystemId": physical_id}


def _mount_target(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    folder = context.daemons.record(str(properties["FileSystemId"])).get("folder")
    if folder is None:
        raise ResourceError(f"InvalidFileSystem.NotFound: there is no file system {properties['FileSystemId']}")
    return {"MountTargetDomain": folder}  # where the service has a host name


def _access_group(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"AccessGroupName": properties["AccessGroupName"]}


def _access_rule(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"AccessRuleId": physical_id}


STORES: tuple[Handler, ...] = (
    Database(),
    Part(
        "ALIYUN::RDS::Account",
        "acc",
        {
            **of_kind("text", "AccountDescription", editable=True),
            "DBInstanceId": _NEEDED,
            "AccountName": _NEEDED,
            "AccountPassword": Property("text", required=True, editable=True),
            "AccountType": Property("text", allowed=("Normal", "Super", "Sysadmin")),
        },
        ("AccountName",),
        _account,
    ),
    Part(
        "ALIYUN::RDS::Database",
        "db",
        {
            **of_kind("text", "DBDescription", editable=True),
            "DBInstanceId": _NEEDED,
            "DBName": _NEEDED,
            "CharacterSetName": _NEEDED,
        },
        ("DBInstanceId", "DBName"),
        _schema,
    ),
    Part(
        "ALIYUN::NAS::FileSystem",
        "nas",
        {
            **of_kind("text", "Description", editable=True),
            **of_kind("text", "FileSystemType ZoneId VpcId VSwitchId ChargeType"),
            **of_kind("number", "EncryptType Capacity"),
            **of_kind("flag", "DeletionForce"),
            **of_kind("list", "Tags", editable=True),
            "ProtocolType": Property("text", required=True, allowed=("NFS",)),
            "StorageType": Property("text", required=True, allowed=("Performance", "Capacity", "Premium")),
        },
        ("FileSystemId",),
        _file_system,
    ),
    Record(
        "ALIYUN::NAS::MountTarget",
        "mt",
        {
            **of_kind("text", "VpcId VSwitchId SecurityGroupId"),
            **of_kind("text", "Status", editable=True),
            "FileSystemId": _NEEDED,
            "AccessGroupName": Property("text", required=True, editable=True),
            "NetworkType": Property("text", required=True, allowed=("Vpc", "Classic")),
        },
        frozenset({"MountTargetDomain"}),
        _mount_target,
    ),
    Record(
        "ALIYUN::NAS::AccessGroup",
        "nag",
        {
            **of_kind("text", "Description", editable=True),
            "AccessGroupName": _NEEDED,
            "AccessGroupType": Property("text", required=True, allowed=("Vpc", "Classic")),
            "FileSystemType": Property("text", allowed=("standard", "extreme")),
        },
        frozenset({"AccessGroupName"}),
        _access_group,
    ),
    Record(
        "ALIYUN::NAS::AccessRule",
        "nar",
        {
            **of_kind("text", "SourceCidrIp", editable=True),
            **of_kind("number", "Priority", editable=True),
            "AccessGroupName": _NEEDED,
            "FileSystemType": Property("text", allowed=("standard", "extreme")),
            "RWAccessType": Property("text", allowed=("RDWR", "RDONLY"), editable=True),
            "UserAccessType": Property("text", allowed=("no_squash", "root_squash", "all_squash"), editable=True),
        },
        frozenset({"AccessRuleId"}),
        _access_rule,
    ),
)
