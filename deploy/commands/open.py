"""python -m deploy open [NAME]"""

from __future__ import annotations

import webbrowser

from ..errors import Failure
from ..session import Session


def open(session: Session) -> int:  # noqa: A001 # a command's function has the command's name
    """Opens the login page in the browser that the system (or BROWSER) names, and prints its address."""
    stack = session.cloud.stack(session.find(session.args.name).id)
    if not stack.login_address:
        raise Failure(
            f"stack {stack.name} has no login address: {stack.status}",
            f"see: {session.command('events', stack.name)}",
            code="NoOutputs",
        )
    opened = webbrowser.open(stack.login_address)
    if not opened:
        session.tell("no browser was found here; open the address yourself")
    return session.done({"login_address": stack.login_address, "opened": opened}, [stack.login_address])
