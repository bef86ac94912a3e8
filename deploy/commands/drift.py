"""python -m deploy drift [NAME]"""

from __future__ import annotations

from dataclasses import asdict

from ..amendment import difference
from ..session import Session


def drift(session: Session) -> int:
    """Compares the stack's resources with what it says they are. Exit code 1 when one differs."""
    cloud = session.cloud
    stack = session.find(session.args.name)
    detection = cloud.detect_drift(stack.id)
    while not cloud.drift_detected(detection):
        session.pause()
    found = cloud.drifts(stack.id)
    drifted = [item for item in found if item.drifted]
    lines = []
    for item in found if session.args.all else drifted:
        lines.append(f"{item.status:11}  {item.resource}  {item.type}")
        lines += [f"    {difference(change)}" for change in item.properties]
    if not drifted:
        lines.append(f"{stack.name} is as its template says")
    session.done({"drifted": bool(drifted), "resources": [asdict(item) for item in found]}, lines)
    return 1 if drifted else 0
