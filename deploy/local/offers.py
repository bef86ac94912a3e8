"""What the emulated cloud sells: instance types, what they cost, and what a deploying user must be allowed to do.

The prices are made up, so that nobody takes them for the service's: a round figure for each vCPU, GiB and card.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CURRENCY = "CNY"
HOURS_A_MONTH = 720
_PERIODS = {"Week": Decimal("0.25"), "Month": Decimal(1), "Year": Decimal(10)}  # in months of the price by the hour


@dataclass(frozen=True)
class InstanceType:
    """Memory in GiB."""

    id: str
    cpus: int
    memory: int
    gpus: int = 0
    gpu: str = ""

    @property
    def family(self) -> str:
        return self.id.rpartition("-")[0] if "-" in self.id else self.id.rpartition(".")[0]

    @property
    def hourly(self) -> Decimal:
        return Decimal("0.1") * self.cpus + Decimal("0.01") * self.memory + Decimal(5) * self.gpus


_A10 = "NVIDIA A10"
TYPES: Mapping[str, InstanceType] = {
    each.id: each
    for each in (
        InstanceType("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, _A10),
        InstanceType("ecs.gn7i-c32g1.8xlarge", 32, 188, 1, _A10),
        InstanceType("ecs.gn7i-c32g1.16xlarge", 64, 376, 2, _A10),
        InstanceType("ecs.gn7i-c32g1.32xlarge", 128, 752, 4, _A10),
        InstanceType("ecs.g7.large", 2, 8),
        InstanceType("ecs.g7.xlarge", 4, 16),
    )
}
FREE = frozenset(
    {
        "ALIYUN::ECS::AutoSnapshotPolicy", "ALIYUN::ECS::KeyPair", "ALIYUN::ECS::SecurityGroup",
        "ALIYUN::ECS::VPC", "ALIYUN::ECS::VSwitch",
    }
)  # fmt: skip
DISK_CATEGORIES = ("cloud_essd", "cloud_auto", "cloud_essd_entry", "cloud_ssd", "cloud_efficiency")


def price(kind: str, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """What one resource costs, in the form of GetTemplateEstimateCost's Result; None for what has no price."""
    if kind == "ALIYUN::ECS::InstanceGroup":
        known = TYPES.get(str(properties.get("InstanceType")))
        if known is None:
            return None
        disk = Decimal("0.001") * _whole(properties.get("SystemDiskSize"), 40)
        amount = _whole(properties.get("MaxAmount"), 1)
        prepaid = properties.get("InstanceChargeType") == "PrePaid"
        return _order(
            known.hourly + disk,
            amount,
            prepaid,
            str(properties.get("PeriodUnit", "Month")),
            properties.get("Period", 1),
        )
    if kind == "ALIYUN::VPC::EIP":
        by_traffic = properties.get("InternetChargeType") == "PayByTraffic"
        hourly = Decimal("0.02") if by_traffic else Decimal("0.05") * _whole(properties.get("Bandwidth"), 5)
        prepaid = str(properties.get("InstanceChargeType", "")).lower() == "prepaid"
        return _order(hourly, 1, prepaid, str(properties.get("PricingCycle", "Month")), properties.get("Period", 1))
    return _order(Decimal(0), 1, False, "Month", 1) if kind in FREE else None


def _whole(value: Any, default: int) -> int:
    """A number; the default for what is not given, or not known before the stack is made."""
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def _order(hourly: Decimal, amount: int, prepaid: bool, unit: str, period: Any) -> dict[str, Any]:
    total = hourly * amount
    if prepaid:
        total *= HOURS_A_MONTH * _PERIODS.get(unit, Decimal(1)) * _whole(period, 1)
    charge, price_unit = ("PrePaid", f"/{unit}") if prepaid else ("PostPaid", "/Hour")
    return {
        "Order": {
            "Currency": CURRENCY,
            "OriginalAmount": float(total),
            "DiscountAmount": 0,
            "TradeAmount": float(total),
        },
        "OrderSupplement": {"ChargeType": charge, "PriceUnit": price_unit, "PriceType": "Total", "Quantity": amount},
    }


