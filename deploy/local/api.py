"""The actions of ROS 2019-09-10: parameters in, the fields of the reply out. Names, limits and shapes are those of the
SDK's request and response models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .engine import Engine
from .errors import ApiError, invalid_parameter, stack_not_found
from .evaluation import hidden, outputs
from .parameters import resolve
from .store import CreateRequest, Event, Resource, Stack
from .template import localized, read_template
from .validation import validate
from .view import ACCOUNT_ID, scope_of
from .wire import Arguments

VERSION = "2019-09-10"
REGIONS = {
    "cn-hangzhou": "华东1（杭州）",
    "cn-shanghai": "华东2（上海）",
    "cn-qingdao": "华北1（青岛）",
    "cn-beijing": "华北2（北京）",
    "cn-zhangjiakou": "华北3（张家口）",
    "cn-huhehaote": "华北5（呼和浩特）",
    "cn-wulanchabu": "华北6（乌兰察布）",
    "cn-shenzhen": "华南1（深圳）",
    "cn-heyuan": "华南2（河源）",
    "cn-guangzhou": "华南3（广州）",
    "cn-chengdu": "西南1（成都）",
    "cn-hongkong": "中国香港",
    "ap-southeast-1": "新加坡",
    "ap-southeast-3": "马来西亚（吉隆坡）",
    "ap-southeast-5": "印度尼西亚（雅加达）",
    "ap-southeast-6": "菲律宾（马尼拉）",
    "ap-southeast-7": "泰国（曼谷）",
    "ap-northeast-1": "日本（东京）",
    "ap-northeast-2": "韩国（首尔）",
    "us-west-1": "美国（硅谷）",
    "us-east-1": "美国（弗吉尼亚）",
    "eu-central-1": "德国（法兰克福）",
    "eu-west-1": "英国（伦敦）",
    "me-east-1": "阿联酋（迪拜）",
}

Body = Mapping[str, Any]


class Api:
    """`call` is the only door; one method for each action."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._actions: dict[str, Callable[[Arguments], Body]] = {
            "CreateStack": self.create_stack,
            "DeleteStack": self.delete_stack,
            "DescribeRegions": self.describe_regions,
            "GetStack": self.get_stack,
            "GetStackResource": self.get_stack_resource,
            "GetTemplate": self.get_template,
            "ListStackEvents": self.list_stack_events,
            "ListStackResources": self.list_stack_resources,
            "ListStacks": self.list_stacks,
            "ValidateTemplate": self.validate_template,
        }

    def call(self, action: str, version: str, parameters: Mapping[str, str]) -> Body:
        """Raises ApiError, also for actions and versions that are not known."""
        if version != VERSION:
            raise ApiError(
                "InvalidVersion", f"Specified parameter Version is not valid: the local target speaks {VERSION}."
            )
        if action not in self._actions:
            raise ApiError("InvalidAction.NotFound", f"Specified api is not found on the local target: {action}.", 404)
        return self._actions[action](Arguments(parameters))

    def create_stack(self, arguments: Arguments) -> Body:
        name, region = arguments.required("StackName"), _region(arguments)
        if (
            len(name) > 255
            or not (name[0].isascii() and name[0].isalnum())
            or not all(c.isalnum() or c in "-_" for c in name)
        ):
            reason = "it begins with a letter or digit and has at most 255 letters, digits, - and _"
            raise invalid_parameter("StackName", reason)
        token = arguments.text("ClientToken")
        if len(token) > 64 or not token.isascii():
            raise invalid_parameter("ClientToken", "it has at most 64 ASCII characters")
        for other in ("TemplateURL", "TemplateId", "TemplateScratchId"):
            if arguments.text(other):
                raise invalid_parameter(other, "the local target takes TemplateBody only")
        tags = arguments.pairs("Tags", "Key", "Value")
        if len(tags) > 20:
            raise invalid_parameter("Tags", "a stack has at most 20 tags")
        protection = arguments.text("DeletionProtection", "Disabled")
        if protection not in ("Enabled", "Disabled"):
            raise invalid_parameter("DeletionProtection", "it should be Enabled or Disabled")
        request = CreateRequest(
            template=arguments.text("TemplateBody"),
            parameters=dict(arguments.pairs("Parameters", "ParameterKey", "ParameterValue")),
            timeout_minutes=arguments.number("TimeoutInMinutes", 60, 10, 1440),
            rollback=not arguments.flag("DisableRollback"),
            deletion_protection=protection == "Enabled",
            tags=tuple(tags),
            notification_urls=tuple(arguments.texts("NotificationURLs")),
        )
        return {"StackId": self._engine.create(name, region, request, token)}

    def delete_stack(self, arguments: Arguments) -> Body:
        stack = self._stack(arguments)
        self._engine.delete(
            stack.id, frozenset(arguments.texts("RetainResources")), arguments.flag("RetainAllResources")
        )
        return {}

    def get_stack(self, arguments: Arguments) -> Body:
        stack = self._stack(arguments)
        template, resources = read_template(stack.request.template), self._engine.store.resources(stack.id)
        values = resolve(template.parameters, stack.request.parameters)
        shown = [
            {"ParameterKey": name, "ParameterValue": p.shown(values[name])} for name, p in template.parameters.items()
        ]
        pseudo = {"ALIYUN::StackName": stack.name, "ALIYUN::StackId": stack.id, "ALIYUN::Region": stack.region,
                  "ALIYUN::AccountId": ACCOUNT_ID}  # fmt: skip
        body = {
            **_summary(stack),
            "Description": template.description,
            "TemplateDescription": template.description,
            "Parameters": [*shown, *({"ParameterKey": key, "ParameterValue": value} for key, value in pseudo.items())],
            "NotificationURLs": list(stack.request.notification_urls),
            "Interface": json.dumps(template.metadata.get("ALIYUN::ROS::Interface", {}), ensure_ascii=False),
            "Outputs": [],
        }
        if stack.status == "CREATE_COMPLETE" and arguments.text("OutputOption") != "Disabled":
            body["Outputs"] = outputs(scope_of(stack, resources), self._engine.secrets_of(stack))
        if arguments.text("ShowResourceProgress").startswith("Enabled"):
            body["ResourceProgress"] = _progress(stack, resources)
        return body

    def list_stacks(self, arguments: Arguments) -> Body:
        region, names, statuses = _region(arguments), arguments.texts("StackName"), arguments.texts("Status")
        ids = {*arguments.texts("StackIds"), *arguments.texts("StackId")}
        tags = arguments.pairs("Tag", "Key", "Value")

        def fits(stack: Stack) -> bool:
            return (
                (stack.status in statuses if statuses else stack.status != "DELETE_COMPLETE")
                and (not names or any(_wildcard(pattern, stack.name) for pattern in names))
                and (not ids or stack.id in ids)
                and all(any(k == key and value in ("", v) for k, v in stack.request.tags) for key, value in tags)
            )

        found = [_summary(stack) for stack in self._engine.store.stacks(region) if fits(stack)]
        return _page("Stacks", found, arguments)

    def list_stack_events(self, arguments: Arguments) -> Body:
        stack = self._stack(arguments)
        wanted = {key: arguments.texts(key) for key in ("Status", "ResourceType", "LogicalResourceId")}
        events = [_event(event) for event in self._engine.store.events(stack.id)]
        found = [event for event in events if all(not values or event[key] in values for key, values in wanted.items())]
        return _page("Events", found, arguments)

    def list_stack_resources(self, arguments: Arguments) -> Body:
        stack = self._stack(arguments)
        found = self._engine.store.resources(stack.id).values()
        return {"Resources": [_resource(stack, resource) for resource in found]}

    def get_stack_resource(self, arguments: Arguments) -> Body:
        stack, name = self._stack(arguments), arguments.required("LogicalResourceId")
        resource = self._engine.store.resources(stack.id).get(name)
        if resource is None:
            raise ApiError("ResourceNotFound", f"The Resource ({name}) could not be found in Stack {stack.name}.", 404)
        definition = read_template(stack.request.template).resources[name]
        body = {**_resource(stack, resource), "Description": definition.description, "Metadata": {}}
        wanted = arguments.texts("ResourceAttributes")
        if wanted or arguments.flag("ShowResourceAttributes"):
            hide = self._engine.secrets_of(stack)
            body["ResourceAttributes"] = [
                {"ResourceAttributeName": key, "ResourceAttributeValue": hidden(value, hide)}
                for key, value in resource.attributes.items()
                if not wanted or key in wanted
            ]
        return body

    def get_template(self, arguments: Arguments) -> Body:
        stack = self._stack(arguments)
        return {"StackId": stack.id, "RegionId": stack.region, "TemplateBody": stack.request.template}

    def validate_template(self, arguments: Arguments) -> Body:
        if arguments.text("TemplateURL"):
            raise invalid_parameter("TemplateURL", "the local target takes TemplateBody only")
        template = read_template(arguments.text("TemplateBody"))
        validate(template, self._engine.handlers)
        return {
            "Description": template.description,
            "Parameters": [
                {"ParameterKey": name, **parameter.declaration} for name, parameter in template.parameters.items()
            ],
            "Outputs": [
                {
                    "OutputKey": key,
                    "Description": localized(o.get("Description", "")),
                    "Label": localized(o.get("Label", "")),
                }
                for key, o in template.outputs.items()
            ],
            "Resources": [
                {"LogicalResourceIdPattern": name, "ResourcePath": name, "ResourceType": definition.type}
                for name, definition in template.resources.items()
            ],
            "ResourceTypes": {"Resources": sorted({d.type for d in template.resources.values()}), "DataSources": []},
        }

    def describe_regions(self, arguments: Arguments) -> Body:
        regions = [{"RegionId": i, "LocalName": n, "RegionEndpoint": "ros.aliyuncs.com"} for i, n in REGIONS.items()]
        return {"Regions": regions}

    def _stack(self, arguments: Arguments) -> Stack:
        """By id; the region must be the stack's, as for the service."""
        stack_id, region = arguments.required("StackId"), _region(arguments)
        stack = self._engine.find(stack_id)
        if stack.region != region:
            raise stack_not_found(stack_id)
        return stack


