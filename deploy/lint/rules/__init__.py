"""One function for each fault that can be found, in modules by subject. A rule takes the template and `report`."""

from __future__ import annotations

from collections.abc import Callable

from ..document import Report
from ..template import Template
from . import (
    calls,
    counts,
    interface,
    literals,
    network,
    parameters,
    properties,
    references,
    scripts,
    secrecy,
    sections,
    transforms,
)

Rule = Callable[[Template, Report], None]

RULES: tuple[Rule, ...] = (
    *sections.RULES,
    *transforms.RULES,
    *parameters.RULES,
    *properties.RULES,
    *references.RULES,
    *counts.RULES,
    *calls.RULES,
    *literals.RULES,
    *secrecy.RULES,
    *scripts.RULES,
    *network.RULES,
    *interface.RULES,
)
