"""Recordings from pages by yt-dlp: found, and never a way into the private network."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from service_app import links
from service_app.api.sources import linked
from service_app.errors import UserError
from tests.app.conftest import Server, ended
from tests.support.linked import HERE, LIMIT, SPEECH, LinkedSite, linked_site


@pytest.fixture(scope="module")
def site() -> Iterator[LinkedSite]:
    with linked_site() as made:
        yield made


def take(site: LinkedSite, path: str, folder: Path) -> tuple[Path, str]:
    return asyncio.run(links.take(site.url(path), folder, LIMIT, [ip_network(f"{HERE}/32")]))


@pytest.mark.parametrize("path", ["/page", "/list"])
def test_the_recording_of_a_page_and_of_a_list_of_pieces(site: LinkedSite, tmp_path: Path, path: str) -> None:
    found, name = take(site, path, tmp_path)
    assert found.read_bytes() == SPEECH
    assert list(tmp_path.iterdir()) == [found]
    assert path != "/page" or name.startswith("会议 / 一")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/page-inside", "url_not_allowed"),
        ("/page-away", "url_not_allowed"),
        ("/list-inside", "url_not_allowed"),
        ("/page-refused", "link_refused"),
        ("/page-huge", "link_too_large"),
        ("/nothing", "link_no_recording"),
    ],
)
def test_what_is_not_taken(site: LinkedSite, tmp_path: Path, path: str, code: str) -> None:
    site.asked.clear()
    with pytest.raises(UserError) as refused:
        take(site, path, tmp_path)
    assert refused.value.code == code
    for language in ("zh", "en"):  # what can be done
        assert ("WHISPER_PRIVATE_NETWORKS" in refused.value.text(language)) == (code == "url_not_allowed")
    assert not list(tmp_path.iterdir())
    assert [host for host, _ in site.asked if host != HERE] == [], "the machine inside heard nothing"


def test_no_file_of_this_machine(site: LinkedSite, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        take(site, "/page-file", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_linked_page_becomes_a_job(server: Server, site: LinkedSite) -> None:
    with server.program() as client:
        answer = client.post("/api/jobs", files={"url": (None, site.url("/page"))})
        assert answer.status_code == 202, answer.text
        job = ended(client, answer.json()["id"])
    assert (job["state"], job["name"].startswith("会议 / 一")) == ("done", True)


def test_without_yt_dlp_a_page_is_refused_with_the_reason(
    site: LinkedSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(UserError) as refused:
        asyncio.run(linked(site.url("/page"), tmp_path, LIMIT, (ip_network(f"{HERE}/32"),)))
    assert refused.value.code == "url_is_a_page"
    assert "yt-dlp" in refused.value.zh and "yt-dlp" in refused.value.en
