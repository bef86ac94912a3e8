"""What the service says about a template before anything is made: prices, resources, roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

HOURS_OF_MONTH = 730
_HOURS = {"Hour": Decimal(1), "Day": Decimal(24), "Week": Decimal(168), "Month": Decimal(730), "Year": Decimal(8760)}


@dataclass(frozen=True, slots=True)
class Price:
    """Of one resource: `amount` of `currency` for `period`, one of Hour, Day, Week, Month, Year; None where the service
    knows none, and `reason` says why."""

    resource: str
    type: str
    amount: Decimal | None
    currency: str = ""
    period: str = "Hour"
    reason: str = ""

    @property
    def hourly(self) -> Decimal | None:
        return None if self.amount is None or self.period not in _HOURS else self.amount / _HOURS[self.period]

    @property
    def monthly(self) -> Decimal | None:
        return None if self.hourly is None else self.hourly * HOURS_OF_MONTH


@dataclass(frozen=True, slots=True)
class Preview:
    """A resource that would be made, with its properties as they would be."""

    resource: str
    type: str
    action: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provision:
    """A cloud service that the template needs. `roles` are its service-linked roles which are still to be made."""

    service: str
    enabled: bool
    enable_url: str
    roles: tuple[str, ...]
    authorization_url: str
