"""ALB: a load balancer that really balances, by haproxy; access rules and redirects are only remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import Context, Handler, Property, of_kind, random_id
from .record import Attributes, Part, Record

_NEEDED = Property("text", required=True)
_TAGS = of_kind("list", "Tags", editable=True)


class LoadBalancer:
    type = "ALIYUN::ALB::LoadBalancer"
    repeatable = True
    attributes = frozenset({"LoadBalancerId", "DNSName", "VpcId", "AddressType", "Arn"})
    properties: Mapping[str, Property] = {
        **of_kind("text", "LoadBalancerName", editable=True),
        **of_kind("text", "AddressAllocatedMode VpcId ResourceGroupId"),
        **of_kind("flag", "DeletionProtectionEnabled", editable=True),
        **of_kind("map", "AccessLogConfig ModificationProtectionConfig", editable=True),
        **of_kind("list", "SecurityGroupIds", editable=True),
        **_TAGS,
        "AddressType": Property("text", required=True, allowed=("Internet", "Intranet")),
        "LoadBalancerEdition": Property("text", required=True, allowed=("Basic", "Standard", "StandardWithWaf")),
        "LoadBalancerBillingConfig": Property("map", required=True),
        "ZoneMappings": Property("list", required=True),
    }

    def new_id(self, context: Context) -> str:
        return random_id("alb")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "LoadBalancerId": physical_id,
            "DNSName": context.balancers.create(physical_id),
            "VpcId": properties.get("VpcId", ""),
            "AddressType": properties["AddressType"],
            "Arn": f"acs:alb:{context.region}::loadbalancer/{physical_id}",
        }

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return {**attributes, **self.create(context, physical_id, properties)}

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        context.balancers.remove(physical_id)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True


def _listener(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    balancer = str(properties["LoadBalancerId"])
    context.balancers.listen(balancer, physical_id, wanted)
    return {"ListenerId": physical_id, "LoadBalancerId": balancer}


def _servers(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    context.balancers.serve(physical_id, wanted)
    return {"ServerGroupId": physical_id, "Arn": f"acs:alb:{context.region}::servergroup/{physical_id}"}


def _acl(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"AclId": physical_id}


def _of_listener(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"ListenerId": properties["ListenerId"], "RuleId": physical_id}


BALANCER: tuple[Handler, ...] = (
    LoadBalancer(),
    Part(
        "ALIYUN::ALB::ServerGroup",
        "sgp",
        {
            **of_kind("text", "Scheduler", editable=True),
            **of_kind("text", "ServerGroupType VpcId Protocol ResourceGroupId"),
            **of_kind("map", "StickySessionConfig ConnectionDrainConfig SlowStartConfig", editable=True),
            **_TAGS,
            "ServerGroupName": Property("text", required=True, editable=True),
            "HealthCheckConfig": Property("map", required=True, editable=True),
        },
        ("ServerGroupId", "Arn"),
        _servers,
    ),
    Part(
        "ALIYUN::ALB::Listener",
        "lsn",
        {
            **of_kind("text", "ListenerDescription SecurityPolicyId", editable=True),
            **of_kind("number", "IdleTimeout RequestTimeout", editable=True),
            **of_kind("flag", "Http2Enabled GzipEnabled", editable=True),
            **of_kind("map", "XForwardedForConfig LogConfig", editable=True),
            **of_kind("list", "Certificates CaCertificates", editable=True),
            "LoadBalancerId": _NEEDED,
            "ListenerPort": Property("number", required=True),
            "ListenerProtocol": Property("text", required=True, allowed=("HTTP", "HTTPS", "QUIC")),
            "DefaultActions": Property("list", required=True, editable=True),
        },
        ("ListenerId", "LoadBalancerId"),
        _listener,
    ),
    Record(
        "ALIYUN::ALB::Acl",
        "acl",
        {**of_kind("text", "AclName", editable=True), **of_kind("list", "AclEntries", editable=True)},
        frozenset({"AclId"}),
        _acl,
    ),
    Record(
        "ALIYUN::ALB::AclAssociation",
        "acla",
        {
            "ListenerId": _NEEDED,
            "AclType": Property("text", required=True, allowed=("White", "Black")),
            "AclIds": Property("list", required=True),
        },
        frozenset({"ListenerId"}),
        _of_listener,
    ),
    Record(
        "ALIYUN::ALB::Rule",
        "rule",
        {
            "ListenerId": _NEEDED,
            "RuleName": Property("text", required=True, editable=True),
            "Priority": Property("number", required=True, editable=True),
            "RuleConditions": Property("list", required=True, editable=True),
            "RuleActions": Property("list", required=True, editable=True),
        },
        frozenset({"ListenerId", "RuleId"}),
        _of_listener,
    ),
)
