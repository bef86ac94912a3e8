"""The actions of ECS 2014-05-26 that looking after an instance takes: commands on it, and what there is."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from ..commands import Command, Invocation
from ..engine import Engine
from ..errors import ApiError, invalid_parameter
from ..offers import TYPES
from ..regions import REGIONS, zones
from ..resources import random_id
from ..resources.command import MAX_BASE64_BYTES
from ..resources.network import LOCAL_ADDRESS
from ..store import Resource, Stack
from ..wire import Arguments
from . import Action, Body, choice, page, region_of

_GROUP = "ALIYUN::ECS::InstanceGroup"


class EcsActions:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._commands = engine, engine.means.commands

    def actions(self) -> Mapping[str, Action]:
        return {
            "DescribeAvailableResource": self.describe_available_resource,
            "DescribeCloudAssistantStatus": self.describe_cloud_assistant_status,
            "DescribeInstances": self.describe_instances,
            "DescribeInvocationResults": self.describe_invocation_results,
            "DescribeInvocations": self.describe_invocations,
            "DescribeRegions": self.describe_regions,
            "DescribeZones": self.describe_zones,
            "RunCommand": self.run_command,
            "StopInvocation": self.stop_invocation,
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

    def describe_available_resource(self, arguments: Arguments) -> Body:
        region, wanted = region_of(arguments), arguments.text("InstanceType")
        if choice(arguments, "DestinationResource", "InstanceType", "InstanceType", "Zone") == "Zone":
            found = [{"ZoneId": zone, "RegionId": region, "Status": "Available"} for zone in zones(region)]
            return {"AvailableZones": {"AvailableZone": found}}
        types = [wanted] if wanted else list(TYPES)
        places = [arguments.text("ZoneId")] if arguments.text("ZoneId") else zones(region)
        return {"AvailableZones": {"AvailableZone": [self._zone(zone, region, types) for zone in places]}}

    def describe_instances(self, arguments: Arguments) -> Body:
        region, text = region_of(arguments), arguments.text("InstanceIds")
        try:
            wanted = json.loads(text) if text else []
        except ValueError:
            wanted = None
        if not isinstance(wanted, list):
            raise invalid_parameter("InstanceIds", "it should be a JSON list of at most 100 ids")
        found = [self._instance(i, s, r) for i, s, r in self._instances(region) if not wanted or i in wanted]
        body = page("Instances", found, arguments)
        return {**body, "Instances": {"Instance": body["Instances"]}}

    def describe_cloud_assistant_status(self, arguments: Arguments) -> Body:
        wanted = arguments.texts("InstanceId")
        ids = [i for i, _, _ in self._instances(region_of(arguments)) if not wanted or i in wanted]
        status = [{"InstanceId": i, "CloudAssistantStatus": "true", "OSType": "Linux"} for i in ids]
        return {"TotalCount": len(ids), "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": status}}

    def run_command(self, arguments: Arguments) -> Body:
        region, targets = region_of(arguments), arguments.texts("InstanceId")
        choice(arguments, "Type", "", "RunShellScript")
        choice(arguments, "RepeatMode", "Once", "Once")
        if not 1 <= len(targets) <= 100:
            raise invalid_parameter("InstanceId", "a command runs on 1 to 100 instances")
        there = {instance for instance, _, _ in self._instances(region)}
        for target in targets:
            if target not in there:
                message = f"The specified instances do not exist: {target}."
                raise ApiError("InvalidInstance.NotFound", message, 404)
        command = Command(
            script=_script(arguments),
            timeout=arguments.number("Timeout", 60, 10, 86_400),
            working_dir=arguments.text("WorkingDir", "/root"),
            name=arguments.text("Name"),
            description=arguments.text("Description"),
        )
        command_id, invoke_id = random_id("c"), random_id("t")
        self._commands.begin(invoke_id, command_id, command, targets)
        return {"CommandId": command_id, "InvokeId": invoke_id}

    def stop_invocation(self, arguments: Arguments) -> Body:
        region_of(arguments)
        self._commands.stop(arguments.required("InvokeId"))
        return {}

    def describe_invocations(self, arguments: Arguments) -> Body:
        found = [_invocation(invocation, arguments) for invocation in self._matching(arguments)]
        body = page("Invocations", found, arguments)
        return {**body, "Invocations": {"Invocation": body["Invocations"]}}

    def describe_invocation_results(self, arguments: Arguments) -> Body:
        wanted, plain = arguments.text("InstanceId"), arguments.text("ContentEncoding") == "PlainText"
        found = [
            {
                "InvokeId": invocation["invoke_id"],
                "CommandId": invocation["command_id"],
                **_result(target, result, plain),
            }
            for invocation in self._matching(arguments)
            for target, result in invocation["results"].items()
            if not wanted or target == wanted
        ]
        body = page("InvocationResults", found, arguments)
        return {"Invocation": {**body, "InvocationResults": {"InvocationResult": body["InvocationResults"]}}}

    def _matching(self, arguments: Arguments) -> list[Invocation]:
        region_of(arguments)
        invoke_id, command_id = arguments.text("InvokeId"), arguments.text("CommandId")
        target = arguments.text("InstanceId")
        return [
            each
            for each in self._commands.invocations()
            if (not invoke_id or each["invoke_id"] == invoke_id)
            and (not command_id or each["command_id"] == command_id)
            and (not target or target in each["results"])
        ]

    def _instances(self, region: str) -> list[tuple[str, Stack, Resource]]:
        return [
            (str(instance), stack, resource)
            for stack in self._engine.store.stacks(region)
            if stack.status != "DELETE_COMPLETE"
            for resource in self._engine.resources(stack).values()
            if resource.type == _GROUP and resource.status != "DELETE_COMPLETE"
            for instance in resource.attributes.get("InstanceIds", ())
            if self._engine.means.instances.exists(str(instance))
        ]

    def _instance(self, instance: str, stack: Stack, resource: Resource) -> dict[str, Any]:
        made = resource.properties
        known = TYPES.get(str(made.get("InstanceType")))
        eip = any(r.type == "ALIYUN::VPC::EIPAssociation" and r.ready for r in self._engine.resources(stack).values())
        tags = [*({"TagKey": key, "TagValue": value} for key, value in stack.request.tags)]
        return {
            "InstanceId": instance,
            "InstanceName": str(made.get("InstanceName", instance)),
            "HostName": str(made.get("HostName") or f"iZ{instance[2:]}Z"),
            "Status": "Running",
            "RegionId": stack.region,
            "ZoneId": str(made.get("ZoneId", zones(stack.region)[0])),
            "InstanceType": str(made.get("InstanceType")),
            "InstanceTypeFamily": known.family if known else "",
            "Cpu": known.cpus if known else 0,
            "Memory": known.memory * 1024 if known else 0,
            "GPUAmount": known.gpus if known else 0,
            "GPUSpec": known.gpu if known else "",
            "ImageId": str(made.get("ImageId", "")),
            "OSType": "linux",
            "CreationTime": _utc(resource.created, "%Y-%m-%dT%H:%MZ"),
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


def _script(arguments: Arguments) -> str:
    content = arguments.required("CommandContent")
    encoded = choice(arguments, "ContentEncoding", "PlainText", "PlainText", "Base64") == "Base64"
    size = len(content) if encoded else len(base64.b64encode(content.encode()))
    if size > MAX_BASE64_BYTES:
        message = f"The length of the command content exceeds the limit: {size} bytes in Base64, {MAX_BASE64_BYTES}."
        raise ApiError("CmdContent.ExceedLimit", message, 403)
    if not encoded:
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_parameter("CommandContent", "it is not Base64 of UTF-8 text") from None


def _invocation(invocation: Invocation, arguments: Arguments) -> dict[str, Any]:
    plain = arguments.text("ContentEncoding") == "PlainText"
    shown = [_result(target, result, plain) for target, result in invocation["results"].items()]
    statuses = {result["status"] for result in invocation["results"].values()}
    overall = (
        "Running"
        if "Running" in statuses
        else "Success"
        if statuses == {"Success"}
        else "PartialFailed"
        if "Success" in statuses
        else "Stopped"
        if statuses == {"Terminated"}
        else "Failed"
    )
    for result in shown:
        result["InstanceInvokeStatus"] = result.pop("InvokeRecordStatus")
        if not arguments.flag("IncludeOutput"):
            result.pop("Output", None)
    script = invocation["script"]
    return {
        "InvokeId": invocation["invoke_id"],
        "CommandId": invocation["command_id"],
        "CommandName": invocation["name"],
        "CommandDescription": invocation["description"],
        "CommandType": "RunShellScript",
        "CommandContent": script if plain else base64.b64encode(script.encode()).decode(),
        "Timeout": int(invocation["timeout"]),
        "WorkingDir": invocation["working_dir"],
        "RepeatMode": "Once",
        "CreationTime": _utc(invocation["created"]),
        "InvocationStatus": overall,
        "InvokeStatus": {"Running": "Running", "Success": "Finished", "Stopped": "Stopped"}.get(overall, overall),
        "InvokeInstances": {"InvokeInstance": shown},
    }


def _result(target: str, result: Mapping[str, Any], plain: bool) -> dict[str, Any]:
    output = result.get("output", "")
    status = result["status"]
    record = {"Running": "Running", "Success": "Finished", "Terminated": "Stopped"}.get(status, "Failed")
    return {
        "InstanceId": target,
        "InvocationStatus": status,
        "InvokeRecordStatus": record,
        "ExitCode": result.get("exit_code"),
        "Output": base64.b64decode(output).decode() if plain else output,
        "Dropped": result.get("dropped", 0),
        "ErrorCode": "TaskTimeout" if status == "Timeout" else "InternalError" if status == "Error" else "",
        "ErrorInfo": result.get("error", ""),
        "StartTime": _utc(result["started"]),
        "FinishTime": _utc(result["finished"]) if "finished" in result else "",
        "FinishedTime": _utc(result["finished"]) if "finished" in result else "",
        "Repeats": 1,
    }


def _utc(unix: float, layout: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return time.strftime(layout, time.gmtime(unix))
