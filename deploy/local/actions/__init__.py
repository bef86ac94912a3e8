"""The actions of the services that the local target speaks: parameters in, the fields of the reply out. Names, limits
and shapes are those of the SDKs' request and response models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ..engine import Engine
from ..errors import ApiError, invalid_parameter, stack_not_found
from ..regions import REGIONS
from ..store import CreateRequest, Stack
from ..template import read_template
from ..wire import Arguments

Body = Mapping[str, Any]
Action = Callable[[Arguments], Body]
Item = TypeVar("Item")


def region_of(arguments: Arguments) -> str:
    region = arguments.required("RegionId")
    if region not in REGIONS:
        raise ApiError("InvalidRegionId", f"The specified region {region} does not exist.", 400)
    return region


def stack_of(engine: Engine, arguments: Arguments) -> Stack:
    """By id; the region must be the stack's, as for the service."""
    stack_id, region = arguments.required("StackId"), region_of(arguments)
    stack = engine.find(stack_id)
    if stack.region != region:
        raise stack_not_found(stack_id)
    return stack


def template_of(arguments: Arguments) -> str:
    """The template's text; other places than the body are refused."""
    for other in ("TemplateURL", "TemplateId", "TemplateScratchId"):
        if arguments.text(other):
            raise invalid_parameter(other, "the local target takes TemplateBody only")
    return arguments.text("TemplateBody")


def given_parameters(arguments: Arguments) -> dict[str, str]:
    return dict(arguments.pairs("Parameters", "ParameterKey", "ParameterValue"))


def tags_of(arguments: Arguments) -> tuple[tuple[str, str], ...]:
    tags = tuple(arguments.pairs("Tags", "Key", "Value"))
    if len(tags) > 20:
        raise invalid_parameter("Tags", "a stack has at most 20 tags")
    return tags


def check_name(name: str, what: str) -> None:
    """The form of stacks' and change sets' names. Raises ApiError."""
    if (
        len(name) > 255
        or not (name[0].isascii() and name[0].isalnum())
        or not all(c.isalnum() or c in "-_" for c in name)
    ):
        reason = "it begins with a letter or digit and has at most 255 letters, digits, - and _"
        raise invalid_parameter(what, reason)


def choice(arguments: Arguments, name: str, default: str, *allowed: str) -> str:
    value = arguments.text(name) or default
    if value not in allowed:
        raise invalid_parameter(name, f"it should be {' or '.join(allowed)}")
    return value


def new_stack_request(arguments: Arguments) -> CreateRequest:
    """What CreateStack and a change set of type CREATE are asked for."""
    return CreateRequest(
        template=template_of(arguments),
        parameters=given_parameters(arguments),
        timeout_minutes=arguments.number("TimeoutInMinutes", 60, 10, 1440),
        rollback=not arguments.flag("DisableRollback"),
        deletion_protection=choice(arguments, "DeletionProtection", "Disabled", "Enabled", "Disabled") == "Enabled",
        tags=tags_of(arguments),
        notification_urls=tuple(arguments.texts("NotificationURLs")),
    )


def changed_request(stack: Stack, arguments: Arguments) -> CreateRequest:
    """What UpdateStack, PreviewStack and a change set of type UPDATE ask of a stack that exists."""
    template, given = template_of(arguments), given_parameters(arguments)
    if arguments.flag("UsePreviousParameters"):
        declared = read_template(template).parameters
        given = {key: value for key, value in stack.request.parameters.items() if key in declared} | given
    return replace(
        stack.request,
        template=template,
        parameters=given,
        timeout_minutes=arguments.number("TimeoutInMinutes", 60, 10, 1440),
        tags=tags_of(arguments) or stack.request.tags,
        replacement=choice(arguments, "ReplacementOption", "Disabled", "Enabled", "Disabled") == "Enabled",
        taint=tuple(arguments.texts("TaintResources")),
    )


def page(key: str, found: list[Any], arguments: Arguments) -> dict[str, Any]:
    number, size = arguments.number("PageNumber", 1, 1, 1_000_000), arguments.number("PageSize", 10, 1, 50)
    return {
        key: found[(number - 1) * size : number * size],
        "TotalCount": len(found),
        "PageNumber": number,
        "PageSize": size,
    }


def timestamp(unix: float) -> str:
    """As ROS writes times."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S")
