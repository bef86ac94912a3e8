"""python -m deploy: arguments ─▶ Session ─▶ commands/<verb>.py ─▶ exit code.

Everything that can go wrong is told here, once: an expected failure in one line, a bug in a log file whose path is
printed, an interruption with the way to go on.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from .errors import Failure
from .options import VERBS, parser
from .session import Session

BUG = 3


def run(
    argv: Sequence[str] | None = None,
    *,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Runs one command and returns its exit code. Streams and environment default to the process's own."""
    words = list(sys.argv[1:] if argv is None else argv)
    surroundings = dict(os.environ if environ is None else environ)
    if chosen := _language(words):
        surroundings["LC_ALL"] = chosen
    session = Session(
        verb=next((word for word in words if word in VERBS), ""),
        json="--json" in words,
        stdin=stdin or sys.stdin,
        stdout=stdout or sys.stdout,
        stderr=stderr or sys.stderr,
        environ=surroundings,
    )
    try:
        session.args = parser(session.language).parse_args(words)
        command = importlib.import_module(f".commands.{session.args.verb}", __package__)
        try:
            code: int = getattr(command, session.args.verb)(session)
        finally:
            session.leave()
    except Failure as failure:
        session.fail(failure)
        return failure.exit_code
    except KeyboardInterrupt:
        session.fail(Failure("interrupted", code="Interrupted"))
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough (head, less); what is left must not complain when Python closes it.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 0
    except Exception:  # the last line of defence
        log = _log_bug(session)
        session.fail(Failure("this is a bug in the program", f"please report it with {log}", code="Bug"))
        return BUG
    return code


def _language(words: Sequence[str]) -> str:
    """What --lang says, before anything else is known of the words: --help is spoken in it, too."""
    for word, after in zip(words, [*words, ""][1:], strict=True):
        chosen = after if word == "--lang" else word.removeprefix("--lang=")
        if chosen in ("en", "zh") and word.startswith("--lang"):
            return chosen
    return ""


def _log_bug(session: Session) -> Path:
    import tempfile
    import traceback

    stamp = time.strftime("%Y%m%d-%H%M%S")
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"whisper-deploy-{session.verb}-{stamp}-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"python {sys.version}\ncommand {session.verb}\n")
        traceback.print_exc(file=log)
    return Path(log.name)
