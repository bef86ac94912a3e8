"""python -m deploy policy"""

from __future__ import annotations

import json
from pathlib import Path

from .. import templates
from ..errors import Failure
from ..session import Session


def policy(session: Session) -> int:
    """The least RAM policy for a user who creates, updates and deletes these stacks, ready for RAM's console."""
    found = session.cloud.policy(templates.of(session.args.topology))
    if not found:
        raise Failure("the service gave no policy", "try again later", code="NoPolicy")
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if not session.args.out:
        return session.done({"policy": found}, [text])
    try:
        Path(session.args.out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{session.args.out}: cannot be written ({error.strerror})", "choose another --out", code="Unwritable"
        ) from None
    return session.done({"policy": found, "written": session.args.out}, [f"{session.args.out} written"])
