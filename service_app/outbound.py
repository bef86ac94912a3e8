"""The one door to other hosts: links that users give, and webhooks. Blocking.

Whoever can name an address must not reach what only this machine reaches (SSRF): the cloud's metadata service, the
database, other machines of the private network. A name is resolved once, every address must be public, and the
connection goes to the address that was checked; so a second answer of the name server changes nothing. Proxies and
credentials in the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from .errors import BadRequest, UserError
from .settings import Network

__all__ = ["Answer", "HTTPException", "Network", "Target", "check", "get", "post", "reachable"]

Answer = http.client.HTTPResponse
HTTPException = http.client.HTTPException
_TIMEOUT: Final = 20.0  # seconds without a byte
_HEADERS_SECONDS: Final = 60.0
_MOST_REDIRECTS: Final = 4
_SAFE: Final = "/%:@!$&'()*+,;=~?[]"


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address: what to ask of whom."""

    url: str
    secure: bool
    host: str
    port: int
    path: str
    address: str


def check(url: str, allowed: Sequence[Network] = ()) -> Target:
    """Raises `BadRequest` (`bad_url`, `url_not_allowed`, `url_unreachable`). `allowed` are private networks that may
    be reached."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode() if not _literal(parts.hostname) else parts.hostname or ""
    except (ValueError, UnicodeError):
        raise _bad_url() from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or len(url) > 4096:
        raise _bad_url()
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise _unreachable(host) from None
    addresses = [str(answer[4][0]) for answer in answers]
    for address in addresses:
        if not reachable(address, allowed):
            raise BadRequest(
                "url_not_allowed",
                zh=f"不允许访问 {host[:100]}：它不是公网地址。如需访问内网，请管理员设置 WHISPER_PRIVATE_NETWORKS。",
                en=f"{host[:100]} may not be reached: it is not a public address. The operator can allow private "
                "networks with WHISPER_PRIVATE_NETWORKS.",
                param="url",
            )
    # People paste addresses with spaces and Chinese letters; what is encoded already stays.
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return Target(url, parts.scheme == "https", host, port, path, addresses[0])


def _literal(host: str | None) -> bool:
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True


def reachable(text: str, allowed: Sequence[Network]) -> bool:
    """Whether this address, as digits, is public or in an allowed network. Raises `ValueError` for anything else."""
    address = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            address = inner
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:  # private once, and here and there still
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked; the name is still what TLS and the Host header say."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=_TIMEOUT)
        self._target = target
        self._late = False

    def connect(self) -> None:
        self.sock = socket.create_connection((self._target.address, self._target.port), _TIMEOUT)
        if self._target.secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._target.host)

    def getresponse(self) -> http.client.HTTPResponse:
        answer = super().getresponse()
        if self._late:  # a head that was cut looks like one that ends
            raise TimeoutError
        return answer

    def cut(self) -> None:
        """From another thread: whoever waits for the other end hears that it has gone."""
        self._late = True
        with contextlib.suppress(OSError, AttributeError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # TLS's own would take itself apart while it is read


@contextlib.contextmanager
def get(
    url: str, allowed: Sequence[Network] = (), *, patience: float = _HEADERS_SECONDS
) -> Iterator[http.client.HTTPResponse]:
    """A 200 answer to GET; every redirect is checked like the first address. `patience` is the time to the end of an
    answer's head, however it drips. Raises `BadRequest`."""
    for _ in range(_MOST_REDIRECTS + 1):
        target = check(url, allowed)
        with _asked(target, "GET", None, {"Accept": "*/*"}, patience) as answer:
            location = answer.getheader("Location")
            if answer.status in (301, 302, 303, 307, 308) and location:
                url = urljoin(url, location)
                continue
            if answer.status != 200:
                raise BadRequest(
                    "url_failed",
                    zh=f"{target.host[:100]} 回答了 HTTP {answer.status}，未能取得录音。",
                    en=f"{target.host[:100]} answered HTTP {answer.status}; there is no recording to take.",
                    param="url",
                )
            yield answer
            return
    raise BadRequest("url_failed", zh="链接跳转次数过多。", en="The link redirects too often.", param="url")


def post(url: str, body: bytes, headers: Mapping[str, str], allowed: Sequence[Network] = ()) -> int:
    """The answer's status; redirects are not followed. Raises `BadRequest`."""
    with _asked(check(url, allowed), "POST", body, headers, _HEADERS_SECONDS) as answer:
        return answer.status


@contextlib.contextmanager
def _asked(
    target: Target, method: str, body: bytes | None, headers: Mapping[str, str], patience: float
) -> Iterator[http.client.HTTPResponse]:
    connection = _Pinned(target)
    late = threading.Timer(patience, connection.cut)
    late.daemon = True
    late.start()
    try:
        connection.request(method, target.path, body, {"User-Agent": "whisper", **headers})
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        connection.close()
        raise _unreachable(target.host) from None
    finally:
        late.cancel()
    try:
        yield answer
    finally:
        connection.close()


def _bad_url() -> UserError:
    return BadRequest(
        "bad_url",
        zh="链接应以 http:// 或 https:// 开头，且不含用户名、密码和空格。",
        en="A link begins with http:// or https:// and has no user name, password or spaces.",
        param="url",
    )


def _unreachable(host: str) -> UserError:
    return BadRequest(
        "url_unreachable",
        zh=f"无法连接 {host[:100]}，请检查链接，或下载后上传文件。",
        en=f"{host[:100]} cannot be reached. Check the link, or download the file and upload it.",
        param="url",
    )
