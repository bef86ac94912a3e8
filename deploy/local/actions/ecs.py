"""ECS 2014-05-26: which regions, zones, types and instances there are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..engine import Engine
from ..instances import LOCAL_ADDRESS
from ..offers import TYPES
from ..regions import REGIONS, zones
from ..store import Resource, Stack
from ..wire import Arguments
from . import Action, Body, choice, page, region_of

_GROUP = "ALIYUN::ECS::InstanceGroup"
_CONFIGURATION = "ALIYUN::ESS::ScalingConfiguration"
_SCALED = "acs:autoscaling:scalingGroupId"  # the tag that ESS puts on its instances
_CPU_QUOTA = 1000


class EcsActions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def actions(self) -> Mapping[str, Action]:
        return {
            "DescribeAccountAttributes": self.describe_account_attributes,
            "DescribeAvailableResource": self.describe_available_resource,
            "DescribeCloudAssistantStatus": self.describe_cloud_assistant_status,
            "DescribeInstances": self.describe_instances,
            "DescribeRegions": self.describe_regions,
            "DescribeZones": self.describe_zones,
        }

    def describe_regions(self, arguments: Arguments) -> Body:
        found = [
            {"RegionId": key, "LocalName": name, "RegionEndpoint": f"ecs.{key}.aliyuncs.com", "Status": "available"}
            for key, name in REGIONS.items()
        ]
        return {"Regions": {"Region": found}}

    def describe_zones(self, arguments: Arguments) -> Body:
        found = [
            {"ZoneId": zone, "LocalName": zone, "ZoneType": "AvailabilityZone"} for zone in zones(region_of(arguments))
        ]
        return {"Zones": {"Zone": found}}

    def describe_account_attributes(self, arguments: Arguments) -> Body:
        region, wanted = region_of(arguments), arguments.texts("AttributeName")
        types = [_type_of(made.properties) for _, _, made in instances_of(self._engine, region)]
        used = sum(TYPES[each].cpus for each in types if each in TYPES)
        values = {"max-postpaid-instance-vcpu-count": _CPU_QUOTA, "used-postpaid-instance-vcpu-count": used}
        found = [
            {"AttributeName": name, "AttributeValues": {"ValueItem": [{"Value": str(value)}]}}
            for name, value in values.items()
            if not wanted or name in wanted
        ]
        return {"AccountAttributeItems": {"AccountAttributeItem": found}}

    def describe_available_resource(self, arguments: Arguments) -> Body:
        region, wanted = region_of(arguments), arguments.text("InstanceType")
        if choice(arguments, "DestinationResource", "InstanceType", "InstanceType", "Zone") == "Zone":
            found = [{"ZoneId": zone, "RegionId": region, "Status": "Available"} for zone in zones(region)]
            return {"AvailableZones": {"AvailableZone": found}}
        types = [wanted] if wanted else list(TYPES)
        places = [arguments.text("ZoneId")] if arguments.text("ZoneId") else zones(region)
        return {"AvailableZones": {"AvailableZone": [self._zone(zone, region, types) for zone in places]}}

    def describe_instances(self, arguments: Arguments) -> Body:
        region, wanted = region_of(arguments), arguments.listed("InstanceIds")
        found = [self._instance(i, s, r) for i, s, r in instances_of(self._engine, region) if not wanted or i in wanted]
        for key, value in arguments.pairs("Tag", "Key", "Value"):
            found = [each for each in found if {"TagKey": key, "TagValue": value} in each["Tags"]["Tag"]]
        body = page("Instances", found, arguments)
        return {**body, "Instances": {"Instance": body["Instances"]}}

    def describe_cloud_assistant_status(self, arguments: Arguments) -> Body:
        wanted = arguments.texts("InstanceId")
        ids = [i for i, _, _ in instances_of(self._engine, region_of(arguments)) if not wanted or i in wanted]
        status = [{"InstanceId": i, "CloudAssistantStatus": "true", "OSType": "Linux"} for i in ids]
        return {"TotalCount": len(ids), "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": status}}

    def _instance(self, instance: str, stack: Stack, resource: Resource) -> dict[str, Any]:
        made = resource.properties
        known = TYPES.get(_type_of(made))
        eip = any(r.type == "ALIYUN::VPC::EIPAssociation" and r.ready for r in self._engine.resources(stack).values())
        tags = [*({"TagKey": key, "TagValue": value} for key, value in stack.request.tags)]
        if resource.type == _CONFIGURATION:
            tags.append({"TagKey": _SCALED, "TagValue": str(made["ScalingGroupId"])})
        return {
            "InstanceId": instance,
            "InstanceName": str(made.get("InstanceName", instance)),
            "HostName": str(made.get("HostName") or f"iZ{instance[2:]}Z"),
            "Status": "Running",
            "RegionId": stack.region,
            "ZoneId": str(made.get("ZoneId", zones(stack.region)[0])),
            "InstanceType": _type_of(made),
            "InstanceTypeFamily": known.family if known else "",
            "Cpu": known.cpus if known else 0,
            "Memory": known.memory * 1024 if known else 0,
            "GPUAmount": known.gpus if known else 0,
            "GPUSpec": known.gpu if known else "",
            "ImageId": str(made.get("ImageId", "")),
            "OSType": "linux",
            "CreationTime": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(resource.created)),
            "InstanceChargeType": str(made.get("InstanceChargeType", "PostPaid")),
            "DeletionProtection": bool(made.get("DeletionProtection", False)),
            "KeyPairName": str(made.get("KeyPairName", "")),
            "SecurityGroupIds": {
                "SecurityGroupId": [str(made["SecurityGroupId"])] if "SecurityGroupId" in made else []
            },
            "EipAddress": {"IpAddress": LOCAL_ADDRESS if eip else ""},
            "PublicIpAddress": {"IpAddress": list(resource.attributes.get("PublicIps", ()))},
            "VpcAttributes": {
                "VpcId": str(made.get("VpcId", "")),
                "VSwitchId": str(made.get("VSwitchId", "")),
                "PrivateIpAddress": {"IpAddress": [LOCAL_ADDRESS]},
            },
            "MetadataOptions": {"HttpTokens": str(made.get("HttpTokens", "optional"))},
            "Tags": {"Tag": tags},
        }

    def _zone(self, zone: str, region: str, types: list[str]) -> dict[str, Any]:
        offered = [(each, self._engine.means.faults.in_stock(zone, each)) for each in types if each in TYPES]
        some = any(there for _, there in offered)
        return {
            "ZoneId": zone,
            "RegionId": region,
            "Status": "Available" if some else "SoldOut",
            "StatusCategory": "WithStock" if some else "WithoutStock",
            "AvailableResources": {
                "AvailableResource": [
                    {
                        "Type": "InstanceType",
                        "SupportedResources": {
                            "SupportedResource": [
                                {
                                    "Value": each,
                                    "Status": "Available" if there else "SoldOut",
                                    "StatusCategory": "WithStock" if there else "WithoutStock",
                                }
                                for each, there in offered
                            ]
                        },
                    }
                ]
            },
        }


def instances_of(engine: Engine, region: str) -> list[tuple[str, Stack, Resource]]:
    """Every instance of a region that is there, with its stack and group."""
    return [
        (str(instance), stack, resource)
        for stack in engine.store.stacks(region)
        if stack.status != "DELETE_COMPLETE"
        for resource in engine.resources(stack).values()
        if resource.status != "DELETE_COMPLETE"
        for instance in _instances_in(engine, resource)
        if engine.means.instances.exists(str(instance))
    ]


def _instances_in(engine: Engine, resource: Resource) -> list[str]:
    """Of an instance group, or of the scaling group for which a configuration is."""
    if resource.type == _GROUP:
        return list(resource.attributes.get("InstanceIds", ()))
    if resource.type == _CONFIGURATION:
        return list(engine.means.groups.find(str(resource.properties.get("ScalingGroupId", "")))["instances"])
    return []


def _type_of(made: Mapping[str, Any]) -> str:
    return str(made.get("InstanceType") or next(iter(made.get("InstanceTypes", ())), ""))
