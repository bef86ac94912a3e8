"""The API's own reference: `/openapi.json`, and `/docs`, the same as a page without scripts or outside requests."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from .envelope import language_of

router = APIRouter(include_in_schema=False)
_STYLE: Final = Path(__file__).with_name("reference.css")
_POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_WORDS: Final = {
    "zh": {
        "title": "接口文档",
        "lead": "程序用 Authorization: Bearer <API 密钥> 或 HTTP Basic 访问；"
        "OpenAI SDK 把 base_url 设为本服务地址加 /v1 即可。机器可读的描述：",
        "parameters": "参数",
        "body": "请求体",
        "required": "必填",
    },
    "en": {
        "title": "API reference",
        "lead": "Programs send Authorization: Bearer <API key> or HTTP Basic; for OpenAI's SDKs set base_url to this "
        "server's address and /v1. Machine-readable:",
        "parameters": "Parameters",
        "body": "Body",
        "required": "required",
    },
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_REFUSED: Final = {
    "description": "Refused; the message says what is wrong and what to do, in the language of Accept-Language.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of every route but the login's and the page's; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Whisper",
            version=app.version,
            description="Speech to text. Times are seconds, moments are Unix times.",
            routes=app.routes,
        )
        parts = document.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Error"] = _ERROR
        parts["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "login": {"type": "http", "scheme": "basic"},
        }
        document["security"] = [{"key": []}, {"login": []}]
        for path in document["paths"].values():
            for method, operation in path.items():
                if method in (*_METHODS, "head"):
                    operation["responses"].pop("422", None)
                    operation["responses"].update({"4XX": _REFUSED, "503": _REFUSED})
        app.openapi_schema = document
    return app.openapi_schema


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return JSONResponse(describe(request.app))


@router.get("/docs/style.css")
async def style() -> Response:
    return FileResponse(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})


@router.get("/docs")
async def docs(request: Request) -> Response:
    language = language_of(request.scope)
    words = _WORDS[language]
    document = describe(request.app)
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                section = _operation(path, method, operation, document, words)
                groups.setdefault(operation.get("tags", ["-"])[0], []).append(section)
    listed = "".join(f"<h2>{escape(name)}</h2>{''.join(sections)}" for name, sections in groups.items())
    html = (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>Whisper · {words["title"]}</title>'
        f'<link rel="stylesheet" href="/docs/style.css"></head><body><main><h1>Whisper · {words["title"]}</h1>'
        f'<p>{escape(words["lead"])} <a href="/openapi.json">/openapi.json</a></p>{listed}</main></body></html>'
    )
    headers = {"content-security-policy": _POLICY, "cache-control": "no-cache", "vary": "Accept-Language"}
    return HTMLResponse(html, headers=headers)


def _operation(
    path: str, method: str, operation: dict[str, Any], document: dict[str, Any], words: dict[str, str]
) -> str:
    parts = [f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>"]
    parameters = [
        _row(each["name"], each["schema"], each.get("description", ""), each.get("required", False), words)
        for each in operation.get("parameters", ())
    ]
    if parameters:
        parts.append(f"<h3>{words['parameters']}</h3><table>{''.join(parameters)}</table>")
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(body.get("schema", {}), document)
        required = schema.get("required", ())
        rows = [
            _row(name, each, each.get("description", ""), name in required, words)
            for name, each in schema.get("properties", {}).items()
        ]
        parts.append(f"<h3>{words['body']} <code>{escape(kind)}</code></h3><table>{''.join(rows)}</table>")
    return (
        f'<details><summary><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code></summary>'
        f"{''.join(parts)}</details>"
    )


def _row(name: str, schema: dict[str, Any], about: str, required: bool, words: dict[str, str]) -> str:
    kinds = schema.get("enum") or [each.get("type", "object") for each in schema.get("anyOf", ())]
    kind = " | ".join(str(each) for each in kinds) or str(schema.get("type", ""))
    must = f" <em>{words['required']}</em>" if required else ""
    return f"<tr><td><code>{escape(name)}</code>{must}</td><td>{escape(kind)}</td><td>{escape(about)}</td></tr>"


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return document["components"]["schemas"][reference.rsplit("/", 1)[1]] if reference else schema
