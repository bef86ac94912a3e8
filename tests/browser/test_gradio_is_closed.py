"""Gradio's own routes behind the page: no file of the machine, no upload, no other site."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.testclient import TestClient

from service_app.errors import BadRequest
from service_app.ui import _mount_blocks, mount_page
from service_app.ui.predict import _taken
from service_app.ui.shell import SERVED
from tests.support.mounted import PageServices, every_path, whole_app


async def _login(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    request.state.user = request.headers["x-user"]
    return await call_next(request)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    app = FastAPI()

    app.middleware("http")(_login)
    mount_page(app, PageServices(tmp_path))  # type: ignore[arg-type]
    return TestClient(app, headers={"x-user": "ann"})


def config(page: httpx.Response) -> dict[str, object]:
    text = page.text.split("window.gradio_config = ", 1)[1].split(";</script>", 1)[0]
    return json.loads(text)  # type: ignore[no-any-return]


def test_the_one_event_for_programs_is_predict(client: TestClient) -> None:
    dependencies = config(client.get("/"))["dependencies"]
    assert isinstance(dependencies, list)
    served = [event["api_name"] for event in dependencies if event["backend_fn"]]
    assert served == ["predict"], "the page itself talks to /api/jobs only"
    assert list(client.get("/gradio_api/info").json()["named_endpoints"]) == ["/predict"]


@pytest.mark.parametrize("route", ["/gradio_api/file=/etc/hostname", "/gradio_api/file/etc/hostname"])
def test_no_file_of_the_machine_is_served(client: TestClient, route: str) -> None:
    assert client.get(route).status_code in {403, 404}


def test_an_event_cannot_name_a_file_of_the_machine(tmp_path: Path) -> None:
    """A mounted Gradio app checks no paths by itself; an event that gives its file back would give any file."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret", "utf-8")
    with gr.Blocks(analytics_enabled=False) as blocks:
        file = gr.File()
        gr.Button().click(lambda path: path, file, file, api_name="echo", queue=False)
    app = FastAPI()
    app.middleware("http")(_login)
    _mount_blocks(app, blocks)
    data = [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}]
    answer = TestClient(app, headers={"x-user": "ann"}).post("/gradio_api/run/echo", json={"data": data})
    assert answer.status_code >= 400
    assert "path" not in answer.text and "the secret" not in answer.text


def test_of_gradio_s_routes_only_those_are_served_that_are_used(client: TestClient, tmp_path: Path) -> None:
    """What a new release brings along is closed until somebody needs it. Among the others is one that has ffmpeg open
    what is sent, without a word about formats: it follows a playlist to this machine's files."""
    app = whole_app(tmp_path, "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YQ")
    gradios = {(method, path) for method, path in every_path(app) if path.startswith(("/gradio_api/", "/monitoring"))}
    closed = {each for each in gradios if not each[1].startswith(SERVED)}
    assert {
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/proxy=x"),
        ("GET", "/gradio_api/token"),
    } <= closed
    assert len(closed) > 40
    for method, path in sorted(closed):
        answer = client.request(method, path)
        assert (answer.status_code, answer.text) == (404, "" if method == "HEAD" else "Not Found"), path


@pytest.mark.parametrize("name", ["nope", "predictx", "v2/nope", "v2/predict"])
def test_an_event_that_there_is_not_is_no_bug(client: TestClient, name: str) -> None:
    assert client.post(f"/gradio_api/call/{name}", json={"data": []}).status_code == 404
    assert client.post("/gradio_api/call/predict", json={"data": [None, "transcribe"]}).status_code == 200


@pytest.mark.parametrize(("number", "status"), [(99, 404), (-1, 404), (0, 404), (1, 404), (2, 200), (None, 404)])
def test_nor_is_one_by_number(client: TestClient, number: int | None, status: int) -> None:
    """0 and 1 are the page's own, which run in the browser."""
    sent = {"data": [None, "transcribe"], "fn_index": number, "session_hash": "a"}
    assert client.post("/gradio_api/queue/join", json=sent).status_code == status


def test_predict_itself_takes_uploads_only(tmp_path: Path) -> None:
    """Behind Gradio's own check, should a release lose it once more."""
    folder, incoming = tmp_path / "gradio", tmp_path / "incoming"
    folder.mkdir()
    secret, upload, link = tmp_path / "secret.txt", folder / "a.wav", folder / "link"
    secret.write_text("the secret")
    upload.write_text("the upload")
    link.symlink_to(secret)
    services = SimpleNamespace(settings=PageServices(tmp_path).settings, incoming=incoming)
    for path in (secret, folder / ".." / "secret.txt", link, folder, "", None):
        with pytest.raises(BadRequest):
            _taken(services, folder, {"path": path and str(path)})  # type: ignore[arg-type]
    for nothing in (None, str(secret), [str(upload)]):
        with pytest.raises(BadRequest):
            _taken(services, folder, nothing)  # type: ignore[arg-type]
    assert not incoming.exists()
    assert _taken(services, folder, {"path": str(upload)}).read_text() == "the upload"  # type: ignore[arg-type]


def test_the_second_lock(client: TestClient) -> None:
    assert client.get("/", headers={"x-user": ""}).status_code == 401


def test_the_policy_names_no_other_host(client: TestClient) -> None:
    page = client.get("/", headers={"accept-language": "zh-CN"})
    policy = page.headers["content-security-policy"]
    assert "http" not in policy and "*" not in policy and "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert page.text.count("<script") == page.text.count("<script nonce=")
    assert page.headers["cache-control"] == "no-store"


def test_assets_may_be_kept(client: TestClient) -> None:
    assets = json.loads(client.get("/").text.split('id="wt-config">')[1].split("</script>")[0])["assets"]
    answer = client.get(f"{assets}/work.js")
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert client.get(f"{assets}/../__init__.py").status_code == 404
