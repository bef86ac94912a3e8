"""The OpenAPI document is what the server does: schemathesis asks for everything in it, also wrongly."""

from __future__ import annotations

import re

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .bad_requests import document, send
from .conftest import PASSWORD, USER, Server

schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@hypothesis.settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_the_server_does_what_its_document_says(case: schemathesis.Case, server: Server) -> None:
    answer = case.call(base_url=server.url, auth=(USER, PASSWORD), timeout=30)
    if answer.status_code == 503 and "starting" in answer.text:
        pytest.fail("the server has not started")
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


def test_bad_requests_are_never_the_servers_fault(server: Server) -> None:
    """The short form; `python -m tests.app.measure` sends hundreds."""
    statuses, failed = send(server, each=3)
    assert failed == []
    assert sum(count for status, count in statuses.items() if 400 <= status < 500) > 60


def test_the_reference_is_a_page_of_its_own(server: Server) -> None:
    with server.program() as client:
        page = client.get("/docs", headers={"accept-language": "zh-CN"})
        assert "接口文档" in page.text
        assert "/v1/audio/transcriptions" in page.text
        assert "chunking_strategy" in page.text
        assert not re.search(r"(src|href)=.https?:", page.text)
        assert "script" not in page.headers["content-security-policy"]
        assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")
        document = client.get("/openapi.json").json()
    assert httpx.get(f"{server.url}/openapi.json").status_code == 401
    assert document["info"]["title"] == "Whisper"
    assert "422" not in str(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path} has no description"
