"""A template's Locals: the value of each stands wherever it is named, as the service's precompiler has it, so that
nothing after it knows of them ("Locals" in the ROS user guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import ApiError, invalid
from .substitution import Replacement, substituted

MAX_PUT_IN, MAX_DEPTH = 10_000, 50
"""Values put in, and how deep in each other: a few lines of Locals can stand for any number."""


def with_locals(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its Locals. Raises ApiError for those that cannot be, or name each other in a circle."""
    section = document.get("Locals")
    if not section:
        return {name: body for name, body in document.items() if name != "Locals"}
    if not isinstance(section, dict):
        raise ApiError("InvalidTemplateSection", "The template section (Locals) is invalid: it should be a map.")
    values = dict(_locals(section, document))
    put_in = 0

    def find(open_names: tuple[str, ...]) -> Replacement:
        def value_of(name: str) -> Any:
            nonlocal put_in
            value = values[name]
            put_in += 1
            if put_in > MAX_PUT_IN or len(open_names) > MAX_DEPTH:
                raise invalid("Locals: they name each other too often.")
            if name in open_names:
                raise invalid(f"Circular Dependency Found: {' -> '.join([*open_names, name])}")
            return substituted(value, find((*open_names, name)))

        return value_of

    for name in values:
        find(())(name)  # a circle is found though nobody names it
    sections = ("Conditions", "Rules", "Resources", "Outputs")
    rest = {name: substituted(body, find(())) if name in sections else body for name, body in document.items()}
    del rest["Locals"]
    return rest


def _locals(section: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, body in section.items():
        where = f"Locals.{name}"
        kind = body.get("Type", "Macro") if isinstance(body, dict) else ""
        if str(kind).startswith("DATASOURCE::"):
            raise invalid(f"{where}: {kind} is not known to the local target.")
        if kind not in ("Macro", "Eval") or body.keys() - {"Type", "Value"} or "Value" not in body:
            raise invalid(f"{where}: a local variable is a map of Type (Macro or Eval) and Value.")
        if any(name in (document.get(other) or {}) for other in ("Parameters", "Resources")):
            raise invalid(f"{where}: there is a parameter or resource of that name.")
        yield name, body["Value"]
