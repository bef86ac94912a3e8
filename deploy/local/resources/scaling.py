"""ESS, and the OOS that its hooks call: groups of instances that really join, work and leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..groups import SECRET, TEMPLATE, By
from . import Context, Handler, Property, of_kind, random_id
from .record import Attributes, Part, Record

_NEEDED = Property("text", required=True)
_TAGS = of_kind("list", "Tags", editable=True)


def by(context: Context) -> By:
    return By(context.stack_id, context.region, context.cancelled, context.hide)


class ScalingGroup:
    type = "ALIYUN::ESS::ScalingGroup"
    repeatable = True
    attributes = frozenset({"ScalingGroupId", "ScalingGroupName", "Arn"})
    properties: Mapping[str, Property] = {
        **of_kind("text", "ScalingGroupName RemovalPolicy", editable=True),
        **of_kind("text", "ScalingPolicy HealthCheckType SpotAllocationStrategy", editable=True),
        **of_kind("number", "DesiredCapacity DefaultCooldown OnDemandBaseCapacity", editable=True),
        **of_kind("number", "OnDemandPercentageAboveBaseCapacity SpotInstancePools", editable=True),
        **of_kind("flag", "SpotInstanceRemedy CompensateWithOnDemand GroupDeletionProtection AzBalance", editable=True),
        **of_kind("list", "VSwitchIds RemovalPolicys HealthCheckTypes", editable=True),
        **_TAGS,
        "MinSize": Property("number", required=True, editable=True),
        "MaxSize": Property("number", required=True, editable=True),
        "MultiAZPolicy": Property("text", allowed=("PRIORITY", "BALANCE", "COST_OPTIMIZED", "COMPOSABLE")),
        "ServerGroups": Property("list"),
    }

    def new_id(self, context: Context) -> str:
        return random_id("asg")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        context.groups.save(by(context), physical_id, properties=dict(properties))
        name = properties.get("ScalingGroupName", physical_id)
        return {"ScalingGroupId": physical_id, "ScalingGroupName": name, "Arn": f"acs:ess:::{physical_id}"}

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Another size takes effect at once: instances join, or drain and leave."""
        made = self.create(context, physical_id, properties)
        context.groups.resize(by(context), physical_id)
        return made

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        context.groups.remove(by(context), physical_id)

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return all(context.instances.exists(each) for each in context.groups.find(physical_id)["instances"])


