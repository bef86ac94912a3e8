"""`jobs`: what is stored, and how it stands; never text, never file names unless asked for."""

from __future__ import annotations

from argparse import Namespace

import sqlalchemy as sa

from ..database import connect
from ..jobs.figures import Figures
from ..settings import Settings
from .terminal import say, table, when


def jobs(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    engine = connect(settings.database)
    counts = Figures(engine).counts()
    say("  ".join(f"{state}: {count}" for state, count in sorted(counts.items())) or "no jobs")
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT id, owner, state, lane, created, duration, progress, name FROM jobs "
                "WHERE CAST(:state AS TEXT) IS NULL OR state = :state ORDER BY created DESC LIMIT :limit"
            ),
            {"state": arguments.state, "limit": arguments.limit},
        ).all()
    head = ["ID", "USER", "STATE", "LANE", "CREATED", "SECONDS", "DONE"] + (["NAME"] if arguments.names else [])
    listed = [
        [
            row.id,
            row.owner,
            row.state,
            row.lane,
            when(row.created),
            "-" if row.duration is None else f"{row.duration:.1f}",
            f"{row.progress:.0%}",
            *([row.name] if arguments.names else []),
        ]
        for row in rows
    ]
    table(head, listed)
    return 0
