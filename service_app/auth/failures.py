"""Failed logins in the database: counted once for all nodes, and over restarts. What follows from them: lockout.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from .lockout import FORGOTTEN_AFTER


class Failures:
    """Blocking. `name` is a network or an account."""

    _engine: sa.Engine

    def locks(self, names: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Failures of late, at any node, and until when their author waits."""
        with self._engine.connect() as connection:
            asked = sa.text("SELECT name, failures, until FROM lockouts WHERE name IN :names")
            rows = connection.execute(asked.bindparams(sa.bindparam("names", expanding=True)), {"names": list(names)})
            return {row.name: (row.failures, row.until) for row in rows}

    def count_failure(self, name: str, tried: str, now: float, delay: Callable[[int], float]) -> tuple[int, float]:
        """One more, whichever node counts, and for what was tried; `delay` gives the seconds to wait after so many."""
        with self._engine.begin() as connection:
            counted = [0, 0]
            for place, each in enumerate([name, *([_part(name, tried)] if tried else [])]):
                counted[place] = connection.execute(
                    sa.text(
                        "INSERT INTO lockouts (name, failures, until, last) VALUES (:name, 1, 0, :now) "
                        "ON CONFLICT (name) DO UPDATE SET failures = CASE WHEN lockouts.last < :old THEN 1 "
                        "ELSE lockouts.failures + 1 END, last = excluded.last RETURNING failures"
                    ),
                    {"name": each, "now": now, "old": now - FORGOTTEN_AFTER},
                ).scalar_one()
            until = now + delay(counted[0])
            connection.execute(
                sa.text("UPDATE lockouts SET until = :until WHERE name = :name"), {"name": name, "until": until}
            )
        return counted[0], until

    def forgive(self, network: str, account: str) -> None:
        """The right password came: what was counted for this account, from anywhere and from this network."""
        names = {"network": network, "account": account, "part": _part(network, account)}
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE lockouts SET failures = failures - COALESCE("
                    "(SELECT failures FROM lockouts WHERE name = :part), 0) WHERE name = :network"
                ),
                names,
            )
            connection.execute(
                sa.text("DELETE FROM lockouts WHERE name IN (:account, :part) OR (name = :network AND failures <= 0)"),
                names,
            )


def _part(network: str, account: str) -> str:
    return f"{network} {account}"  # no network's name has a space
