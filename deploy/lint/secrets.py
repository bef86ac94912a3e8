"""Which parameters hold secrets, and which hold text that a user may choose freely."""

from __future__ import annotations

import re

from .nodes import Mapping, Sequence, is_true

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET = re.compile(
    r"(password|passwd|\bpwd|\bsecret|\btoken|api ?key|access ?key ?secret|secret ?key|private ?key|credential)s?\b"
)
# A name about a secret rather than of one: PasswordLength, SecretName, TokenExpiry.
_ABOUT = frozenset(
    [
        "name",
        "id",
        "ids",
        "type",
        "mode",
        "length",
        "policy",
        "inherit",
        "enabled",
        "enable",
        "count",
        "ttl",
        "expire",
        "expiry",
        "expiration",
        "period",
        "path",
        "url",
        "arn",
        "region",
        "version",
        "option",
        "options",
        "method",
        "size",
        "source",
        "store",
        "tokens",
    ]
)
_SECRET_TYPES = ("String", "")
# Characters with which a value can leave its place in a shell script are in none of these.
_SAFE_TOKEN = re.compile(
    r"\\[dwbAZ.\-/+@:_]|\\u[0-9a-fA-F]{4}|[A-Za-z0-9_@%+=:,/\-\u4e00-\u9fa5]|[\^$()|?*+]|\{\d*,?\d*\}|\(\?:"
    r"|\[(?!\^)(?:\\[dw.\-/+@:_]|\\u[0-9a-fA-F]{4}|[A-Za-z0-9_@%+=:,./\-\u4e00-\u9fa5])+\]"
)
_LOOKAHEAD = re.compile(r"\(\?<?[=!](?:[^()\\]|\\.)*\)")
_FREE_PROPERTIES = ("TextArea", "Code", "AutoCompleteInput", "Password", "Json")


def is_secret(name: str, parameter: Mapping) -> bool:
    """By its AssociationProperty, or by its name when it is a text that is typed in."""
    if (parameter.string("AssociationProperty") or "").split("::")[-1].endswith("Password"):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    typed_in = (parameter.string("Type") or "") in _SECRET_TYPES and "AllowedValues" not in parameter.entries
    return bool(typed_in and words and words[-1] not in _ABOUT and _SECRET.search(" ".join(words)))


def is_free_text(name: str, parameter: Mapping) -> bool:
    """Whether a value may hold quotes, spaces, `$` or a new line: then it must never be pasted into a script. A secret
    counts too, whatever its pattern, because the script's text is kept readable in the record of the command."""
    if is_secret(name, parameter) or is_true(parameter.get("NoEcho")):
        return True
    if (parameter.string("Type") or "String") not in ("String", "Json", "CommaDelimitedList"):
        return False
    if isinstance(parameter.get("AllowedValues"), Sequence):
        return False
    association = parameter.string("AssociationProperty")
    if association is not None and association not in _FREE_PROPERTIES:
        return False  # the console offers a list to choose from
    return not is_safe_pattern(parameter.string("AllowedPattern"))


def is_safe_pattern(pattern: str | None) -> bool:
    """Whether a whole-text pattern admits only letters, digits and characters that mean nothing to a shell."""
    if pattern is None or not (pattern.startswith("^") and pattern.endswith("$")):
        return False
    rest = _LOOKAHEAD.sub("", pattern)
    while rest:
        token = _SAFE_TOKEN.match(rest)
        if token is None:
            return False
        rest = rest[token.end() :]
    return True
