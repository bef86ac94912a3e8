"""python -m deploy list"""

from __future__ import annotations

from ..session import Session


def list(session: Session) -> int:  # noqa: A001 # a command's function has the command's name
    """All stacks of the region, newest first."""
    if session.args.via == "computenest":
        from ..computenest import deployment

        return deployment.list(session)
    # Nothing was ever deployed here, or everything was deleted: no target runs, and none is needed to say so.
    untouched = session.args.local and not session.state_dir.exists()
    stacks = [] if untouched else session.cloud.stacks()
    rows = [(stack.name, stack.status, stack.created, stack.id) for stack in stacks]
    data = [
        {"stack_id": stack.id, "name": stack.name, "status": stack.status, "created": stack.created}
        for stack in stacks
    ]  # fmt: skip
    if not stacks:
        session.tell(f"no stacks {session.where}")
    return session.done({"stacks": data}, session.table(("NAME", "STATUS", "CREATED", "ID"), rows) if rows else ())
