"""python -m deploy status [NAME]"""

from __future__ import annotations

from dataclasses import asdict

from ..outcome import stack_data
from ..session import Session


def status(session: Session) -> int:
    """How the stack and each of its resources is doing."""
    if session.args.via == "computenest":
        from ..computenest import deployment

        return deployment.status(session)
    stack = session.cloud.stack(session.find(session.args.name).id)
    resources = session.cloud.resources(stack.id)
    rows = [(resource.name, resource.type, resource.status, resource.physical_id) for resource in resources]
    lines = [f"{stack.name}  {stack.status}" + (f"  {stack.reason}" if stack.reason and not stack.ready else "")]
    lines += session.table(("RESOURCE", "TYPE", "STATUS", "ID"), rows)
    if stack.login_address:
        lines.append(f"login address  {stack.login_address}")
    return session.done({**stack_data(stack), "resources": [asdict(resource) for resource in resources]}, lines)
