"""python -m deploy outputs [NAME]"""

from __future__ import annotations

from ..errors import Failure
from ..outcome import stack_data
from ..session import Session


def outputs(session: Session) -> int:
    """The addresses and ids that the stack gives out."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    if not stack.outputs:
        raise Failure(
            f"stack {stack.name} has no outputs: {stack.status}",
            f"see: {session.command('events', stack.name)}",
            code="NoOutputs",
        )
    rows = [(key, str(value)) for key, value in stack.outputs.items()]
    return session.done(stack_data(stack), session.table(("OUTPUT", "VALUE"), rows))
