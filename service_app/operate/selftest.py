"""`selftest`: OpenAI's SDK and gradio_client against the running server, with a key that lives as long as the test."""

from __future__ import annotations

import secrets
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Final

from ..auth.store import AuthStore
from ..canary import CLIP
from ..database import connect
from ..settings import Settings
from .terminal import say, table

Row = tuple[str, str, str, str]
Check = tuple[str, Callable[[], str]]
_KEY_MINUTES: Final = 30
_PATIENCE: Final = 300.0  # seconds for one answer


def selftest(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    address = arguments.url or f"http://{settings.host}:{settings.port}"
    store = AuthStore(connect(settings.database))
    name = f"selftest-{secrets.token_hex(4)}"
    key = store.add_key(name, settings.admin_user, time.time(), minutes=_KEY_MINUTES)
    try:
        rows = results(address, key)
    finally:
        store.revoke_key(name)
    table(("", "CHECK", "SECONDS", "FOUND"), rows)
    failed = sum(row[0] == "FAIL" for row in rows)
    say(f"{len(rows) - failed} of {len(rows)} checks passed")
    return int(failed > 0)


def results(address: str, key: str, find: Callable[[str], object] = find_spec) -> list[Row]:
    """One row for each check; of an SDK that `find` does not know, one that says so."""
    rows: list[Row] = []
    for package, checks in (("openai", _openai), ("gradio_client", _gradio)):
        if find(package) is None:
            rows.append(("FAIL", package, "-", f"not installed, so not tried: pip install {package}"))
        else:
            rows += [_run(f"{package}: {what}", check) for what, check in checks(address, key)]
    return rows


def _run(name: str, check: Callable[[], str]) -> Row:
    began = time.monotonic()
    try:
        found, state = check(), "ok"
    except Exception as error:  # whatever the SDK raises is the finding
        found, state = f"{type(error).__name__}: {error}".splitlines()[0][:120], "FAIL"
    return state, name, f"{time.monotonic() - began:.2f}", found


def _said(text: str) -> str:
    """Raises ValueError where fewer than half of the clip's words came out."""
    wanted, heard = (_words(each) for each in (CLIP.with_suffix(".txt").read_text("utf-8"), text))
    found = f"{len(wanted & heard)} of {len(wanted)} words of the clip"
    if len(wanted & heard) * 2 < len(wanted):
        raise ValueError(found)
    return found


def _words(text: str) -> set[str]:
    return set(text.lower().replace(".", "").replace(",", "").split())


def _openai(address: str, key: str) -> Iterator[Check]:
    import openai

    client = openai.OpenAI(api_key=key, base_url=f"{address}/v1", max_retries=0, timeout=_PATIENCE)
    speech = client.audio.transcriptions

    def create(**options: Any) -> Any:
        return speech.create(file=CLIP, model="whisper-1", **options)

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
    yield "json", lambda: _said(create().text)
    yield "text", lambda: _said(create(response_format="text"))
    yield "srt", lambda: begins(create(response_format="srt"), "1\n00:00:0")
    yield "vtt", lambda: begins(create(response_format="vtt"), "WEBVTT\n")
    yield "verbose_json, words", words
    yield "logprobs", lambda: f"{len(create(include=['logprobs']).logprobs)} words"
    yield "stream", stream
    yield "not audio is refused", refused


def _gradio(address: str, key: str) -> Iterator[Check]:
    """The way in for programs of the first Whisper Space; it needs the page, which is loaded last."""
    from gradio_client import Client, handle_file

    made: list[Any] = []

    def endpoints() -> str:
        made.append(Client(address, headers={"Authorization": f"Bearer {key}"}, verbose=False))
        return ", ".join(made[0].view_api(print_info=False, return_format="dict")["named_endpoints"])

    def predict() -> str:
        if not made:
            raise ValueError("not tried, for there are no endpoints")
        return _said(made[0].predict(handle_file(str(CLIP)), "transcribe", api_name="/predict"))

    yield "endpoints", endpoints
    yield "predict", predict
