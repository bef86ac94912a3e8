"""python -m deploy update [NAME] [--set PARAM=VALUE …]"""

from __future__ import annotations

from .. import formats, parameters, passwords, templates
from ..amendment import amend
from ..assistant import restart
from ..errors import Usage
from ..questions import piped
from ..secret import Secret
from ..session import Session


def update(session: Session) -> int:
    """Brings the stack to this version's template, or keeps its own, with the parameters that are given."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    own = session.args.keep_template
    topology = "cluster" if "Nodes" in stack.parameters else "single"
    template = session.cloud.template(stack.id) if own else templates.of(topology)
    given: dict[str, str | Secret] = {**parameters.further(session.args.set, parameters.declared(template))}
    if session.args.password_stdin:
        password = piped(session, "--password-stdin")
        formats.check_software_password(password.reveal(), stack.parameters.get("SoftwareUserName", ""))
        given["SoftwarePassword"] = passwords.hashed(password)
    if own and not given:
        raise Usage("missing: --set", "with --keep-template there is nothing else to change", code="Missing")
    return amend(session, stack, template, given, settle=lambda: restart(session, stack))
