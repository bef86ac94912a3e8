"""From a form's text fields to `Options`; what cannot be done is refused before a job exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import BadRequest, NotFound
from ..languages import language_code
from ..types import TEMPERATURE_LADDER, ModelInfo, Options, Task
from .upload import Upload

RESPONSE_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")
# Names that existing programs send; each means the installed default model.
_OPENAI_NAMES: Final = frozenset(
    {
        "", "default", "whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)  # fmt: skip


def options_from(form: Upload, models: Sequence[ModelInfo], *, task: Task) -> Options:
    """Raises `BadRequest` or `NotFound`, each naming the field."""
    model = _model(form.first("model"), models)
    language = language_code(form.first("language")) if form.first("language") else None
    if language not in (None, "en") and not model.multilingual:
        raise BadRequest(
            "unsupported_language",
            zh=f"模型 {model.name} 只支持英语；请选择多语言模型，或把 language 设为 en。",
            en=f"Model {model.name} knows English only; choose a multilingual one, or set language to en.",
            param="language",
        )
    if task == "translate" and not model.multilingual:
        raise BadRequest(
            "unsupported_task",
            zh=f"模型 {model.name} 只支持英语，不能翻译；请选择多语言模型。",
            en=f"Model {model.name} knows English only and cannot translate; choose a multilingual one.",
            param="model",
        )
    granularities = form.every("timestamp_granularities")
    _each_of("timestamp_granularities", granularities, ("word", "segment"))
    return Options(
        task=task,
        language=language,
        # Whoever did not ask for one gets the model that is loaded when the job runs, maybe after an upgrade.
        model=None if form.first("model") in _OPENAI_NAMES else model.name,
        prompt=form.first("prompt") or None,
        temperature=_temperature(form.first("temperature")),
        word_timestamps="word" in granularities,
    )


def response_format(form: Upload) -> str:
    chosen = form.first("response_format", "json")
    _each_of("response_format", [chosen], RESPONSE_FORMATS)
    return chosen


def _model(name: str, models: Sequence[ModelInfo]) -> ModelInfo:
    for model in models:
        if model.name == name or (name in _OPENAI_NAMES and model.default):
            return model
    known = ", ".join(model.name for model in models) or "-"
    raise NotFound(
        "model_not_found",
        zh=f"没有安装模型“{name[:60]}”，可用：{known}。",
        en=f"Model {name[:60]!r} is not installed; there is: {known}.",
        param="model",
    )


def _temperature(text: str) -> tuple[float, ...]:
    """0 means the whole ladder (OpenAI's words: "the model will use log probability to automatically increase")."""
    try:
        value = float(text or "0")
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise BadRequest(
            "bad_temperature",
            zh="temperature 应为 0 到 1 之间的数。",
            en="temperature should be a number from 0 to 1.",
            param="temperature",
        )
    return TEMPERATURE_LADDER if value == 0 else (value,)


def _each_of(field: str, values: Sequence[str], allowed: Sequence[str]) -> None:
    for value in values:
        if value not in allowed:
            raise BadRequest(
                f"bad_{field}",
                zh=f"{field} 不支持“{value[:40]}”，可选：{'、'.join(allowed)}。",
                en=f"{field} cannot be {value[:40]!r}; choose one of {', '.join(allowed)}.",
                param=field,
            )
