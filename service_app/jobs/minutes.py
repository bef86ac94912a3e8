"""A key's minutes of recording a day (UTC): reserved by what the file says (length.py) when a job is accepted, settled
when its length is known.

Both are weighed against all other jobs of the key in the transaction that writes, one at a time among all nodes. So
however many calls come at once, the day's minutes are passed by one recording at most: by the last that fitted in.
"""

from __future__ import annotations

import math
from typing import Final

import sqlalchemy as sa

from ..database import sql
from ..errors import Busy
from .rows import EXPECTED

DAY: Final = 86400.0


def used(connection: sa.Connection, key_id: str, now: float, *, settled: bool = False, but: str = "") -> float:
    """Seconds of recording that were given with this key on the day of `now`, deleted ones too, but the job `but`;
    those not measured yet are guessed, or (`settled`) left out. What failed costs nothing."""
    asked = sql(
        "SELECT sum(seconds) AS seconds FROM ("  # noqa: S608
        f"SELECT {'COALESCE(duration, 0.0)' if settled else EXPECTED} AS seconds FROM jobs "
        "WHERE key_id = :key AND created >= :since AND state <> 'failed' AND id <> :but "
        "UNION ALL SELECT seconds FROM spent WHERE key_id = :key AND created >= :since) AS given"
    )
    return float(connection.execute(asked, {"key": key_id, "since": now - now % DAY, "but": but}).scalar() or 0.0)


def require(
    connection: sa.Connection, key_id: str, allowance: float, now: float, *, settled: bool = False, but: str = ""
) -> None:
    """Raises `Busy` (`daily_minutes_used`) until the next day when the day's `allowance` (seconds) is used up. Before,
    the caller has written what makes it the only one on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"minutes {key_id}"})
    if used(connection, key_id, now, settled=settled, but=but) < allowance:
        return
    wait = math.ceil(DAY - now % DAY)
    given = f"{allowance / 60:.0f}"
    raise Busy(
        "daily_minutes_used",
        zh=f"此密钥今日的 {given} 分钟录音额度已用完，{wait} 秒后恢复。",
        en=f"This key's {given} minutes of recording for today are used up; there are new ones in {wait} s.",
        retry_after=wait,
    )
