"""Slows down guessing: after five wrong passwords an address waits 30 s, then twice as long each time, up to 15 min.

It counts addresses, never accounts: locking an account would let any stranger lock out its owner.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_ATTEMPTS = 5
FIRST_DELAY = 30.0
LONGEST_DELAY = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Record:
    failures: int = 0
    until: float = 0.0
    last: float = 0.0


class Lockout:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def wait(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 when it may now."""
        record = self._records.get(_network(address))
        return max(0, math.ceil(record.until - self._clock())) if record else 0

    def failed(self, address: str) -> None:
        now = self._clock()
        self._forget(now)
        record = self._records.setdefault(_network(address), _Record())
        record.failures += 1
        record.last = now
        if record.failures >= FREE_ATTEMPTS:
            record.until = now + min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(10, record.failures - FREE_ATTEMPTS))

    def succeeded(self, address: str) -> None:
        self._records.pop(_network(address), None)

    def _forget(self, now: float) -> None:
        if len(self._records) < _MOST_ADDRESSES:
            return
        fresh = {key: record for key, record in self._records.items() if now - record.last < _FORGOTTEN_AFTER}
        # Still too many: a flood from everywhere. The longest-waiting ones matter most.
        ranked = sorted(fresh.items(), key=lambda item: item[1].until, reverse=True)
        self._records = dict(ranked[: _MOST_ADDRESSES // 2])


def _network(address: str) -> str:
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
