"""From a form's text fields to `Options`; what cannot be done is refused before a job exists."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from ..errors import BadRequest, NotFound
from ..languages import language_code
from ..types import TEMPERATURE_LADDER, Lane, ModelInfo, Options, Punctuation, Script, Task
from .upload import Upload

RESPONSE_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")
_VAD_FIELDS: Final = ("prefix_padding_ms", "silence_duration_ms", "threshold")
_MOST_KEYWORDS: Final = 256
_SCRIPTS: Final = get_args(Script)
_PUNCTUATION: Final = get_args(Punctuation)
_PREVIOUS: Final = "condition_on_previous_text"
# Names that existing programs send; each means the installed default model.
_OPENAI_NAMES: Final = frozenset(
    {
        "", "default", "whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)  # fmt: skip


def options_from(form: Upload, models: Sequence[ModelInfo], *, task: Task) -> Options:
    """Raises `BadRequest` or `NotFound`, each naming the field."""
    name = form.first("model")
    model = model_from(name, models)
    granularities = form.every("timestamp_granularities")
    _each_of("timestamp_granularities", granularities, ("word", "segment"))
    hotwords = tuple(word.strip() for word in (*form.every("keywords"), *form.every("hotwords")) if word.strip())
    if len(hotwords) > _MOST_KEYWORDS:
        raise BadRequest(
            "too_many_keywords",
            zh=f"最多 {_MOST_KEYWORDS} 个关键词。",
            en=f"At most {_MOST_KEYWORDS} keywords.",
            param="keywords",
        )
    maybe = tuple(dict.fromkeys(_language(code, "languages") for code in form.every("languages") if code.strip()))
    language = _language(form.first("language"), "language") if form.first("language") else None
    if language is None and len(maybe) == 1:
        language = maybe[0]
    options = Options(
        task=task,
        language=language,
        languages=() if language else maybe,
        # Whoever did not ask for one gets the model that is loaded when the job runs, maybe after an upgrade.
        model=None if name in _OPENAI_NAMES else model.name,
        prompt=form.first("prompt") or None,
        hotwords=hotwords,
        temperature=_temperature(form.first("temperature")),
        # The models tell probabilities by word, and words only with their times.
        word_timestamps="word" in granularities or "logprobs" in form.every("include"),
        condition_on_previous_text=_truth(_PREVIOUS, form.first(_PREVIOUS, "false")),
        **_writing({name: form.first(name) for name in ("script", "punctuation")}),
    )
    _require_able(options, model)
    return options


def changed(options: Options, changes: Mapping[str, Any], models: Sequence[ModelInfo]) -> Options:
    """The options of a re-run: `changes` as the API names them. Raises like `options_from`."""
    fields = dict(changes)
    if "task" in fields:
        fields["task"] = task_from(fields["task"])
    if "language" in fields:
        fields["language"] = _language(fields["language"], "language") if fields["language"] else None
    if "model" in fields:
        fields["model"] = None if fields["model"] in _OPENAI_NAMES else model_from(fields["model"], models).name
    if "hotwords" in fields:
        fields["hotwords"] = tuple(word.strip() for word in fields["hotwords"] if word.strip())
    fields |= _writing({name: fields[name] for name in ("script", "punctuation") if name in fields})
    made = dataclasses.replace(options, **fields)
    _require_able(made, model_from(made.model or "", models))
    return made


def _writing(given: Mapping[str, str]) -> dict[str, Any]:
    """How the text is written; empty means as recognised."""
    for name, allowed in (("script", _SCRIPTS), ("punctuation", _PUNCTUATION)):
        _each_of(name, [given[name]] if given.get(name) else [], allowed)
    nothing = {"script": None, "punctuation": "keep"}
    return {name: text or nothing[name] for name, text in given.items()}


def task_from(text: str) -> Task:
    match text or "transcribe":
        case "transcribe":
            return "transcribe"
        case "translate":
            return "translate"
    raise BadRequest(
        "bad_task",
        zh="task 应为 transcribe（转写）或 translate（译成英文）。",
        en="task should be transcribe or translate.",
        param="task",
    )


def lane_from(text: str) -> Lane | None:
    """None where nothing was chosen."""
    if not text:
        return None
    _each_of("lane", [text], tuple(Lane))
    return Lane(text)


def _language(text: str, param: str) -> str:
    try:
        return language_code(text.strip())
    except BadRequest as error:
        raise BadRequest(error.code, zh=error.zh, en=error.en, param=param) from None


def _require_able(options: Options, model: ModelInfo) -> None:
    if options.language not in (None, "en") and not model.multilingual:
        raise BadRequest(
            "unsupported_language",
            zh=f"模型 {model.name} 只支持英语；请选择多语言模型，或把 language 设为 en。",
            en=f"Model {model.name} knows English only; choose a multilingual one, or set language to en.",
            param="language",
        )
    if options.task == "translate" and not model.multilingual:
        raise BadRequest(
            "unsupported_task",
            zh=f"模型 {model.name} 只支持英语，不能翻译；请选择多语言模型。",
            en=f"Model {model.name} knows English only and cannot translate; choose a multilingual one.",
            param="model",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """How a caller of the OpenAI API wants its answer."""

    format: str  # one of RESPONSE_FORMATS
    words: bool = False
    logprobs: bool = False
    stream: bool = False


def answer_from(form: Upload, *, task: Task) -> Answer:
    """Raises `BadRequest`, naming the field."""
    chosen = form.first("response_format", "json")
    if chosen == "diarized_json" or form.every("known_speaker_names") or form.every("known_speaker_references"):
        raise BadRequest(
            "bad_response_format",
            zh="本服务尚不能区分说话人；请使用 json、text、srt、vtt 或 verbose_json，且不带 known_speaker_*。",
            en="This service cannot tell speakers apart; use json, text, srt, vtt or verbose_json, "
            "without known_speaker_names.",
            param="response_format",
        )
    _each_of("response_format", [chosen], RESPONSE_FORMATS)
    included = form.every("include")
    _each_of("include", included, ("logprobs",))
    if included and chosen != "json":
        raise BadRequest(
            "bad_include",
            zh="include[]=logprobs 需要 response_format=json。",
            en="include[]=logprobs needs response_format json.",
            param="include",
        )
    words = "word" in form.every("timestamp_granularities")
    if words and chosen != "verbose_json":
        raise BadRequest(
            "bad_timestamp_granularities",
            zh="timestamp_granularities[]=word 需要 response_format=verbose_json。",
            en="timestamp_granularities[]=word needs response_format verbose_json.",
            param="timestamp_granularities",
        )
    stream = task == "transcribe" and _truth("stream", form.first("stream", "false"))
    if stream and chosen not in ("json", "text"):
        raise BadRequest(
            "bad_stream",
            zh="stream=true 需要 response_format 为 json 或 text。",
            en="stream=true needs response_format json or text.",
            param="stream",
        )
    _check_chunking(form)
    return Answer(chosen, words, bool(included), stream)


def _truth(field: str, text: str) -> bool:
    _each_of(field, [text.lower()], ("true", "false", "1", "0"))
    return text.lower() in ("true", "1")


def _check_chunking(form: Upload) -> None:
    """Every recording is cut in its silences, which is what both strategies ask for; wrong values are still refused."""
    parts = {
        name.removeprefix("chunking_strategy[").removesuffix("]"): values[0]
        for name, values in form.fields.items()
        if name.startswith("chunking_strategy[")
    }
    text = form.first("chunking_strategy")
    if text.startswith("{"):
        try:
            parts = {str(name): str(value) for name, value in json.loads(text).items()}
        except (ValueError, RecursionError):  # thousands of nested objects
            raise BadRequest(
                "bad_chunking_strategy",
                zh=f"chunking_strategy 不是有效的 JSON：“{text[:40]}”；应为 auto 或"
                ' {"type": "server_vad"} 这样的 JSON 对象。',
                en=f"chunking_strategy is not valid JSON: {text[:40]!r}; send auto, or an object like"
                ' {"type": "server_vad"}.',
                param="chunking_strategy",
            ) from None
    elif text:
        _each_of("chunking_strategy", [text], ("auto",))
    if not parts:
        return
    _each_of("chunking_strategy", [parts.get("type", text)], ("server_vad",))
    for name, value in parts.items():
        try:
            good = name == "type" or (name in _VAD_FIELDS and 0 <= float(value) < math.inf)
        except ValueError:
            good = False
        if not good:
            raise BadRequest(
                "bad_chunking_strategy",
                zh=f"chunking_strategy 的 {name[:40]} 无效。",
                en=f"{name[:40]} of chunking_strategy is not valid.",
                param="chunking_strategy",
            )


def model_from(name: str, models: Sequence[ModelInfo]) -> ModelInfo:
    """Ours of that name; OpenAI's names mean the default. Raises `NotFound`."""
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
