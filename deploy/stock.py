"""Which zone has the wanted instance type; if none has, who has."""

from __future__ import annotations

from .catalog import Spec
from .errors import Failure, ServiceError
from .plan import Payment
from .session import Session

_ZONE = "ZoneId"


def zone_in_stock(session: Session, template: str, spec: Spec, payment: Payment, but: str = "") -> str:
    """The first zone of the region, `but` one, in which the instance type can be bought that way. Raises `Failure` that
    names the specs of this region and the other regions that have some."""
    zones = [zone for zone in zones_in_stock(session, template, spec, payment) if zone != but]
    if but and not zones:
        raise Failure(
            f"only {but} has {spec.id} in stock", "choose the zones yourself: --zone, --second-zone", code="OutOfStock"
        )
    if zones:
        session.tell(f"zone {zones[0]} has {spec.id} in stock")
        return zones[0]
    session.tell(f"no zone of {session.region.id} has {spec.id} in stock; asking who has")
    elsewhere = []
    for region in session.catalog.regions:
        if region.id != session.region.id and zones_in_stock(session, template, spec, payment, region.id):
            elsewhere.append(region.id)
    others = [
        other.id
        for other in session.catalog.specs
        if other.id != spec.id and zones_in_stock(session, template, other, payment)
    ]
    ways = [f"--spec {other}" for other in others] + [f"--region {region}" for region in elsewhere]
    remedy = f"in stock: {', '.join(ways)}" if ways else "nothing of the catalog is in stock anywhere; try again later"
    raise Failure(f"{spec.id} is out of stock in {session.region.id}", remedy, code="OutOfStock")


def zones_in_stock(session: Session, template: str, spec: Spec, payment: Payment, region: str = "") -> list[str]:
    """In another `region` a refusal counts as none: it may not be open to the account."""
    asked = {"InstanceType": spec.id, **payment.parameters()}
    try:
        return session.cloud.allowed(template, asked, _ZONE, region=region)
    except (ServiceError, Failure):
        if region:
            return []
        raise
