"""Links and webhooks whose name server, or whose own answer, tries to lead them inside."""

from __future__ import annotations

import http.server
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from service_app import outbound
from service_app.errors import BadRequest
from tests.support.linked import answering

ALLOWED = (ip_network("127.0.0.1/32"),)  # it stands for the internet
OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"


class Site(http.server.ThreadingHTTPServer):
    """The same at both addresses; it notes at which one it was asked."""

    asked: list[tuple[str, str]]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.connection.getsockname()[0], self.headers["Host"]))  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/to/"):
            self.send_response(int(self.path.split("/")[2]))
            self.send_header("Location", self.path.split("/", 3)[3])
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(("0.0.0.0", 0), _Handler)
    made.asked = []
    with answering(made):
        yield made


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What the name server of `rebind.example` answers, one list for each question; all must be asked for."""
    answers: list[list[str]] = []
    real = socket.getaddrinfo

    def resolved(host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host != "rebind.example":
            return real(host, port, *arguments, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    yield answers


def url(site: Site, path: str = "/", host: str = "rebind.example") -> str:
    return f"http://{host}:{site.server_address[1]}{path}"


def test_the_second_answer_of_a_name_server_changes_nothing(site: Site, names: list[list[str]]) -> None:
    """DNS rebinding: the address that was checked is the one that is asked."""
    names += [[OUTSIDE], [INSIDE]]
    with outbound.get(url(site), ALLOWED):
        pass
    assert site.asked == [(OUTSIDE, f"rebind.example:{site.server_address[1]}")]
    assert names == [[INSIDE]], "it was not asked again"


def test_one_inner_address_among_several_is_enough(site: Site, names: list[list[str]]) -> None:
    names += [[OUTSIDE, INSIDE]]
    with pytest.raises(BadRequest) as refused:
        outbound.post(url(site), b"{}", {}, ALLOWED)
    assert (refused.value.code, site.asked) == ("url_not_allowed", [])
    assert all("WHISPER_PRIVATE_NETWORKS" in refused.value.text(language) for language in ("zh", "en"))


def test_a_webhook_is_checked_again_when_it_is_told(site: Site, names: list[list[str]]) -> None:
    names += [[OUTSIDE], [INSIDE]]
    outbound.check(url(site), ALLOWED)  # as when the job was accepted
    with pytest.raises(BadRequest) as refused:
        outbound.post(url(site), b"{}", {}, ALLOWED)
    assert (refused.value.code, site.asked) == ("url_not_allowed", [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_webhook_goes_nowhere_else(site: Site, status: int) -> None:
    away = url(site, f"/to/{status}/{url(site, '/', INSIDE)}", OUTSIDE)
    assert outbound.post(away, b"{}", {}, ALLOWED) == status
    assert [at for at, _ in site.asked] == [OUTSIDE]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("{inside}", "url_not_allowed"),
        ("//127.0.0.2/x", "url_not_allowed"),
        ("file:///etc/hostname", "bad_url"),
        ("ftp://127.0.0.1/x", "bad_url"),
        ("http://a:b@127.0.0.1/", "bad_url"),
        ("http://100.100.100.200/latest/meta-data/", "url_not_allowed"),
    ],
)
def test_a_link_s_redirect_is_checked_like_the_link(site: Site, target: str, code: str) -> None:
    first = url(site, f"/to/302/{target.replace('{inside}', url(site, '/', INSIDE))}", OUTSIDE)
    with pytest.raises(BadRequest) as refused, outbound.get(first, ALLOWED):
        pass
    assert (refused.value.code, [at for at, _ in site.asked]) == (code, [OUTSIDE])


def test_redirects_come_to_an_end(site: Site) -> None:
    port = site.server_address[1]
    around = "/to/302/" * 9 + f"http://{OUTSIDE}:{port}/"
    with pytest.raises(BadRequest) as refused, outbound.get(url(site, around, OUTSIDE), ALLOWED):
        pass
    assert refused.value.code == "url_failed"
    assert len(site.asked) == 5
