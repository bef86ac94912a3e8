"""ALIYUN::ECS::InstanceGroup: instances on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ResourceError
from ..instances import LOCAL_ADDRESS
from ..regions import zones
from . import Context, Property, of_kind, random_id

_TEXTS = (
    "VpcId VSwitchId ZoneId HostName SystemDiskDiskName SystemDiskDescription SystemDiskPerformanceLevel "
    "SystemDiskKMSKeyId SystemDiskAutoSnapshotPolicyId "
    "AutoReleaseTime LaunchTemplateId LaunchTemplateName DeploymentSetId ResourceGroupId CreditSpecification "
    "SpotInterruptionBehavior PrivateIpAddress SystemDiskEncryptAlgorithm DedicatedHostId HpcClusterId"
)
_EDITABLE_TEXTS = "SecurityGroupId InstanceName Description Password KeyPairName RamRoleName UserData"
_NUMBERS = (
    "InternetMaxBandwidthIn Period AutoRenewPeriod SpotPriceLimit SpotDuration "
    "SystemDiskProvisionedIops Ipv6AddressCount"
)
_FLAGS = "AllocatePublicIP PasswordInherit SystemDiskEncrypted UniqueSuffix SystemDiskBurstingEnabled"
_MAPS = "ImageOptions NetworkOptions SecurityOptions PrivatePoolOptions CpuOptions SchedulerOptions"


_DISKS = ("cloud", "cloud_efficiency", "cloud_ssd", "cloud_essd", "cloud_auto", "cloud_essd_entry", "ephemeral_ssd")


class InstanceGroup:
    type = "ALIYUN::ECS::InstanceGroup"
    repeatable = True
    attributes = frozenset({"InstanceIds", "PublicIps", "PrivateIps", "HostNames", "ZoneIds", "OrderId"})
    properties: Mapping[str, Property] = {
        **of_kind("text", _TEXTS),
        **of_kind("text", _EDITABLE_TEXTS, editable=True),
        **of_kind("number", _NUMBERS),
        **of_kind("number", "SystemDiskSize InternetMaxBandwidthOut", editable=True),
        **of_kind("flag", _FLAGS),
        **of_kind("flag", "DeletionProtection DeletionForce AutoRenew", editable=True),
        **of_kind("list", "HostNames DiskMappings EniMappings Ipv6Addresses"),
        **of_kind("list", "SecurityGroupIds Tags", editable=True),
        **of_kind("map", _MAPS),
        "InstanceType": Property("text", required=True, editable=True),
        "MaxAmount": Property("number", required=True, editable=True, gives=True),
        "ImageId": Property("text"),
        "InstanceChargeType": Property("text", allowed=("PostPaid", "PrePaid")),
        "PeriodUnit": Property("text", allowed=("Week", "Month", "Year")),
        "UpdatePolicy": Property("text", allowed=("ForNewInstances", "ForAllInstances"), editable=True),
        "InternetChargeType": Property("text", allowed=("PayByBandwidth", "PayByTraffic")),
        "IoOptimized": Property("text", allowed=("none", "optimized")),
        "NetworkType": Property("text", allowed=("vpc", "classic")),
        "HttpEndpoint": Property("text", allowed=("enabled", "disabled")),
        "HttpTokens": Property("text", allowed=("optional", "required")),
        "SecurityEnhancementStrategy": Property("text", allowed=("Active", "Deactive")),
        "SpotStrategy": Property("text", allowed=("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo")),
        "SystemDiskCategory": Property("text", allowed=_DISKS),
    }

    def new_id(self, context: Context) -> str:
        return random_id("i")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        self._check_stock(context, properties)
        return self._sized(context, physical_id, properties)

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Another type restarts the machine in the cloud; here only the record changes. Another amount adds machines,
        or removes the last ones."""
        self._check_stock(context, properties)
        wanted = _ids(physical_id, int(properties["MaxAmount"]))
        for instance_id in attributes["InstanceIds"]:
            if instance_id not in wanted:
                context.instances.delete(instance_id)
        return self._sized(context, physical_id, properties)

    def _sized(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        amount = int(properties["MaxAmount"])
        if not 1 <= amount <= 10:
            raise ResourceError(f"MaxAmount is {amount}; the local target makes 1 to 10 instances")
        ids = _ids(physical_id, amount)
        for instance_id in ids:
            if not context.instances.exists(instance_id):
                context.instances.create(instance_id, str(properties.get("ImageId", "default")))
        public = properties.get("AllocatePublicIP", False) and float(properties.get("InternetMaxBandwidthOut", 0)) > 0
        return {
            "InstanceIds": ids,
            "PublicIps": [context.instances.address(i) for i in ids] if public else [],
            "PrivateIps": [LOCAL_ADDRESS] * amount,
            "HostNames": [str(properties.get("HostName") or f"iZ{i[2:]}Z") for i in ids],
            "ZoneIds": [str(properties.get("ZoneId", zones(context.region)[0]))] * amount,
            "OrderId": "",
        }

    def _check_stock(self, context: Context, properties: Mapping[str, Any]) -> None:
        zone, kind = str(properties.get("ZoneId", "")), str(properties["InstanceType"])
        if not context.faults.in_stock(zone, kind):
            raise ResourceError(
                f"OperationDenied.NoStock: The requested resource is sold out in the specified zone ({zone}); "
                f"try other types of resources or other regions and zones. Instance type: {kind}"
            )

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        for instance_id in attributes.get("InstanceIds", _ids(physical_id, 10)):
            context.instances.delete(instance_id)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return all(context.instances.exists(instance_id) for instance_id in attributes.get("InstanceIds", ()))


def _ids(physical_id: str, amount: int) -> list[str]:
    """Ids that follow from the group's, so that a group whose making was interrupted can be removed."""
    return [physical_id, *(f"{physical_id[:-1]}-{number}" for number in range(2, amount + 1))][:amount]
