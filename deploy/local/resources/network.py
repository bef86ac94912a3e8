"""Networks, groups and addresses: records with ids and attributes, nothing on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from ..errors import ResourceFailed
from . import Context, Property, random_id

LOCAL_ADDRESS = "127.0.0.1"  # where an instance really answers
_TEXT, _NAME, _TAGS = Property("text"), Property("text", required=True), Property("list")
_CHARGE = Property("text", allowed=("PayByBandwidth", "PayByTraffic"))

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """A resource that is only remembered; `describe` gives its attributes and raises ResourceFailed for bad values."""

    type: str
    prefix: str
    properties: Mapping[str, Property]
    attributes: frozenset[str]
    describe: Callable[[Context, str, Mapping[str, Any]], Attributes]
    repeatable: bool = True

    def new_id(self, context: Context) -> str:
        return random_id(self.prefix)

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
        return self.describe(context, physical_id, properties)

    def delete(self, context: Context, physical_id: str, attributes: Attributes) -> None:
        return None


def _cidr(text: str, what: str) -> Any:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ResourceFailed(f"InvalidCidrBlock: {what} {text}: {error}") from None


def _vpc(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    block = str(properties.get("CidrBlock", "172.16.0.0/12"))
    _cidr(block, "the VPC's range")
    return {"VpcId": physical_id, "VpcName": properties.get("VpcName", ""), "CidrBlock": block,
            "RouteTableId": random_id("vtb"), "VRouterId": random_id("vrt")}  # fmt: skip


def _vswitch(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    block = _cidr(str(properties["CidrBlock"]), "the VSwitch's range")
    vpc = context.attributes_of(str(properties["VpcId"])).get("CidrBlock")
    if vpc and not block.subnet_of(_cidr(str(vpc), "the VPC's range")):
        raise ResourceFailed(f"InvalidCidrBlock: the VSwitch's range {block} is not inside the VPC's {vpc}")
    return {"VSwitchId": physical_id, "CidrBlock": str(block), "ZoneId": properties["ZoneId"],
            "VSwitchName": properties.get("VSwitchName", ""), "AvailableIpAddressCount": max(block.num_addresses - 4, 0)}  # fmt: skip


def _security_group(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    return {"SecurityGroupId": physical_id, "SecurityGroupName": properties.get("SecurityGroupName", "")}


def _rule(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    return {}


def _eip(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    return {
        "AllocationId": physical_id,
        "EipAddress": LOCAL_ADDRESS,
        "OrderId": "",
        "ISP": properties.get("Isp", "BGP"),
    }


def _eip_association(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    return {"AllocationId": properties["AllocationId"], "EipAddress": LOCAL_ADDRESS}


_RULE_PROPERTIES = {
    "SecurityGroupId": _NAME,
    "IpProtocol": Property("text", required=True, allowed=("tcp", "udp", "icmp", "icmpv6", "gre", "all")),
    "PortRange": _NAME, "Priority": Property("number"), "Policy": Property("text", allowed=("accept", "drop")),
    "NicType": Property("text", allowed=("internet", "intranet")), "Description": _TEXT,
    "DestGroupId": _TEXT, "DestGroupOwnerId": _TEXT, "DestCidrIp": _TEXT, "Ipv6DestCidrIp": _TEXT, "DestPrefixListId": _TEXT,
    "SourceGroupId": _TEXT, "SourceGroupOwnerId": _TEXT, "SourceCidrIp": _TEXT, "Ipv6SourceCidrIp": _TEXT,
    "SourcePrefixListId": _TEXT, "SourcePortRange": _TEXT,
}  # fmt: skip

RECORDS: tuple[Record, ...] = (
    Record(
        "ALIYUN::ECS::VPC", "vpc",
        {"VpcName": _TEXT, "CidrBlock": _TEXT, "Description": _TEXT, "EnableIpv6": Property("flag"), "Ipv6CidrBlock": _TEXT,
         "ResourceGroupId": _TEXT, "UserCidr": _TEXT, "Tags": _TAGS},
        frozenset({"VpcId", "VpcName", "CidrBlock", "RouteTableId", "VRouterId"}), _vpc,
    ),
    Record(
        "ALIYUN::ECS::VSwitch", "vsw",
        {"VSwitchName": _TEXT, "VpcId": _NAME, "ZoneId": _NAME, "CidrBlock": _NAME, "Description": _TEXT,
         "Ipv6CidrBlock": Property("number"), "Tags": _TAGS},
        frozenset({"VSwitchId", "CidrBlock", "ZoneId", "VSwitchName", "AvailableIpAddressCount"}), _vswitch,
    ),
    Record(
        "ALIYUN::ECS::SecurityGroup", "sg",
        {"SecurityGroupName": _TEXT, "Description": _TEXT, "VpcId": _TEXT, "ResourceGroupId": _TEXT, "Tags": _TAGS,
         "SecurityGroupType": Property("text", allowed=("normal", "enterprise")),
         "SecurityGroupIngress": Property("list"), "SecurityGroupEgress": Property("list")},
        frozenset({"SecurityGroupId", "SecurityGroupName"}), _security_group,
    ),
    Record("ALIYUN::ECS::SecurityGroupIngress", "sgr", _RULE_PROPERTIES, frozenset(), _rule),
    Record("ALIYUN::ECS::SecurityGroupEgress", "sgr", _RULE_PROPERTIES, frozenset(), _rule),
    Record(
        "ALIYUN::VPC::EIP", "eip",
        {"Name": _TEXT, "Description": _TEXT, "Bandwidth": Property("number"), "InternetChargeType": _CHARGE, "Isp": _TEXT,
         "InstanceChargeType": Property("text", allowed=("PostPaid", "Postpaid", "PrePaid", "Prepaid")), "ResourceGroupId": _TEXT,
         "Period": Property("number"), "PricingCycle": _TEXT, "AutoPay": Property("flag"), "Netmode": _TEXT, "Zone": _TEXT,
         "DeletionProtection": Property("flag"), "DeletionForce": Property("flag"), "SecurityProtectionTypes": Property("list"),
         "Tags": _TAGS},
        frozenset({"AllocationId", "EipAddress", "OrderId", "ISP"}), _eip,
    ),
    Record(
        "ALIYUN::VPC::EIPAssociation", "eipa",
        {"AllocationId": _NAME, "InstanceId": _NAME, "InstanceRegionId": _TEXT, "PrivateIpAddress": _TEXT, "Mode": _TEXT,
         "VpcId": _TEXT, "InstanceType": _TEXT},
        frozenset({"AllocationId", "EipAddress"}), _eip_association,
    ),
)  # fmt: skip
