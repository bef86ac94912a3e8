"""`selftest`: the official OpenAI SDK against the running server, with a key that lives as long as the test."""

from __future__ import annotations

import secrets
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from ..auth.store import AuthStore
from ..canary import CLIP
from ..database import connect
from ..settings import Settings
from .terminal import say, table

Check = tuple[str, Callable[[], str]]


def selftest(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    try:
        import openai
    except ImportError:
        raise ValueError("selftest: needs the package `openai` (pip install openai)") from None
    address = arguments.url or f"http://{settings.host}:{settings.port}"
    store = AuthStore(connect(settings.database))
    name = f"selftest-{secrets.token_hex(4)}"
    key = store.add_key(name, settings.admin_user, time.time(), minutes=30)
    try:
        client = openai.OpenAI(api_key=key, base_url=f"{address}/v1", max_retries=0, timeout=300)
        rows = [_run(name, check) for name, check in _checks(client, openai)]
    finally:
        store.revoke_key(name)
    table(("", "CHECK", "SECONDS", "FOUND"), rows)
    failed = sum(row[0] == "FAIL" for row in rows)
    say(f"{len(rows) - failed} of {len(rows)} checks passed")
    return int(failed > 0)


def _run(name: str, check: Callable[[], str]) -> tuple[str, str, str, str]:
    began = time.monotonic()
    try:
        found, state = check(), "ok"
    except Exception as error:  # whatever the SDK raises is the finding
        found, state = f"{type(error).__name__}: {error}".splitlines()[0][:120], "FAIL"
    return state, name, f"{time.monotonic() - began:.2f}", found


def _checks(client: Any, openai: Any) -> Iterator[Check]:
    speech = client.audio.transcriptions
    wanted = set(CLIP.with_suffix(".txt").read_text("utf-8").lower().replace(".", "").replace(",", "").split())

    def create(**options: Any) -> Any:
        return speech.create(file=CLIP, model="whisper-1", **options)

    def said(text: str) -> str:
        found = wanted & set(text.lower().replace(".", "").replace(",", "").split())
        if len(found) * 2 < len(wanted):
            raise ValueError(f"{len(found)} of {len(wanted)} words of the clip")
        return f"{len(found)} of {len(wanted)} words of the clip"

    def begins(text: str, start: str) -> str:
        if not text.startswith(start):
            raise ValueError(f"begins with {text[:20]!r}")
        return f"{len(text)} characters"

    def words() -> str:
        answer = create(response_format="verbose_json", timestamp_granularities=["word"])
        return f"{len(answer.segments)} segments, {len(answer.words)} words, {answer.duration:.1f} s"

    def stream() -> str:
        events = list(create(stream=True))
        joined = "".join(event.delta for event in events if event.type == "transcript.text.delta")
        if events[-1].type != "transcript.text.done" or events[-1].text != joined:
            raise ValueError("the deltas are not the final text")
        return f"{len(events)} events"

    def refused() -> str:
        try:
            speech.create(file=("a.mp3", b"this is no audio"), model="whisper-1")
        except openai.APIStatusError as error:
            return f"HTTP {error.status_code} {error.code}"
        raise ValueError("was accepted")

    yield "models", lambda: ", ".join(model.id for model in client.models.list())
    yield "json", lambda: said(create().text)
    yield "text", lambda: said(create(response_format="text"))
    yield "srt", lambda: begins(create(response_format="srt"), "1\n00:00:0")
    yield "vtt", lambda: begins(create(response_format="vtt"), "WEBVTT\n")
    yield "verbose_json, words", words
    yield "logprobs", lambda: f"{len(create(include=['logprobs']).logprobs)} words"
    yield "stream", stream
    yield "not audio is refused", refused
