"""python -m deploy doctor [--spec SPEC]"""

from __future__ import annotations

from dataclasses import asdict

from ..checks import Verdict, checks
from ..progress import aligned
from ..session import Session

_SIGNS = {Verdict.OK: "✔", Verdict.FAILED: "✘", Verdict.UNKNOWN: "?"}


def doctor(session: Session) -> int:
    """Looks at everything a deployment needs. Exit code 1 when something is amiss."""
    catalog = session.catalog
    spec = catalog.find_spec(session.args.spec) if session.args.spec else catalog.specs[0]
    found = list(checks(session, spec))
    rows = []
    for check in found:
        rows.append((f"{_SIGNS[check.verdict]} {session.say(check.name)}", session.say(check.finding)))
        if check.remedy and check.verdict is not Verdict.OK:
            rows.append(("", f"→ {session.say(check.remedy)}"))
    healthy = all(check.verdict is not Verdict.FAILED for check in found)
    session.done({"healthy": healthy, "checks": [asdict(check) for check in found]}, aligned((), rows))
    return 0 if healthy else 1
