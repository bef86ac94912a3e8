"""Slows down guessing, by address and by account.

An address waits 30 s after five wrong passwords, then twice as long each time, up to 15 min. A right one forgives the
wrong ones for the same account only: an account of one's own buys no guesses at others. An account that is guessed at
from many addresses waits too, up to a minute, but only for networks from which its owner never logged in: strangers
cannot lock the owner out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

FREE_ATTEMPTS = 5
FIRST_DELAY = 30.0
LONGEST_DELAY = 900.0
ACCOUNT_ATTEMPTS = 20
ACCOUNT_FIRST_DELAY = 2.0
ACCOUNT_LONGEST_DELAY = 60.0
FORGOTTEN_AFTER = 3600.0
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Record:
    failures: int = 0
    until: float = 0.0
    last: float = 0.0
    by: Counter[str] = field(default_factory=Counter)  # failures by what was tried


class Lockout:
    """Failures by a key: an address or an account. After `free` of them every further one doubles the delay."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        free: int = FREE_ATTEMPTS,
        first: float = FIRST_DELAY,
        longest: float = LONGEST_DELAY,
    ) -> None:
        self._clock = clock
        self._free, self._first, self._longest = free, first, longest
        self._records: dict[str, _Record] = {}

    def wait(self, key: str) -> int:
        """Whole seconds until this one may try again; 0 when it may now."""
        record = self._records.get(key)
        return max(0, math.ceil(record.until - self._clock())) if record else 0

    def failed(self, key: str, tried: str = "") -> None:
        now = self._clock()
        self._forget(now)
        record = self._records.setdefault(key, _Record())
        record.failures += 1
        record.by[tried] += 1
        record.last = now
        record.until = now + self.delay(record.failures)

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return 0.0 if failures < self._free else min(self._longest, self._first * 2.0 ** min(10, failures - self._free))

    def learn(self, key: str, failures: int, until: float) -> None:
        """What all nodes together have counted."""
        if not failures:
            self._records.pop(key, None)
            return
        now = self._clock()
        self._forget(now)
        record = self._records.setdefault(key, _Record())
        record.failures, record.until, record.last = failures, until, now

    def succeeded(self, key: str, tried: str = "") -> None:
        """Forgives the failures of the same `tried`."""
        record = self._records.get(key)
        if record is None:
            return
        record.failures -= record.by.pop(tried, 0)
        if not record.failures:
            del self._records[key]

    def _forget(self, now: float) -> None:
        if len(self._records) < _MOST_ADDRESSES:
            return
        fresh = {key: record for key, record in self._records.items() if now - record.last < FORGOTTEN_AFTER}
        # Still too many: a flood from everywhere. The longest-waiting ones matter most.
        ranked = sorted(fresh.items(), key=lambda item: item[1].until, reverse=True)
        self._records = dict(ranked[: _MOST_ADDRESSES // 2])


def network_of(address: str) -> str:
    """One customer's address: an IPv6 user owns a /64 and would else have 2**64 tries."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
