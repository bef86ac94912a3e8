"""`/healthz` (the process answers), `/readyz` (every device answers, else why not), `/metrics` (Prometheus text)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..types import JobState
from .services import Services, services_of

router = APIRouter()


@router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> dict[str, str]:
    """The process is alive and its event loop turns."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(request: Request) -> Response:
    """200 when every device answers, else 503 with the reason."""
    services = getattr(request.app.state, "services", None)
    if not isinstance(services, Services):
        reason = getattr(request.app.state, "failed", "") or "the service is starting"
        return JSONResponse({"ready": False, "reason": reason}, 503, headers={"retry-after": "1"})
    status = services.engine.status()
    body = {
        "ready": status.ready,
        "reason": status.reason,
        "engine": status.engine,
        "model": status.model,
        "devices": [{"name": device.name, "alive": device.alive} for device in status.devices],
    }
    return JSONResponse(body, 200) if status.ready else JSONResponse(body, 503, headers={"retry-after": "1"})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text format 0.0.4."""
    services = services_of(request)
    status = services.engine.status()
    counts = await services.jobs.counts()
    lines = [
        "# HELP whisper_ready Whether every device answers.",
        "# TYPE whisper_ready gauge",
        f"whisper_ready {int(status.ready)}",
        "# HELP whisper_device_alive Whether this device answers.",
        "# TYPE whisper_device_alive gauge",
        *(f'whisper_device_alive{{device="{device.name}"}} {int(device.alive)}' for device in status.devices),
        "# HELP whisper_jobs Stored jobs by state.",
        "# TYPE whisper_jobs gauge",
        *(f'whisper_jobs{{state="{state.value}"}} {counts.get(state.value, 0)}' for state in JobState),
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")
