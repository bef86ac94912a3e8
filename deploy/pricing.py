"""Prices put together: sums by currency, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from .offers import Price


def sums(prices: Iterable[Price]) -> dict[str, tuple[Decimal, Decimal]]:
    """Per hour and per month (730 hours), by currency."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for price in prices:
        if price.hourly is not None and price.monthly is not None:
            hour, month = found.get(price.currency, (Decimal(0), Decimal(0)))
            found[price.currency] = (hour + price.hourly, month + price.monthly)
    return found


def amount_text(amount: Decimal | None, currency: str, *, places: str = "0.01") -> str:
    return "-" if amount is None else f"{amount.quantize(Decimal(places)):,} {currency}".strip()


def monthly_text(prices: Sequence[Price]) -> str:
    """Such as `7,300.00 CNY a month`; empty when no price is known."""
    totals = [amount_text(month, currency) for currency, (_, month) in sorted(sums(prices).items())]
    return f"{' + '.join(totals)} a month" if totals else ""
