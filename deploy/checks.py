"""What a deployment needs, checked one by one. Each check gives a verdict, and a remedy where something is amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from . import templates
from .catalog import Spec
from .errors import Failure
from .plan import Payment
from .session import Session
from .stock import zones_in_stock

_SKEW_SECONDS = 300  # the service refuses requests that are 15 minutes off
_QUOTA, _USED = "max-postpaid-instance-vcpu-count", "used-postpaid-instance-vcpu-count"


class Verdict(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the service did not say


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def checks(session: Session, spec: Spec) -> Iterator[Check]:
    """In an order in which each needs those before it; without credentials there is no more to see."""
    first = _guarded("credentials", lambda: _credentials(session))
    yield first
    if first.verdict is Verdict.FAILED:
        return
    template = templates.of(session.args.topology)
    nodes = 2 if session.args.topology == "cluster" else 1  # as many as `create` makes when no number is given
    yield _guarded("clock", lambda: _clock(session))
    yield _guarded("permissions", lambda: _permissions(session))
    yield _guarded("roles", lambda: _roles(session, template))
    yield _guarded("quota", lambda: _quota(session, spec, nodes))
    yield _guarded("stock", lambda: _stock(session, template, spec))


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except Failure as failure:
        unknown = failure.code.startswith("InvalidAction")
        return Check(name, Verdict.UNKNOWN if unknown else Verdict.FAILED, failure.message, failure.remedy)


def _credentials(session: Session) -> Check:
    session.account  # noqa: B018 # connects, or says what is missing
    where = "of the local target" if session.args.local else "found"
    return Check("credentials", Verdict.OK, where)


def _clock(session: Session) -> Check:
    ahead = session.cloud.clock_ahead()
    if ahead is None:
        return Check("clock", Verdict.UNKNOWN, "the service did not tell its time")
    finding = f"{abs(ahead):.0f} s {'ahead of' if ahead >= 0 else 'behind'} the service's"
    if abs(ahead) > _SKEW_SECONDS:
        return Check("clock", Verdict.FAILED, finding, "set this machine's clock, such as with chrony or NTP")
    return Check("clock", Verdict.OK, finding)


def _permissions(session: Session) -> Check:
    count = len(session.cloud.stacks())
    return Check("permissions", Verdict.OK, f"stacks can be listed ({count} here); see also: python -m deploy policy")


def _roles(session: Session, template: str) -> Check:
    found = session.cloud.provisions(template)
    closed = [item for item in found if not item.enabled]
    if closed:
        remedy = "; ".join(f"open {item.service}: {item.enable_url or 'in the console'}" for item in closed)
        return Check("roles", Verdict.FAILED, f"not open: {', '.join(item.service for item in closed)}", remedy)
    missing = [item for item in found if item.roles]
    if missing:
        names = ", ".join(role for item in missing for role in item.roles)
        address = next((item.authorization_url for item in missing if item.authorization_url), "in the RAM console")
        return Check("roles", Verdict.FAILED, f"service-linked roles are missing: {names}", f"create them: {address}")
    return Check("roles", Verdict.OK, "services are open and their roles exist")


def _quota(session: Session, spec: Spec, nodes: int) -> Check:
    found = session.machines.attributes((_QUOTA, _USED))
    if _QUOTA not in found:
        return Check("quota", Verdict.UNKNOWN, "the service did not tell the quota of vCPUs")
    free = int(found[_QUOTA]) - int(found.get(_USED, "0"))
    needed = nodes * spec.cpus
    finding = f"{free} vCPUs are free, {spec.id} has {spec.cpus}"
    if nodes > 1:
        finding = f"{free} vCPUs are free, {nodes} nodes of {spec.id} have {needed}"
    if free < needed:
        return Check("quota", Verdict.FAILED, finding, "ask for more in Quota Center: ECS, pay-as-you-go vCPUs")
    return Check("quota", Verdict.OK, finding)


def _stock(session: Session, template: str, spec: Spec) -> Check:
    zones = zones_in_stock(session, template, spec, Payment())
    if not zones:
        remedy = f"see who has some: {session.command('estimate', '--spec', spec.id, '--zone', 'auto')}"
        return Check("stock", Verdict.FAILED, f"no zone of {session.region.id} has {spec.id}", remedy)
    return Check("stock", Verdict.OK, f"{spec.id} is in {', '.join(zones)}")
