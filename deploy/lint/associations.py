"""The values of AssociationProperty that the console's form knows, one a line in associations.txt (from Alibaba Cloud's
iac-code 0.16)."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def associations() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("associations.txt").read_text(encoding="utf-8").split())
