"""Every choice that the forms of single.yaml and cluster.yaml offer, and what a stack of such choices consists of,
worked out without a cloud."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from deploy import templates
from deploy.catalog import load
from deploy.local import rules
from deploy.local.evaluation import Scope, choose, evaluate
from deploy.local.functions import text_of
from deploy.local.parameters import resolve
from deploy.local.template import Template, read_template
from deploy.templates import CLUSTER, SINGLE

Choice = dict[str, str]

__all__ = ["CLUSTER", "SINGLE"]
DOMAIN = "whisper.example.com"
EVERYBODY = "0.0.0.0/0"
CLIENTS = "203.0.113.7/32"

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "PayType": ("PostPaid", "PrePaid"),
    "PayPeriodUnit": ("Month", "Year"),
    "InstanceType": tuple(spec.id for spec in load().specs),
    "AccessMethod": ("NewEip", "ExistingEip", "WebProxy"),
    "ClientCidr": (CLIENTS, EVERYBODY),
    "DomainName": ("", DOMAIN),
    "OpenCertificateCheck": ("false", "true"),
    "VpcOption": ("NewVpc", "ExistingVpc"),
    "SystemDiskCategory": ("cloud_essd", "cloud_auto"),
    "SystemDiskSize": ("200", "2048"),
    "EncryptSystemDisk": ("false", "true"),
    "KmsKeyId": ("", "key-hzz1example"),
    "DailySnapshots": ("false", "true"),
    "InstanceLogin": ("Password", "KeyPair"),
    "DeletionProtection": ("false", "true"),
    "Tags": ("[]", json.dumps([{"Key": "team", "Value": "audio"}])),
    "PackageUrl": ("", "https://bucket.example/whisper-0.1.0.tar.gz?Signature=a%2Bb"),
}
# Asked for only with some choices; a value that fits each.
DEPENDENT: Choice = {
    "VpcId": "vpc-bp1example",
    "VSwitchId": "vsw-bp1example",
    "EipAllocationId": "eip-bp1example",
    "KeyPairName": "operators",
    "InstancePassword": "Abcdefg1",
    "PackageSha256": "0123456789abcdef" * 4,
    "InternetBandwidth": "50",
    "VpcCidrBlock": "10.0.0.0/8",
    "VSwitchCidrBlock": "10.1.0.0/16",
    "PayPeriod": "3",
}
ALWAYS: Choice = {
    "ZoneId": "cn-hangzhou-h",
    "SoftwareUserName": "admin",
    "SoftwarePassword": "Correct-Horse-9",
}


CLUSTER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    **{
        name: values
        for name, values in OPTIONS.items()
        if name not in ("PayType", "PayPeriodUnit", "OpenCertificateCheck", "VpcOption", "DailySnapshots")
    },
    "AccessMethod": ("Public", "Private"),
    "CertificateId": ("", "12345678-cn-hangzhou"),
    "AccessLog": ("false", "true"),
    "Spot": ("false", "true"),
    "ScaleByQueue": ("false", "true"),
    "BusyNodes": ("0", "4"),
    "AlarmContactGroup": ("", "operators"),
}
CLUSTER_ALWAYS: Choice = {**ALWAYS, "SecondZoneId": "cn-hangzhou-i", "DatabasePassword": "Abcdefghij_0123456789"}
CLUSTER_DEPENDENT: Choice = {
    **{name: DEPENDENT[name] for name in ("KeyPairName", "InstancePassword", "PackageSha256", "VpcCidrBlock")},
    "QueueMinutesPerGpu": "30",
    "BusyFrom": "2027-01-04T00:30Z",
    "BusyUntil": "2027-01-04T12:00Z",
    "BusyLast": "2027-12-31T00:00Z",
}


@cache
def document(name: str = SINGLE) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(templates.body(name))
    return value


@cache
def template(name: str = SINGLE) -> Template:
    return read_template(templates.body(name))


def visible(declaration: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether the form shows a parameter, given the values of the others."""
    condition = declaration.get("AssociationPropertyMetadata", {}).get("Visible", {}).get("Condition")
    return condition is None or _holds(condition, values)


