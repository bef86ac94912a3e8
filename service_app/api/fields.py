"""What is wrong with a query or a JSON body that is not as the OpenAPI document says, in the caller's language.

Pydantic finds it and says it in English; the Chinese is made here, by the kind of error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..errors import BadRequest, TooLarge, UserError

_WHOLE_BODY: Final = {"missing", "dict_type", "model_type", "model_attributes_type"}
_ZH: Final = {
    "missing": "必填",
    "extra_forbidden": "没有这个字段",
    "literal_error": "可选值为 {expected}",
    "enum": "可选值为 {expected}",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "finite_number": "应为有限的数",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "不能为空白",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "not_in_order": "结束时间早于开始时间",
}
# Of these there are several kinds each: int_type, int_parsing, int_from_float, int_parsing_size, …
_ZH_TYPES: Final = {
    "int": "应为整数",
    "float": "应为数",
    "bool": "应为 true 或 false",
    "string": "应为文字",
    "list": "应为列表",
    "dict": "应为 JSON 对象",
    "model": "应为 JSON 对象",
}


def bad_field(error: RequestValidationError) -> BadRequest:
    """Which field it is, and why it cannot be taken."""
    first = error.errors()[0]
    kind, place = str(first["type"]), first["loc"]
    if kind == "json_invalid":
        return _no_json()
    if place[0] == "body" and len(place) == 1 and kind in _WHOLE_BODY:
        return BadRequest(
            "bad_field",
            zh="请求体应为 JSON 对象，并带有请求头 Content-Type: application/json。",
            en="Send a JSON object as the body, with the header Content-Type: application/json.",
            param="body",
        )
    param = (".".join(str(part) for part in place[1:]) or str(place[0]))[:100]
    reason = str(first["msg"])[:200]
    return BadRequest(
        "bad_field", zh=f"{param}：{_chinese(kind, first.get('ctx', {}), reason)}", en=f"{param}: {reason}", param=param
    )


def bad_body(error: HTTPException) -> UserError | None:
    """What a body was refused for before its fields were looked at; None where it was something else."""
    if error.status_code == 400:  # FastAPI's, of what the JSON parser raises beside `JSONDecodeError`
        return _no_json()
    if error.status_code == 413:
        return TooLarge("body_too_large", zh="请求体过大，此接口不接受。", en="The body is too large for this route.")
    return None


def _no_json() -> BadRequest:
    return BadRequest("bad_json", zh="请求体不是有效的 JSON。", en="The body is not valid JSON.", param="body")


def _chinese(kind: str, context: Mapping[str, Any], reason: str) -> str:
    known = _ZH.get(kind) or _ZH_TYPES.get(kind.split("_", maxsplit=1)[0])
    if known is None:
        return f"取值不正确（{reason}）"
    words = {name: str(value) for name, value in context.items()}
    if "expected" in words:
        words["expected"] = words["expected"].replace(" or ", "、").replace(", ", "、")
    return known.format(**words)
