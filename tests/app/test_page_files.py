"""The page's files: compressed once, kept by browsers, and nothing beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service_app.ui.files import IMMUTABLE, KeptFiles

SCRIPT = "export const page = 1; // and so on\n" * 50


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "page.js").write_text(SCRIPT)
    (folder / "clip.wav").write_bytes(bytes(5000))
    (tmp_path / "whisper.env").write_text("secret")
    return TestClient(KeptFiles(folder))


def test_text_comes_compressed_where_that_is_understood(client: TestClient) -> None:
    packed = client.get("/ui/1/page.js", headers={"accept-encoding": "br, gzip"})
    assert packed.text == SCRIPT
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT) / 5
    assert packed.headers["content-type"].startswith("text/javascript")
    for refused in ("", "identity", "gzip;q=0, br"):
        plain = client.get("/ui/1/page.js", headers={"accept-encoding": refused})
        assert plain.text == SCRIPT
        assert "content-encoding" not in plain.headers
    assert "content-encoding" not in client.get("/ui/1/clip.wav").headers


def test_browsers_keep_them_for_good_but_caches_on_the_way_do_not(client: TestClient) -> None:
    answer = client.head("/ui/1/page.js")
    assert (answer.status_code, answer.headers["cache-control"], answer.headers["vary"]) == (
        200,
        IMMUTABLE,
        "Accept-Encoding",
    )


@pytest.mark.parametrize("path", ["/none.js", "/", "/%2e%2e/whisper.env", "/..%2fwhisper.env", "/page.js%00"])
def test_nothing_else_is_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_nothing_can_be_sent_there(client: TestClient) -> None:
    assert client.post("/page.js").status_code == 404
