"""Template parameters that are given by name: KEY=VALUE, checked against what a template declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import Failure, Usage


def declared(template: str) -> dict[str, dict[str, Any]]:
    """The parameters of a template as it declares them, in its order."""
    import yaml

    try:
        content = yaml.load(template, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # both safe
    except yaml.YAMLError as error:
        raise Failure("the template is not YAML", str(error).splitlines()[0], code="Template") from None
    parameters: dict[str, dict[str, Any]] = (content or {}).get("Parameters") or {}
    return parameters


def further(pairs: Iterable[str], declared: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Template parameters of --set, which must be declared and not secret."""
    found = assignments("--set", pairs)
    for key in found:
        if key not in declared:
            raise Usage(f"--set {key}: no such parameter", f"choose one of {', '.join(declared)}", code="Set")
        if declared[key].get("NoEcho"):
            raise Usage(f"--set {key}: a secret is not given on the command line", "see: --password-stdin", code="Set")
    return found


def assignments(option: str, pairs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Usage(
                f"{option} {pair}: not KEY=VALUE", "write it like owner=ada", code=option.strip("-").capitalize()
            )
        found[key] = value
    return found
