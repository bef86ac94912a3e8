"""CloudMonitor, Simple Log Service and NAT: records."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import Context, Property, of_kind
from .record import Attributes, Record

_NEEDED = Property("text", required=True)
_TAGS = of_kind("list", "Tags", editable=True)


def _named(**attributes: str) -> Callable[[Context, str, Attributes], Attributes]:
    """Attributes from the properties of the given names; an empty name is the id."""

    def describe(context: Context, physical_id: str, properties: Attributes) -> Attributes:
        return {key: properties.get(name, physical_id) for key, name in attributes.items()}

    return describe


def _record(type_: str, prefix: str, properties: Mapping[str, Property], **attributes: str) -> Record:
    return Record(type_, prefix, properties, frozenset(attributes), _named(**attributes))


def _monitor_group(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"GroupId": str(sum(physical_id.encode()))}  # the service's are numbers


def _snat(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"SnatEntryIds": [physical_id]}


WATCHING: tuple[Record, ...] = (
    Record(
        "ALIYUN::CMS::MonitorGroup",
        "mg",
        {"GroupName": Property("text", required=True, editable=True)},
        frozenset({"GroupId"}),
        _monitor_group,
    ),
    _record(
        "ALIYUN::CMS::ResourceMetricRule",
        "mr",
        {
            **of_kind("text", "RuleName EmailSubject", editable=True),
            **of_kind("text", "RuleId"),
            **of_kind("number", "Period SilenceTime Interval", editable=True),
            **of_kind("map", "Escalations", editable=True),
            "Namespace": _NEEDED,
            "MetricName": _NEEDED,
            "ContactGroups": Property("list", required=True, editable=True),
            "Resources": Property("list", required=True, editable=True),
        },
        RuleId="RuleId",
        RuleName="RuleName",
    ),
    _record(
        "ALIYUN::SLS::Project",
        "sls",
        {"Name": _NEEDED, **of_kind("text", "Description", editable=True), **_TAGS},
        Name="Name",
    ),
    _record(
        "ALIYUN::SLS::Logstore",
        "store",
        {
            **of_kind("number", "TTL", editable=True),
            **of_kind("number", "ShardCount"),
            **of_kind("flag", "AppendMeta AutoSplit EnableTracking", editable=True),
            "ProjectName": _NEEDED,
            "LogstoreName": _NEEDED,
        },
        LogstoreName="LogstoreName",
        ProjectName="ProjectName",
    ),
    _record(
        "ALIYUN::VPC::NatGateway",
        "ngw",
        {
            **of_kind("text", "NatGatewayName Description", editable=True),
            **of_kind("text", "NatType NetworkType InternetChargeType InstanceChargeType"),
            **of_kind("flag", "DeletionForce DeletionProtection", editable=True),
            **_TAGS,
            "VpcId": _NEEDED,
            "VSwitchId": _NEEDED,
        },
        NatGatewayId="",
        SNatTableId="",
        ForwardTableId="",
    ),
    Record(
        "ALIYUN::VPC::SnatEntry",
        "snat",
        {
            **of_kind("text", "SnatEntryName", editable=True),
            **of_kind("text", "SourceCIDR"),
            **of_kind("list", "SourceVSwitchIds"),
            "SnatTableId": _NEEDED,
            "SnatIp": Property("text", required=True, editable=True),
        },
        frozenset({"SnatEntryIds"}),
        _snat,
    ),
)
