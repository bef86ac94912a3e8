"""Password hashing and checking: argon2id, one hash at a time, the same time for every wrong answer.

Parameters: t=3, m=64 MiB (RFC 9106's second choice, on one lane): about 0.15 s on a small machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import BadRequest, Busy

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_SHORTEST = 8  # characters
_LONGEST = 1024  # bytes of a password that are looked at
_WAITING = 16  # checks that may queue; more is a flood
_WAITING_KNOWN = 64
_REMEMBERED_SECONDS = 300.0
_REMEMBERED_ENTRIES = 256


def hash_password(password: str) -> str:
    """The argon2id hash to put into `WHISPER_ADMIN_PASSWORD_HASH`. Raises ValueError when empty or over 1 KiB."""
    if not 0 < len(password.encode()) <= _LONGEST:
        raise ValueError(f"password: should have 1 to {_LONGEST} bytes")
    return _HASHER.hash(password)


def require_strong(password: str, user: str, *, param: str = "password") -> None:
    """Raises `BadRequest` (`weak_password`, naming `param`): 8 characters, not all the same, not the user's name."""
    size = len(password.encode())
    if len(password) < _SHORTEST or size > _LONGEST or len(set(password)) < 3 or password.lower() == user.lower():
        raise BadRequest(
            "weak_password",
            zh=f"密码至少 {_SHORTEST} 个字符，不能与用户名相同，也不能只是重复的字符。",
            en=f"A password has at least {_SHORTEST} characters, is not the user name, and not one letter repeated.",
            param=param,
        )


def matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password.encode()[:_LONGEST])
    except (VerificationError, InvalidHashError):
        return False


class PasswordCheck:
    """Checks user names and passwords.

    An unknown user is checked against the hash `fallback` and refused, so that time does not tell who exists. Right
    answers are remembered for five minutes under a key of this process: HTTP Basic sends them with every request.
    """

    def __init__(self, *, fallback: str, matches: Callable[[str, str], bool] = matches) -> None:
        self._fallback = fallback
        self._matches = matches
        self._one_at_a_time = asyncio.Semaphore(1)
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, float] = {}

    async def __call__(
        self, user: str, password: str, stored: str | None, *, known: bool, before: Callable[[], None]
    ) -> bool:
        """`stored` is the user's hash, None for an unknown one. `known`: the user logged in from there before, and a
        flood of strangers does not turn such a login away. `before` runs when it is this check's turn and may
        raise: a lockout counts attempts that queue at once."""
        mark = self._mark(user, password, stored or "")
        before()
        if self._knows(mark):
            return True
        if self._waiting >= (_WAITING_KNOWN if known else _WAITING):
            raise Busy("busy", zh="登录请求过多，请稍后再试。", en="Too many logins at once; try again.", retry_after=5)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                before()
                if self._knows(mark):  # a program begins with many requests at once: the first was checked meanwhile
                    return True
                right = await asyncio.to_thread(self._matches, stored or self._fallback, password)
        finally:
            self._waiting -= 1
        if not right or stored is None:
            return False
        if len(self._remembered) >= _REMEMBERED_ENTRIES:
            self._remembered.clear()
        self._remembered[mark] = time.monotonic() + _REMEMBERED_SECONDS
        return True

    def _knows(self, mark: bytes) -> bool:
        return self._remembered.get(mark, 0.0) > time.monotonic()

    def _mark(self, user: str, password: str, stored: str) -> bytes:
        # The stored hash is part of it: a changed password forgets the old one.
        fields = b"".join(len(part).to_bytes(4) + part for part in (user.encode(), password.encode(), stored.encode()))
        return hmac.digest(self._key, fields, hashlib.sha256)
