"""python -m deploy events [NAME] [--follow]"""

from __future__ import annotations

from dataclasses import asdict

from ..follow import follow
from ..progress import event_line, watch
from ..session import Session


def events(session: Session) -> int:
    """What happened, oldest first; with --follow, what happens until the stack settles."""
    stack = session.find(session.args.name)
    if session.args.follow:
        steps = follow(session.cloud, stack, pause=session.pause)
        watch(steps, stream=session.stderr, clock=session.clock, environ=session.environ)
    found = session.cloud.events(stack.id)
    lines = () if session.args.follow else [f"{event.time}  {event_line(event)}" for event in found]
    return session.done({"events": [asdict(event) for event in found]}, lines)