def _region(arguments: Arguments) -> str:
    region = arguments.required("RegionId")
    if region not in REGIONS:
        raise ApiError("InvalidRegionId", f"The specified region {region} does not exist.", 400)
    return region


def _page(key: str, found: list[dict[str, Any]], arguments: Arguments) -> Body:
    number, size = arguments.number("PageNumber", 1, 1, 1_000_000), arguments.number("PageSize", 10, 1, 50)
    page = found[(number - 1) * size : number * size]
    return {key: page, "TotalCount": len(found), "PageNumber": number, "PageSize": size}


def _wildcard(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _summary(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "RegionId": stack.region,
        "Status": stack.status,
        "StatusReason": stack.reason,
        "StackType": "ROS",
        "StackDriftStatus": "NOT_CHECKED",
        "CreateTime": _time(stack.created),
        "UpdateTime": _time(stack.updated),
        "TimeoutInMinutes": stack.request.timeout_minutes,
        "DisableRollback": not stack.request.rollback,
        "DeletionProtection": "Enabled" if stack.request.deletion_protection else "Disabled",
        "Tags": [{"Key": key, "Value": value} for key, value in stack.request.tags],
        "ServiceManaged": False,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.id,
        "StackId": event.stack,
        "StackName": event.stack_name,
        "LogicalResourceId": event.name,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Status": event.status,
        "StatusReason": event.reason,
        "CreateTime": _time(event.time),
    }


def _resource(stack: Stack, resource: Resource) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.name,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        "ResourceDriftStatus": "NOT_CHECKED",
        "Status": resource.status,
        "StatusReason": resource.reason,
        "CreateTime": _time(resource.created),
        "UpdateTime": _time(resource.updated),
    }


def _progress(stack: Stack, resources: Mapping[str, Resource]) -> dict[str, Any]:
    scope = scope_of(stack, resources)
    total = sum(scope.included(name) for name in scope.template.resources)
    by_end = [r.status.rpartition("_")[2] for r in resources.values()]
    active = [r for r in resources.values() if r.status.endswith("_IN_PROGRESS")]
    return {
        "TotalResourceCount": total,
        "SuccessResourceCount": by_end.count("COMPLETE"),
        "FailedResourceCount": by_end.count("FAILED"),
        "InProgressResourceCount": len(active),
        "PendingResourceCount": max(total - len(resources), 0),
        "StackOperationProgress": round(100 * by_end.count("COMPLETE") / max(total, 1), 1),
        "InProgressResourceDetails": [{"ResourceName": r.name, "ResourceType": r.type} for r in active],
    }