_OPERATIONS = ("CreateStack", "UpdateStack", "DeleteStack")
# By type: what making, changing and removing it calls.
_CALLS: Mapping[str, tuple[str, str, str]] = {
    "ALIYUN::ECS::AutoSnapshotPolicy": (
        "ecs:CreateAutoSnapshotPolicy ecs:ApplyAutoSnapshotPolicy ecs:DescribeAutoSnapshotPolicyEx",
        "ecs:ModifyAutoSnapshotPolicyEx", "ecs:CancelAutoSnapshotPolicy ecs:DeleteAutoSnapshotPolicy",
    ),
    "ALIYUN::ECS::InstanceGroup": (
        "ecs:RunInstances ecs:DescribeInstances ecs:DescribeImages ecs:DescribeDisks ecs:TagResources "
        "ecs:ModifyInstanceMetadataOptions",
        "ecs:ModifyInstanceSpec ecs:ModifyInstanceAttribute ecs:StopInstance ecs:StartInstance ecs:ResizeDisk",
        "ecs:DeleteInstance ecs:DeleteInstances ecs:ModifyInstanceAttribute",
    ),
    "ALIYUN::ECS::KeyPair": ("ecs:CreateKeyPair ecs:ImportKeyPair ecs:DescribeKeyPairs", "", "ecs:DeleteKeyPairs"),
    "ALIYUN::ECS::RunCommand": (
        "ecs:RunCommand ecs:DescribeInvocations ecs:DescribeInvocationResults ecs:DescribeCloudAssistantStatus",
        "ecs:RunCommand", "ecs:StopInvocation ecs:DeleteCommand",
    ),
    "ALIYUN::ECS::SSHKeyPairAttachment": ("ecs:AttachKeyPair", "ecs:AttachKeyPair", "ecs:DetachKeyPair"),
    "ALIYUN::ECS::SecurityGroup": (
        "ecs:CreateSecurityGroup ecs:AuthorizeSecurityGroup ecs:AuthorizeSecurityGroupEgress "
        "ecs:DescribeSecurityGroups ecs:DescribeSecurityGroupAttribute",
        "ecs:ModifySecurityGroupAttribute ecs:RevokeSecurityGroup ecs:RevokeSecurityGroupEgress",
        "ecs:DeleteSecurityGroup",
    ),
    "ALIYUN::ECS::SecurityGroupEgress": ("ecs:AuthorizeSecurityGroupEgress", "", "ecs:RevokeSecurityGroupEgress"),
    "ALIYUN::ECS::SecurityGroupIngress": ("ecs:AuthorizeSecurityGroup", "", "ecs:RevokeSecurityGroup"),
    "ALIYUN::ECS::VPC": ("vpc:CreateVpc vpc:DescribeVpcs", "vpc:ModifyVpcAttribute", "vpc:DeleteVpc"),
    "ALIYUN::ECS::VSwitch": (
        "vpc:CreateVSwitch vpc:DescribeVSwitches", "vpc:ModifyVSwitchAttribute", "vpc:DeleteVSwitch",
    ),
    "ALIYUN::RAM::AttachPolicyToRole": ("ram:AttachPolicyToRole", "", "ram:DetachPolicyFromRole"),
    "ALIYUN::RAM::Role": ("ram:CreateRole ram:GetRole ram:AttachPolicyToRole", "ram:UpdateRole", "ram:DeleteRole"),
    "ALIYUN::ALB::Acl": (
        "alb:CreateAcl alb:AddEntriesToAcl alb:ListAclEntries", "alb:AddEntriesToAcl", "alb:DeleteAcl",
    ),
    "ALIYUN::ALB::AclAssociation": (
        "alb:AssociateAclsWithListener", "alb:AssociateAclsWithListener", "alb:DissociateAclsFromListener",
    ),
    "ALIYUN::ALB::Listener": (
        "alb:CreateListener alb:GetListenerAttribute", "alb:UpdateListenerAttribute", "alb:DeleteListener",
    ),
    "ALIYUN::ALB::LoadBalancer": (
        "alb:CreateLoadBalancer alb:GetLoadBalancerAttribute alb:EnableLoadBalancerAccessLog alb:TagResources",
        "alb:UpdateLoadBalancerAttribute", "alb:DeleteLoadBalancer",
    ),
    "ALIYUN::ALB::Rule": ("alb:CreateRule alb:ListRules", "alb:UpdateRuleAttribute", "alb:DeleteRule"),
    "ALIYUN::ALB::ServerGroup": (
        "alb:CreateServerGroup alb:ListServerGroups", "alb:UpdateServerGroupAttribute", "alb:DeleteServerGroup",
    ),
    "ALIYUN::CMS::MonitorGroup": ("cms:CreateMonitorGroup", "cms:ModifyMonitorGroup", "cms:DeleteMonitorGroup"),
    "ALIYUN::CMS::ResourceMetricRule": (
        "cms:PutResourceMetricRule", "cms:PutResourceMetricRule", "cms:DeleteMetricRules",
    ),
    "ALIYUN::ESS::AlarmTask": ("ess:CreateAlarm", "ess:ModifyAlarm", "ess:DeleteAlarm"),
    "ALIYUN::ESS::LifecycleHook": (
        "ess:CreateLifecycleHook ess:DescribeLifecycleHooks ram:PassRole", "ess:ModifyLifecycleHook",
        "ess:DeleteLifecycleHook",
    ),
    "ALIYUN::ESS::ScalingConfiguration": (
        "ess:CreateScalingConfiguration ess:DescribeScalingConfigurations ram:PassRole",
        "ess:ModifyScalingConfiguration", "ess:DeleteScalingConfiguration",
    ),
    "ALIYUN::ESS::ScalingGroup": (
        "ess:CreateScalingGroup ess:DescribeScalingGroups ess:DescribeScalingInstances ess:TagResources",
        "ess:ModifyScalingGroup", "ess:DeleteScalingGroup",
    ),
    "ALIYUN::ESS::ScalingGroupEnable": ("ess:EnableScalingGroup", "ess:EnableScalingGroup", "ess:DisableScalingGroup"),
    "ALIYUN::ESS::ScalingRule": ("ess:CreateScalingRule", "ess:ModifyScalingRule", "ess:DeleteScalingRule"),
    "ALIYUN::ESS::ScheduledTask": ("ess:CreateScheduledTask", "ess:ModifyScheduledTask", "ess:DeleteScheduledTask"),
    "ALIYUN::NAS::AccessGroup": ("nas:CreateAccessGroup", "nas:ModifyAccessGroup", "nas:DeleteAccessGroup"),
    "ALIYUN::NAS::AccessRule": ("nas:CreateAccessRule", "nas:ModifyAccessRule", "nas:DeleteAccessRule"),
    "ALIYUN::NAS::FileSystem": (
        "nas:CreateFileSystem nas:DescribeFileSystems", "nas:ModifyFileSystem", "nas:DeleteFileSystem",
    ),
    "ALIYUN::NAS::MountTarget": (
        "nas:CreateMountTarget nas:DescribeMountTargets", "nas:ModifyMountTarget", "nas:DeleteMountTarget",
    ),
    "ALIYUN::OOS::SecretParameter": (
        "oos:CreateSecretParameter oos:GetSecretParameter kms:CreateSecret kms:GetSecretValue",
        "oos:UpdateSecretParameter kms:PutSecretValue", "oos:DeleteSecretParameter kms:DeleteSecret",
    ),
    "ALIYUN::OOS::Template": (
        "oos:CreateTemplate oos:GetTemplate ram:PassRole", "oos:UpdateTemplate", "oos:DeleteTemplate",
    ),
    "ALIYUN::RDS::Account": ("rds:CreateAccount rds:DescribeAccounts", "rds:ResetAccountPassword", "rds:DeleteAccount"),
    "ALIYUN::RDS::DBInstance": (
        "rds:CreateDBInstance rds:DescribeDBInstanceAttribute rds:ModifyDBInstanceSSL rds:ModifyBackupPolicy "
        "rds:ModifyDBInstanceDeletionProtection",
        "rds:ModifyDBInstanceSpec rds:ModifySecurityIps rds:ModifyBackupPolicy", "rds:DeleteDBInstance",
    ),
    "ALIYUN::RDS::Database": ("rds:CreateDatabase rds:DescribeDatabases", "", "rds:DeleteDatabase"),
    "ALIYUN::SLS::Logstore": ("log:CreateLogStore log:GetLogStore", "log:UpdateLogStore", "log:DeleteLogStore"),
    "ALIYUN::SLS::Project": ("log:CreateProject log:GetProject", "log:UpdateProject", "log:DeleteProject"),
    "ALIYUN::VPC::NatGateway": (
        "vpc:CreateNatGateway vpc:DescribeNatGateways", "vpc:ModifyNatGatewayAttribute", "vpc:DeleteNatGateway",
    ),
    "ALIYUN::VPC::SnatEntry": (
        "vpc:CreateSnatEntry vpc:DescribeSnatTableEntries", "vpc:ModifySnatEntry", "vpc:DeleteSnatEntry",
    ),
    "ALIYUN::VPC::EIP": (
        "vpc:AllocateEipAddress vpc:DescribeEipAddresses", "vpc:ModifyEipAddressAttribute", "vpc:ReleaseEipAddress",
    ),
    "ALIYUN::VPC::EIPAssociation": ("vpc:AssociateEipAddress", "", "vpc:UnassociateEipAddress"),
}  # fmt: skip


def policy(kinds: Iterable[str], operations: Iterable[str]) -> dict[str, Any]:
    """A RAM policy with the calls that stacks of these resource types need."""
    wanted = [_OPERATIONS.index(operation) for operation in operations]
    calls = {call for kind in kinds if kind in _CALLS for index in wanted for call in _CALLS[kind][index].split()}
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": sorted(calls), "Resource": "*"}]}
