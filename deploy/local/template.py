"""Reads a template's text into a value, and finds what can be wrong with it without looking at parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from .errors import ApiError, invalid
from .parameters import Parameter, read_parameters
from .rules import Rule, read_rules
from .variables import with_locals

MAX_BYTES = 524_288
MAX_RESOURCES = 200
VERSION = "2015-09-01"
SECTIONS = frozenset(
    {
        "ROSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Rules",
        "Locals",
        "Resources",
        "Outputs",
    }
)
RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "Count", "DeletionPolicy", "Metadata", "Description"}
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Knows short tags (`!Ref x`), and leaves dates as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _short_tag)


@dataclass(frozen=True)
class ResourceDefinition:
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str
    retain: bool
    description: str
    metadata: Mapping[str, Any]
    count: Any = None
    """How many of them, as an expression; None for one that stands for itself."""


@dataclass(frozen=True)
class Template:
    description: str
    parameters: Mapping[str, Parameter]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    rules: Mapping[str, Rule]
    resources: Mapping[str, ResourceDefinition]
    outputs: Mapping[str, Mapping[str, Any]]
    metadata: Mapping[str, Any]


def read_document(text: str) -> dict[str, Any]:
    """The template as plain maps and lists, of its own each time. Raises ApiError."""
    document = _load(text)
    if not isinstance(document, dict):
        raise ApiError("InvalidSchema", "The template should be a JSON or YAML map.")
    return document


def _not_here(sections: list[str], document: dict[str, Any]) -> str:
    """Where, what, and what to do about sections that only the service reads."""
    message = f"The template section ({', '.join(sections)}) is not known to the local target."
    if "Transform" not in sections:
        return message
    return (
        f"{message} ROS itself carries out Transform: {document['Transform']}. Create such a stack on the real "
        "service, or write the resources that it makes into the template."
    )


@lru_cache(maxsize=32)
def read_template(text: str) -> Template:
    """Raises ApiError when the text is not a template; references are checked by `validation.validate`."""
    if not text:
        raise ApiError("MissingTemplateBody", "One of TemplateBody, TemplateURL and TemplateId must be specified.")
    if len(text.encode()) > MAX_BYTES:
        raise invalid(f"The size of the template is larger than {MAX_BYTES} bytes.")
    document = read_document(text)
    if str(document.get("ROSTemplateFormatVersion", "")) != VERSION:
        raise ApiError(
            "InvalidTemplateVersion",
            f"The template version is invalid: ROSTemplateFormatVersion should be '{VERSION}'.",
        )
    unknown = sorted(map(str, document.keys() - SECTIONS))
    if unknown:
        raise ApiError("InvalidTemplateSection", _not_here(unknown, document))
    document = with_locals(document)
    resources = {name: _resource(name, body) for name, body in _section(document, "Resources").items()}
    if len(resources) > MAX_RESOURCES:
        raise too_many_resources()
    return Template(
        description=localized(document.get("Description", "")),
        parameters=read_parameters(_section(document, "Parameters")),
        mappings=_section(document, "Mappings"),
        conditions=_section(document, "Conditions"),
        rules=read_rules(_section(document, "Rules")),
        resources=resources,
        outputs={name: _output(name, body) for name, body in _section(document, "Outputs").items()},
        metadata=_section(document, "Metadata"),
    )


def too_many_resources() -> ApiError:
    return ApiError("StackResourceLimitExceeded", f"The number of resources in a stack exceeds {MAX_RESOURCES}.", 403)


def localized(text: Any) -> str:
    """Text that may be given by language; the service answers in the caller's, here always the first that is there."""
    if isinstance(text, Mapping):
        return str(text.get("en") or text.get("zh-cn") or next(iter(text.values()), ""))
    return str(text or "")


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "nested too deeply"
        raise ApiError("InvalidSchema", f"The template is neither JSON nor YAML: {problem}{where}.") from None


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name) or {}
    if not isinstance(section, dict) or not all(isinstance(key, str) for key in section):
        raise ApiError("InvalidTemplateSection", f"The template section ({name}) is invalid: it should be a map.")
    return section


def _resource(name: str, body: Any) -> ResourceDefinition:
    if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
        raise invalid(f"Resources.{name}: a resource is a map with a Type.")
    unknown = sorted(map(str, body.keys() - RESOURCE_KEYS))
    if unknown:
        raise invalid(f"Resources.{name}: {', '.join(unknown)} is not known to the local target.")
    properties, depends = body.get("Properties") or {}, body.get("DependsOn") or []
    if not isinstance(properties, dict):
        raise invalid(f"Resources.{name}.Properties: should be a map.")
    policy = body.get("DeletionPolicy", "Delete")
    if policy not in ("Delete", "Retain"):
        raise invalid(f"Resources.{name}.DeletionPolicy: should be Delete or Retain.")
    return ResourceDefinition(
        type=body["Type"],
        properties=properties,
        depends_on=tuple([depends] if isinstance(depends, str) else depends),
        condition=str(body.get("Condition", "")),
        retain=policy == "Retain",
        description=localized(body.get("Description", "")),
        metadata=body.get("Metadata") or {},
        count=body.get("Count"),
    )


def _output(name: str, body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict) or "Value" not in body:
        raise invalid(f"Outputs.{name}: an output is a map with a Value.")
    return body
