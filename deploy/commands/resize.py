"""python -m deploy resize [NAME] --spec SPEC"""

from __future__ import annotations

from ..amendment import amend
from ..errors import Failure
from ..session import Session


def resize(session: Session) -> int:
    """Gives the stack another instance type and leaves all else as it is. The instance is stopped for it."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    spec = session.catalog.find_spec(session.args.spec)
    template = session.cloud.template(stack.id)
    if spec.id == stack.parameters.get("InstanceType"):
        raise Failure(f"stack {stack.name} has {spec.id} already", "choose another --spec", code="SameSpec")
    if "Nodes" in stack.parameters:
        session.tell("nodes that join from now on have the new type; those that are there keep theirs until they leave")
    return amend(session, stack, template, {"InstanceType": spec.id})
