"""What names, addresses and passwords may look like: the patterns that the template enforces, and the checks that the
command line makes before anything is sent."""

from __future__ import annotations

import ipaddress
import re
import string

from .catalog import Region
from .errors import Usage

USER_NAME = r"^[A-Za-z][A-Za-z0-9._-]{1,31}$"
# ALIYUN::ECS::InstanceGroup, Password: the characters ECS takes. That three kinds are needed, ECS checks itself.
INSTANCE_PASSWORD = r"^[-0-9A-Za-z()`~!@#$%^&*_+=|{}\[\]:;'<>,.?/]{8,30}$"  # noqa: S105
# It is part of an address (postgresql://…), so nothing in it needs quoting; RDS takes 8 to 32 characters.
DATABASE_PASSWORD = r"^[A-Za-z][A-Za-z0-9_]{15,31}$"  # noqa: S105
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
CIDR = rf"^({_OCTET}\.){{3}}{_OCTET}/(3[0-2]|[12]?[0-9])$"
# VPC: the private ranges and what lies inside them, at most /28; a VSwitch is /16 to /29.
VPC_CIDR = (
    rf"^(10\.{_OCTET}\.{_OCTET}\.{_OCTET}/([89]|1[0-9]|2[0-8])"
    rf"|172\.(1[6-9]|2[0-9]|3[01])\.{_OCTET}\.{_OCTET}/(1[2-9]|2[0-8])"
    rf"|192\.168\.{_OCTET}\.{_OCTET}/(1[6-9]|2[0-8]))$"
)
# A cluster's is cut into four of /20.
CLUSTER_VPC_CIDR = (
    rf"^(10\.{_OCTET}\.{_OCTET}\.{_OCTET}/([89]|1[0-8])"
    rf"|172\.(1[6-9]|2[0-9]|3[01])\.{_OCTET}\.{_OCTET}/(1[2-8])"
    rf"|192\.168\.{_OCTET}\.{_OCTET}/(1[6-8]))$"
)
VSWITCH_CIDR = rf"^(10\.{_OCTET}|172\.(1[6-9]|2[0-9]|3[01])|192\.168)\.{_OCTET}\.{_OCTET}/(1[6-9]|2[0-9])$"
# Or empty. Lower case, because the certificate's files are found by this name.
DOMAIN = r"^(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?)?$"
# Or empty. No quote and no backslash: curl reads it between quotes.
PACKAGE_URL = r"^(https://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+)?$"
# From where Compute Nest's web proxy connects to instances (OutputConfigs/EnableWebProxy).
WEB_PROXY_CIDR = "100.104.0.0/16"

# No "$" among them, so that a password is never taken for a hash; no quote, no backslash, no space.
_KINDS = ("A-Z", "a-z", "0-9", "!@#%^&*()_+=.,:;?/~")
_ARGON2ID = r"\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,127}")
_PASSWORD_LENGTH = range(8, 129)


def _any(*kinds: str) -> str:
    """A character of these kinds; the hyphen counts as a symbol and must be last in the brackets."""
    return "[" + "".join(kinds) + ("-]" if _KINDS[3] in kinds else "]")


def software_password_pattern() -> str:
    """Regular expression for a password with at least three of the four kinds of characters, or an argon2id hash.
    The length is for MinLength and MaxLength. It reads the kinds as they first appear, so it needs no lookahead (which
    not every checker of templates knows) and no backtracking."""
    ways = []
    for first in _KINDS:
        others = [kind for kind in _KINDS if kind != first]
        after = [
            _any(second) + _any(first, second) + "*" + _any(*(kind for kind in others if kind != second))
            for second in others
        ]
        ways.append(f"{_any(first)}+({'|'.join(after)})")
    return f"^({_ARGON2ID}|({'|'.join(ways)}){_any(*_KINDS)}*)$"


def check_stack_name(name: str) -> str:
    """CreateStack takes letters, digits, - and _, beginning with a letter; 2 to 128 is what the names that are made
    from it (VPC, security group) may have."""
    if not _STACK_NAME.fullmatch(name):
        raise Usage(
            f"--name {name!r}: not a stack name",
            "use 2 to 128 letters, digits, - and _, beginning with a letter",
            code="Name",
        )
    return name


def check_user(name: str) -> str:
    if not re.fullmatch(USER_NAME, name):
        raise Usage(
            f"--user {name!r}: not a user name",
            "use 2 to 32 letters, digits and . _ -, beginning with a letter",
            code="User",
        )
    return name


def check_zone(zone: str, region: Region) -> str:
    """Zones of a region are its id and a letter: cn-hangzhou-h, ap-southeast-1a, eu-central-1b."""
    if not re.fullmatch(rf"{re.escape(region.id)}-?[a-z]", zone):
        joint = "" if region.id[-1].isdigit() else "-"
        raise Usage(
            f"--zone {zone}: not a zone of {region.id}", f"zones there read like {region.id}{joint}a", code="Zone"
        )
    return zone


def endpoint(text: str) -> tuple[str, str]:
    """Protocol and host of "ros.aliyuncs.com", "http://127.0.0.1:8080" and the like; https unless it says otherwise."""
    found = re.fullmatch(r"(?:(https?)://)?([A-Za-z0-9.-]+(?::[0-9]{1,5})?)/?", text)
    if not found:
        raise Usage(f"--endpoint {text!r}: not a host", "give a host such as ros.aliyuncs.com", code="Endpoint")
    return found[1] or "https", found[2]


def client_cidr(text: str) -> str:
    """The range in its proper form: a lone address gets /32. Raises `Usage`."""
    wanted = text.strip()
    try:
        network = ipaddress.IPv4Network(wanted, strict=False)
    except ValueError:
        raise Usage(
            f"--client-cidr {wanted!r}: not an IPv4 range",
            "give an address such as 203.0.113.7 or a range such as 203.0.113.0/24",
            code="ClientCidr",
        ) from None
    if str(network.network_address) != wanted.partition("/")[0]:
        raise Usage(
            f"--client-cidr {wanted}: the address is inside the range", f"did you mean {network}?", code="ClientCidr"
        )
    return str(network)


def check_software_password(password: str, user: str) -> None:
    """Raises `Usage` that names everything that is missing, and never shows the password."""
    missing = []
    if len(password) not in _PASSWORD_LENGTH:
        missing.append(f"{_PASSWORD_LENGTH.start} to {_PASSWORD_LENGTH.stop - 1} characters")
    if not all(character in string.printable and character not in string.whitespace for character in password):
        missing.append("only letters, digits and symbols of ASCII, no spaces")
    kinds = {
        "upper case": any(character.isupper() for character in password),
        "lower case": any(character.islower() for character in password),
        "a digit": any(character.isdigit() for character in password),
        "a symbol": any(not character.isalnum() for character in password),
    }
    if sum(kinds.values()) < 3:
        absent = [kind for kind, present in kinds.items() if not present]
        missing.append(f"{3 - sum(kinds.values())} more of: {', '.join(absent)}")
    if user and user.lower() in password.lower():
        missing.append("no user name in it")
    if missing:
        raise Usage(f"software password is too weak: it needs {'; '.join(missing)}", "choose another", code="Password")


def check_instance_password(password: str) -> None:
    """ECS takes 8 to 30 characters with three of four kinds."""
    if not re.fullmatch(INSTANCE_PASSWORD, password):
        raise Usage(
            "instance password: not what ECS takes",
            "use 8 to 30 letters, digits and symbols of ()`~!@#$%^&*_-+=|{}[]:;'<>,.?/",
            code="Password",
        )
    check_software_password(password, "")
