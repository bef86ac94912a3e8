"""Passwords: made, read, hashed. The software password is hashed here, so that it never leaves this process."""

from __future__ import annotations

import secrets
import string

from .secret import Secret

_SYMBOLS = "-_=+.:?"  # easy to type, to paste into a URL field and to read aloud


def generate(length: int = 20) -> Secret:
    """A random password with all four kinds of characters. It begins with a letter, so that it never reads like an
    option."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, _SYMBOLS)
    rest = [secrets.choice(kind) for kind in kinds]
    rest += [secrets.choice("".join(kinds)) for _ in range(length - 1 - len(rest))]
    secrets.SystemRandom().shuffle(rest)
    return Secret(secrets.choice(string.ascii_letters) + "".join(rest))


def for_database() -> Secret:
    """A random password of letters and digits, which stands in an address as it is; RDS takes up to 32 characters."""
    alphabet = string.ascii_letters + string.digits
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    rest = [secrets.choice(kind) for kind in kinds] + [secrets.choice(alphabet) for _ in range(28)]
    secrets.SystemRandom().shuffle(rest)
    return Secret(secrets.choice(string.ascii_letters) + "".join(rest))


def hashed(password: Secret) -> Secret:
    """argon2id with the parameters of RFC 9106's second choice (64 MiB, 3 passes, 4 lanes), argon2-cffi's default."""
    from argon2 import PasswordHasher

    return Secret(PasswordHasher().hash(password.reveal()))
