"""python -m deploy estimate"""

from __future__ import annotations

from typing import Any

from .. import templates
from ..errors import Failure
from ..plan import stack_plan
from ..pricing import amount_text, sums
from ..questions import choices
from ..session import Session


def estimate(session: Session) -> int:
    """What a deployment would cost, by item; nothing is made. Traffic and what the service has no price for come on
    top."""
    template = templates.of(session.args.topology)
    chosen, _ = choices(session, template)
    plan = stack_plan(chosen, template=template, client_token="")
    prices = session.cloud.prices(template, plan.parameters)
    totals = sums(prices)
    if not totals:
        raise Failure("the service knows no price for any of it", "see its price list in the console", code="NoPrice")
    rows = [
        (price.resource, price.type, amount_text(price.hourly, price.currency, places="0.0001"),
         amount_text(price.monthly, price.currency))
        for price in prices
        if price.amount is not None
    ]  # fmt: skip
    rows += [
        ("total", "", amount_text(hour, currency, places="0.0001"), amount_text(month, currency))
        for currency, (hour, month) in sorted(totals.items())
    ]
    data: dict[str, Any] = {
        "region": plan.region,
        "spec": chosen.spec.id,
        "items": [
            {
                "resource": price.resource, "type": price.type, "amount": _number(price.amount),
                "currency": price.currency, "period": price.period, "hourly": _number(price.hourly),
                "monthly": _number(price.monthly), "reason": price.reason,
            }
            for price in prices
        ],
        "totals": [
            {"currency": currency, "hourly": _number(hour), "monthly": _number(month)}
            for currency, (hour, month) in sorted(totals.items())
        ],
    }  # fmt: skip
    return session.done(data, session.table(("ITEM", "TYPE", "PER HOUR", "PER MONTH"), rows))


def _number(amount: Any) -> str | None:
    """A decimal as text: programs must not round money."""
    return None if amount is None else str(amount.quantize(type(amount)("0.000001")))