def _holds(condition: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    [(function, argument)] = condition.items()
    if function == "Fn::Not":
        return not _holds(argument, values)
    assert function == "Fn::Equals", function
    left, right = argument
    return text_of(values[left.removeprefix("${").removesuffix("}")]) == text_of(right)


def as_the_form_sends(options: Choice, form: str = SINGLE) -> Choice:
    """The choices without what the form hides, and with what it then asks for."""
    parameters = document(form)["Parameters"]
    defaults = {name: declared.get("Default") for name, declared in parameters.items()}
    always, dependent = (ALWAYS, DEPENDENT) if form == SINGLE else (CLUSTER_ALWAYS, CLUSTER_DEPENDENT)
    given = {**always, **dependent, **options}
    shown = {**defaults, **given}
    return {name: value for name, value in given.items() if visible(parameters[name], shown)}


def pairs(options: Mapping[str, tuple[str, ...]] = OPTIONS) -> Iterator[Choice]:
    """Few rows in which every two values of any two options meet (greedy, always the same)."""
    names = list(options)
    missing = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2) for x in options[a] for y in options[b]}
    while missing:
        row = dict(min(missing))
        for name in names:
            if name not in row:
                row[name] = max(options[name], key=lambda value: len(_met({**row, name: value}, names) & missing))
        missing -= _met(row, names)
        yield {name: row[name] for name in names}


def _met(row: Choice, names: list[str]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    given = [(name, row[name]) for name in names if name in row]
    return set(itertools.combinations(given, 2))


def allowed(options: Choice) -> Choice:
    """A public load balancer has a certificate: the form cannot say so, a rule does."""
    certificate = CLUSTER_OPTIONS["CertificateId"][1]
    return {**options, "CertificateId": certificate} if options["AccessMethod"] == "Public" else options


# For the cluster, every two values of any two options meet in one of them.
CLUSTER_ROWS = [allowed(options) for options in pairs(CLUSTER_OPTIONS)]


def resources(parameters: Choice, form: str = SINGLE) -> dict[str, dict[str, Any]]:
    """What would be made: each resource that the conditions keep, with its properties worked out. A reference to one
    that they leave out raises, as do broken constraints and Rules."""
    scope = _scope(parameters, form)
    rules.check(template(form).rules, lambda expression, where: choose(expression, scope, where))
    return {
        name: {"Type": definition.type, "Properties": evaluate(dict(definition.properties), scope, name)}
        for name, definition in template(form).resources.items()
        if scope.included(name)
    }


def outputs(parameters: Choice, form: str = SINGLE) -> set[str]:
    """The names of the outputs that the conditions keep."""
    scope = _scope(parameters, form)
    found = template(form).outputs.items()
    return {name for name, body in found if "Condition" not in body or scope.condition(str(body["Condition"]))}


def _scope(parameters: Choice, form: str) -> Scope:
    def ref(name: str) -> str:
        if name not in template(form).resources or not scope.included(name):
            raise KeyError(name)
        return f"id-of-{name}"

    def attribute(name: str, key: str) -> Any:
        ref(name)
        if key == "CidrBlock":
            return f"10.0.{16 * list(template(form).resources).index(name)}.0/20"
        if key == "GroupId":
            return 7
        return ["i-1"] if key.endswith("s") and key != "EipAddress" else f"{key}-of-{name}"

    pseudo = {
        "ALIYUN::StackName": "whisper", "ALIYUN::Region": "cn-hangzhou", "ALIYUN::AccountId": "1000000000000001",
        "ALIYUN::StackId": "0f9e8d7c-6b5a-4321-8765-0123456789ab",
    }  # fmt: skip
    values = resolve(template(form).parameters, parameters)
    scope = Scope(template(form), values, pseudo, ref=ref, attribute=attribute)
    return scope
