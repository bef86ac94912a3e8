"""python -m deploy preview"""

from __future__ import annotations

import uuid
from dataclasses import asdict

from .. import templates
from ..plan import stack_plan
from ..questions import choices
from ..session import Session


def preview(session: Session) -> int:
    """The resources that `create` would make with these options, as the service says; nothing is made."""
    template = templates.of(session.args.topology)
    chosen, _ = choices(session, template)
    plan = stack_plan(chosen, template=template, client_token=uuid.uuid4().hex)
    found = session.cloud.preview(plan)
    rows = [("+" if item.action == "Add" else item.action, item.resource, item.type) for item in found]
    return session.done({"resources": [asdict(item) for item in found]}, session.table(("", "RESOURCE", "TYPE"), rows))
