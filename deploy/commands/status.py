"""python -m deploy status [NAME]"""

from __future__ import annotations

from dataclasses import asdict

from ..assistant import nodes_of
from ..outcome import stack_data
from ..session import Session


def status(session: Session) -> int:
    """How the stack, each of its resources and each node of a cluster is doing."""
    if session.args.via == "computenest":
        from ..computenest import deployment

        return deployment.status(session)
    stack = session.cloud.stack(session.find(session.args.name).id)
    resources = session.cloud.resources(stack.id)
    rows = [(resource.name, resource.type, resource.status, resource.physical_id) for resource in resources]
    lines = [f"{stack.name}  {stack.status}" + (f"  {stack.reason}" if stack.reason and not stack.ready else "")]
    lines += session.table(("RESOURCE", "TYPE", "STATUS", "ID"), rows)
    nodes = nodes_of(session, stack)
    if nodes is not None:
        lines += session.table(
            ("NODE", "STATUS", "ZONE", "ADDRESS"), [(node.id, node.status, node.zone, node.address) for node in nodes]
        )
    if stack.login_address:
        lines.append(f"login address  {stack.login_address}")
    data = {**stack_data(stack), "resources": [asdict(resource) for resource in resources]}
    if nodes is not None:
        data["nodes"] = [asdict(node) for node in nodes]
    return session.done(data, lines)
