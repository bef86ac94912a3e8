"""Secrets: never echoed, never with a Default."""

from __future__ import annotations

from ..document import Report
from ..nodes import Scalar, is_true
from ..secrets import is_secret
from ..template import Template

_STORED = "ALIYUN::OOS::SecretParameter::Value"
"""Its value is the name of a secret that OOS keeps."""


def no_echo(template: Template, report: Report) -> None:
    for name, parameter in template.parameters.items():
        if parameter.string("Type") != _STORED and is_secret(name, parameter) and not is_true(parameter.get("NoEcho")):
            report("WCN601", template.section("Parameters").keys[name], name=name)


def no_default(template: Template, report: Report) -> None:
    for name, parameter in template.parameters.items():
        default = parameter.get("Default")
        if (
            parameter.string("Type") == _STORED
            or not isinstance(default, Scalar)
            or not default.text
            or default.value is None
        ):
            continue
        if is_secret(name, parameter) or is_true(parameter.get("NoEcho")):
            report("WCN602", default, name=name)


RULES = (no_echo, no_default)
