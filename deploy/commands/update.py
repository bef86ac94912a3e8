"""python -m deploy update [NAME] [--set PARAM=VALUE …]"""

from __future__ import annotations

from .. import parameters, templates
from ..amendment import amend
from ..errors import Usage
from ..session import Session


def update(session: Session) -> int:
    """Brings the stack to this version's template, or keeps its own, with the parameters that are given."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    own = session.args.keep_template
    template = session.cloud.template(stack.id) if own else templates.body("single.yaml")
    given = parameters.further(session.args.set, parameters.declared(template))
    if own and not given:
        raise Usage("missing: --set", "with --keep-template there is nothing else to change", code="Missing")
    return amend(session, stack, template, given)