class Enabled:
    type = "ALIYUN::ESS::ScalingGroupEnable"
    repeatable = True
    attributes = frozenset({"ScalingGroupId", "ScalingInstances", "LifecycleState"})
    properties: Mapping[str, Property] = {
        "ScalingGroupId": _NEEDED,
        "ScalingConfigurationId": Property("text", editable=True),
    }

    def new_id(self, context: Context) -> str:
        return random_id("asge")

    def create(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Makes the first instances and returns when all of them are in service. Raises ResourceError."""
        group = str(properties["ScalingGroupId"])
        context.groups.save(by(context), group, enabled=True)
        context.groups.resize(by(context), group)
        found = context.groups.find(group)["instances"]
        return {"ScalingGroupId": group, "ScalingInstances": found, "LifecycleState": "Active"}

    def update(
        self, context: Context, physical_id: str, properties: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return self.create(context, physical_id, properties)

    def delete(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> None:
        """The instances go with the group, which still refers to what they were made from."""
        context.groups.disable(by(context), str(context.properties.get("ScalingGroupId", "")))

    def exists(self, context: Context, physical_id: str, attributes: Mapping[str, Any]) -> bool:
        return True


def _configuration(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    group = str(properties["ScalingGroupId"])
    if wanted is not None:
        context.groups.save(by(context), group, configuration=dict(wanted))
    return {"ScalingConfigurationId": physical_id, "ScalingGroupId": group}


def _hook(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    group = str(properties["ScalingGroupId"])
    if wanted is not None or context.groups.find(group).get("properties"):
        context.groups.hook(by(context), group, physical_id, wanted)
    return {"LifecycleHookId": physical_id, "ScalingGroupId": group}


def _template(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    name = str(properties["TemplateName"])
    context.groups.keep(by(context), TEMPLATE, name, wanted and str(wanted["Content"]))
    return {"TemplateId": physical_id, "TemplateName": name, "ExecutionPolicy": {}}


def _secret(context: Context, physical_id: str, properties: Attributes, wanted: Attributes | None) -> Attributes:
    name = str(properties["SecretParameterName"])
    context.groups.keep(by(context), SECRET, name, wanted and str(wanted["Value"]))
    return {"SecretParameterId": physical_id, "SecretParameterName": name, "Type": "Secret"}


def _rule(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"ScalingRuleId": physical_id, "ScalingRuleAri": f"ari:acs:ess:{context.region}::scalingrule/{physical_id}"}


def _alarm(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"AlarmTaskId": physical_id}


def _task(context: Context, physical_id: str, properties: Attributes) -> Attributes:
    return {"ScheduledTaskId": physical_id}


SCALING: tuple[Handler, ...] = (
    ScalingGroup(),
    Enabled(),
    Part(
        "ALIYUN::ESS::ScalingConfiguration",
        "asc",
        {
            **of_kind(
                "text",
                "ImageId InstanceName InstanceType Password KeyPairName RamRoleName SecurityGroupId",
                editable=True,
            ),
            **of_kind("text", "ScalingConfigurationName SystemDiskCategory SystemDiskKMSKeyId", editable=True),
            **of_kind("number", "SystemDiskSize", editable=True),
            **of_kind("text", "IoOptimized SecurityEnhancementStrategy SpotStrategy", editable=True),
            **of_kind("flag", "SystemDiskEncrypted PasswordInherit", editable=True),
            **of_kind("list", "InstanceTypes TagList SecurityGroupIds", editable=True),
            "ScalingGroupId": _NEEDED,
        },
        ("ScalingConfigurationId", "ScalingGroupId"),
        _configuration,
    ),
    Part(
        "ALIYUN::ESS::LifecycleHook",
        "ash",
        {
            **of_kind("text", "LifecycleHookName NotificationArn NotificationMetadata", editable=True),
            **of_kind("number", "HeartbeatTimeout", editable=True),
            "ScalingGroupId": _NEEDED,
            "LifecycleTransition": Property("text", required=True, allowed=("SCALE_OUT", "SCALE_IN")),
            "DefaultResult": Property("text", allowed=("CONTINUE", "ABANDON", "ROLLBACK"), editable=True),
        },
        ("LifecycleHookId", "ScalingGroupId"),
        _hook,
    ),
    Part(
        "ALIYUN::OOS::Template",
        "oos",
        {
            **of_kind("map", "Tags", editable=True),
            "TemplateName": _NEEDED,
            "Content": Property("text", required=True, editable=True),
        },
        ("TemplateId", "TemplateName", "ExecutionPolicy"),
        _template,
    ),
    Part(
        "ALIYUN::OOS::SecretParameter",
        "sp",
        {
            **of_kind("text", "Description KeyId"),
            **_TAGS,
            "SecretParameterName": _NEEDED,
            "Value": Property("text", required=True, editable=True),
        },
        ("SecretParameterId", "SecretParameterName", "Type"),
        _secret,
    ),
    Record(
        "ALIYUN::ESS::ScalingRule",
        "asr",
        {
            **of_kind("text", "ScalingRuleName ScalingRuleType AdjustmentType MetricName", editable=True),
            **of_kind("number", "AdjustmentValue Cooldown TargetValue", editable=True),
            "ScalingGroupId": _NEEDED,
        },
        frozenset({"ScalingRuleId", "ScalingRuleAri"}),
        _rule,
    ),
    Record(
        "ALIYUN::ESS::AlarmTask",
        "asat",
        {
            **of_kind("text", "Name Description MetricType Statistics ComparisonOperator", editable=True),
            **of_kind("number", "Period EvaluationCount", editable=True),
            **of_kind("text", "GroupId", editable=True),
            **of_kind("list", "Dimensions", editable=True),
            "ScalingGroupId": _NEEDED,
            "MetricName": Property("text", required=True, editable=True),
            "Threshold": Property("number", required=True, editable=True),
            "AlarmAction": Property("list", required=True, editable=True),
        },
        frozenset({"AlarmTaskId"}),
        _alarm,
    ),
    Record(
        "ALIYUN::ESS::ScheduledTask",
        "ast",
        {
            **of_kind("text", "ScheduledTaskName Description RecurrenceType RecurrenceValue", editable=True),
            **of_kind("text", "RecurrenceEndTime", editable=True),
            **of_kind("number", "MinValue MaxValue DesiredCapacity LaunchExpirationTime", editable=True),
            "ScalingGroupId": Property("text"),
            "LaunchTime": Property("text", required=True, editable=True),
        },
        frozenset({"ScheduledTaskId"}),
        _task,
    ),
)
