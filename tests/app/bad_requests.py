"""Requests that schemathesis makes to be wrong, for every route of the OpenAPI document."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import hypothesis
import schemathesis
from fastapi import FastAPI
from hypothesis.errors import Unsatisfiable
from schemathesis.generation.modes import GenerationMode

from service_app.api.reference import describe
from service_app.app import create_app
from service_app.settings import Settings

from .conftest import PASSWORD, USER, Server


def document() -> dict[str, Any]:
    settings = Settings.from_environment({"WHISPER_ADMIN_PASSWORD_HASH": "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YQ"})
    app: FastAPI = create_app(settings)
    made = describe(app)
    # Streams that end with their job are tried in test_page_routes.py.
    made["paths"].pop("/api/jobs/{job_id}/events")
    # The login that the test uses must stay.
    made["paths"].pop("/api/password")
    return made


def send(server: Server, each: int) -> tuple[Counter[int], list[str]]:
    """So many to every route where anything can be wrong: how often which status came, and which were answered 5xx."""
    statuses: Counter[int] = Counter()
    failed: list[str] = []
    for found in schemathesis.openapi.from_dict(document()).get_all_operations():
        operation = found.ok()

        @hypothesis.given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        @hypothesis.settings(
            max_examples=each,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def one(case: schemathesis.Case) -> None:
            answer = case.call(base_url=server.url, auth=(USER, PASSWORD), timeout=30)
            statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                failed.append(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:200]}")

        with contextlib.suppress(Unsatisfiable):  # a route without anything to get wrong
            one()
    return statuses, failed
