"""python -m deploy render [--check] [--out DIR]"""

from __future__ import annotations

from pathlib import Path

from ..errors import Failure
from ..session import Session
from ..templates import FOLDER, stale
from ..templates import render as render_templates


def render(session: Session) -> int:
    """Makes the templates, or with --check tells whether those there are fresh."""
    folder = Path(session.args.out) if session.args.out else FOLDER
    rendered = render_templates(session.catalog)
    if session.args.check:
        old = [str(path) for path in stale(rendered, folder)]
        if old:
            raise Failure(f"not fresh: {', '.join(old)}", "run: python -m deploy render", code="Stale")
        return session.done({"fresh": sorted(rendered)}, [f"{folder / name} is fresh" for name in sorted(rendered)])
    written = []
    for name, text in rendered.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
        except OSError as error:
            raise Failure(
                f"{folder / name}: cannot be written ({error.strerror})", "choose another --out", code="Unwritable"
            ) from None
        written.append(str(folder / name))
    return session.done({"written": written}, [f"{path} written" for path in written])
