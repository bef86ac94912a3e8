"""Networks, groups and addresses: records with ids and attributes, nothing on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from ..errors import ResourceError
from ..instances import LOCAL_ADDRESS
from . import Context, Property, of_kind
from .record import Attributes, Record

_NEEDED = Property("text", required=True)
_TAGS = of_kind("list", "Tags", editable=True)


def _cidr(text: str, what: str) -> Any:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ResourceError(f"InvalidCidrBlock: {what} {text}: {error}") from None


def _vpc(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    block = str(properties.get("CidrBlock", "172.16.0.0/12"))
    _cidr(block, "the VPC's range")
    return {
        "VpcId": physical_id,
        "VpcName": properties.get("VpcName", ""),
        "CidrBlock": block,
        "RouteTableId": f"vtb-{physical_id[4:]}",
        "VRouterId": f"vrt-{physical_id[4:]}",
    }


def _vswitch(context: Context, physical_id: str, properties: Mapping[str, Any]) -> Attributes:
    block = _cidr(str(properties["CidrBlock"]), "the VSwitch's range")
    vpc = context.attributes_of(str(properties["VpcId"])).get("CidrBlock")
    if vpc and not block.subnet_of(_cidr(str(vpc), "the VPC's range")):
        raise ResourceError(f"InvalidCidrBlock: the VSwitch's range {block} is not inside the VPC's {vpc}")
    return {
        "VSwitchId": physical_id,
        "CidrBlock": str(block),
        "ZoneId": properties["ZoneId"],
        "VSwitchName": properties.get("VSwitchName", ""),
        "AvailableIpAddressCount": max(block.num_addresses - 4, 0),
    }


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
    return {
        "AllocationId": properties["AllocationId"],
        "EipAddress": context.instances.address(str(properties["InstanceId"])),
    }


_RULE = {
    **of_kind(
        "text", "Description DestGroupId DestGroupOwnerId DestCidrIp Ipv6DestCidrIp DestPrefixListId SourcePortRange"
    ),
    **of_kind("text", "SourceGroupId SourceGroupOwnerId SourceCidrIp Ipv6SourceCidrIp SourcePrefixListId"),
    **of_kind("number", "Priority"),
    "SecurityGroupId": _NEEDED,
    "PortRange": _NEEDED,
    "IpProtocol": Property("text", required=True, allowed=("tcp", "udp", "icmp", "icmpv6", "gre", "all")),
    "Policy": Property("text", allowed=("accept", "drop")),
    "NicType": Property("text", allowed=("internet", "intranet")),
}

NETWORK: tuple[Record, ...] = (
    Record(
        "ALIYUN::ECS::VPC",
        "vpc",
        {
            **of_kind("text", "CidrBlock Ipv6CidrBlock ResourceGroupId UserCidr"),
            **of_kind("text", "VpcName Description", editable=True),
            **of_kind("flag", "EnableIpv6"),
            **_TAGS,
        },
        frozenset({"VpcId", "VpcName", "CidrBlock", "RouteTableId", "VRouterId"}),
        _vpc,
    ),
    Record(
        "ALIYUN::ECS::VSwitch",
        "vsw",
        {
            **of_kind("text", "VSwitchName Description", editable=True),
            **of_kind("number", "Ipv6CidrBlock"),
            **_TAGS,
            "VpcId": _NEEDED,
            "ZoneId": _NEEDED,
            "CidrBlock": _NEEDED,
        },
        frozenset({"VSwitchId", "CidrBlock", "ZoneId", "VSwitchName", "AvailableIpAddressCount"}),
        _vswitch,
    ),
    Record(
        "ALIYUN::ECS::SecurityGroup",
        "sg",
        {
            **of_kind("text", "VpcId ResourceGroupId"),
            **of_kind("text", "SecurityGroupName Description", editable=True),
            **of_kind("list", "SecurityGroupIngress SecurityGroupEgress Tags", editable=True),
            "SecurityGroupType": Property("text", allowed=("normal", "enterprise")),
        },
        frozenset({"SecurityGroupId", "SecurityGroupName"}),
        _security_group,
    ),
    Record("ALIYUN::ECS::SecurityGroupIngress", "sgr", _RULE, frozenset(), _rule),
    Record("ALIYUN::ECS::SecurityGroupEgress", "sgr", _RULE, frozenset(), _rule),
    Record(
        "ALIYUN::VPC::EIP",
        "eip",
        {
            **of_kind("text", "Isp ResourceGroupId PricingCycle Netmode Zone"),
            **of_kind("text", "Name Description", editable=True),
            **of_kind("number", "Period"),
            **of_kind("number", "Bandwidth", editable=True),
            **of_kind("flag", "AutoPay DeletionForce"),
            **of_kind("flag", "DeletionProtection", editable=True),
            **of_kind("list", "SecurityProtectionTypes"),
            **_TAGS,
            "InternetChargeType": Property("text", allowed=("PayByBandwidth", "PayByTraffic")),
            "InstanceChargeType": Property("text", allowed=("PostPaid", "Postpaid", "PrePaid", "Prepaid")),
        },
        frozenset({"AllocationId", "EipAddress", "OrderId", "ISP"}),
        _eip,
    ),
    Record(
        "ALIYUN::VPC::EIPAssociation",
        "eipa",
        {
            **of_kind("text", "InstanceRegionId PrivateIpAddress Mode VpcId InstanceType"),
            "AllocationId": _NEEDED,
            "InstanceId": _NEEDED,
        },
        frozenset({"AllocationId", "EipAddress"}),
        _eip_association,
    ),
)
