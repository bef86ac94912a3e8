"""What the multipart forms hold, for the OpenAPI document. The forms themselves are read by upload.py, as a stream."""

from __future__ import annotations

from typing import Any, Final

from ..types import Lane

_FILE: Final = {"type": "string", "format": "binary", "description": "audio or video"}
_OPTIONS: Final[dict[str, Any]] = {
    "model": {"type": "string", "default": "whisper-1", "description": "an installed model, or a name of OpenAI's"},
    "language": {"type": "string", "description": "ISO 639-1; left out: detected"},
    "prompt": {"type": "string", "maxLength": 65536, "description": "text that came before; sets style and spelling"},
    "temperature": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0,
        "description": "0: rises by itself where a window fails the quality checks",
    },
    "timestamp_granularities[]": {
        "type": "array",
        "items": {"type": "string", "enum": ["word", "segment"]},
        "description": "`word` adds word times",
    },
    "languages[]": {"type": "array", "items": {"type": "string"}, "description": "languages it may be"},
    "script": {
        "type": "string",
        "enum": ["hans", "hant"],
        "description": "Chinese in simplified or traditional letters",
    },
    "punctuation": {
        "type": "string",
        "enum": ["keep", "full", "none"],
        "default": "keep",
        "description": "`full`: full-width in Chinese text; `none`: without commas and stops. Nothing is added",
    },
    "condition_on_previous_text": {
        "type": "boolean",
        "default": False,
        "description": "each part of the recording is decoded after the one before, with its text as prompt: slower, "
        "and sentences may be lost; helps the spelling of names",
    },
    "keywords[]": {"type": "array", "items": {"type": "string"}, "description": "words to listen for"},
}
_SPEECH: Final[dict[str, Any]] = {
    "file": _FILE,
    **_OPTIONS,
    "response_format": {
        "type": "string",
        "enum": ["json", "text", "srt", "verbose_json", "vtt"],
        "default": "json",
    },
}
_TRANSCRIBE_ONLY: Final[dict[str, Any]] = {
    "stream": {"type": "boolean", "default": False, "description": "server-sent events; json and text only"},
    "include[]": {"type": "array", "items": {"type": "string", "enum": ["logprobs"]}, "description": "json only"},
    "chunking_strategy": {
        "description": "checked, and without effect: every recording is cut in its silences",
        "anyOf": [
            {"type": "string", "enum": ["auto"]},
            {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"type": "string", "enum": ["server_vad"]},
                    "prefix_padding_ms": {"type": "integer"},
                    "silence_duration_ms": {"type": "integer"},
                    "threshold": {"type": "number"},
                },
            },
        ],
    },
}


def _form(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


TRANSCRIPTION_FORM: Final = _form({**_SPEECH, **_TRANSCRIBE_ONLY}, ["file"])
TRANSLATION_FORM: Final = _form(_SPEECH, ["file"])
JOB_FORM: Final = _form(
    {
        "file": _FILE,
        "upload": {"type": "string", "description": "id of a finished resumable upload"},
        "url": {"type": "string", "format": "uri", "description": "fetched by the server; public addresses only"},
        "name": {"type": "string", "maxLength": 255},
        "task": {"type": "string", "enum": ["transcribe", "translate"], "default": "transcribe"},
        **_OPTIONS,
        "lane": {
            "type": "string",
            "enum": [lane.value for lane in Lane],
            "description": "who goes first; left out: `bulk` for programs, `interactive` for the page",
        },
        "webhook": {"type": "string", "format": "uri", "description": "told by POST when the job has ended"},
    },
    [],
)


def answers(status: int, *types: str) -> dict[int | str, dict[str, Any]]:
    """For a route that answers with something else than JSON, or with more than that."""
    return {status: {"description": "Done.", "content": {kind: {} for kind in types}}}
