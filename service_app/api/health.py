"""`/healthz` (the process answers), `/readyz` (every device answers, else why not), `/metrics` (Prometheus text)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fastapi import APIRouter
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..canary import Canary
from ..errors import Unavailable
from ..metrics import Labels, gauge
from ..types import JobState, Lane
from .forms import answers
from .services import Services, services_of
from .upload import KEEP_FREE

router = APIRouter(tags=["operation"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """200 while the process answers and the last transcriptions of the bundled clip worked; 503 when two in a row
    failed."""
    canary = getattr(request.app.state, "canary", None)
    if not isinstance(canary, Canary) or canary.last is None:
        return JSONResponse({"status": "ok"})
    last = {"at": canary.last.at, "seconds": canary.last.seconds, "ok": not canary.last.problem}
    if canary.problem:
        return JSONResponse({"status": "failing", "canary": last}, 503)
    return JSONResponse({"status": "ok", "canary": last})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when every device answers and database and recordings are there, else 503 with the reason."""
    services = getattr(request.app.state, "services", None)
    if not isinstance(services, Services):
        reason = getattr(request.app.state, "failed", "") or "the service is starting"
        return JSONResponse({"ready": False, "reason": reason}, 503, headers={"retry-after": "1"})
    status = services.engine.status()
    jobs = services.jobs
    leaving = "draining" if jobs.presence.draining else ""
    reason = leaving or jobs.presence.problem or jobs.recordings.problem or status.reason
    body = {
        "ready": not reason,
        "reason": reason,
        "node": jobs.presence.name,
        "left": {**jobs.left(), "calls": len(services.callers)},
        "engine": status.engine,
        "model": status.model,
        "devices": [{"name": device.name, "alive": device.alive} for device in status.devices],
    }
    return JSONResponse(body, 200) if not reason else JSONResponse(body, 503, headers={"retry-after": "1"})


@router.get("/metrics", response_class=Response, responses=answers(200, "text/plain"))
async def metrics(request: Request) -> Response:
    """Prometheus text format 0.0.4."""
    from ..database import ask

    services = services_of(request)
    gauges = [line for part in await ask(_gauges, services, request.app.state) for line in part]
    text = request.app.state.metrics.text(gauges)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _gauges(services: Services, state: State) -> list[Iterator[str]]:
    status = services.engine.status()
    counts = services.jobs.figures.counts()
    waiting = services.jobs.figures.waiting()
    others = services.jobs.presence.others
    by_lane = {lane.value: sum(entry.seconds for entry in waiting if entry.lane == lane.value) for lane in Lane}
    canary: Canary | None = getattr(state, "canary", None)
    found = [
        gauge("whisper_ready", "Whether every device answers.", {(): int(status.ready)}),
        gauge(
            "whisper_engine_info",
            "The engine and model in use.",
            {_labels(engine=status.engine, model=status.model): 1},
        ),
        gauge(
            "whisper_device_alive",
            "Whether this device answers.",
            {_labels(device=device.name): int(device.alive) for device in status.devices},
        ),
        gauge(
            "whisper_device_losses_total",
            "Worker processes of this device that died, hung or did not load.",
            {_labels(device=device.name): device.losses for device in status.devices},
            kind="counter",
        ),
        gauge(
            "whisper_device_memory_bytes",
            "Memory of the device, where it tells.",
            {
                _labels(device=device.name, kind=kind): value
                for device in status.devices
                for kind, value in (("used", device.memory_used), ("total", device.memory_total))
                if value is not None
            },
        ),
        gauge(
            "whisper_jobs",
            "Stored jobs by state, of all nodes.",
            {_labels(state=each.value): counts.get(each.value, 0) for each in JobState},
        ),
        gauge(
            "whisper_queue_seconds",
            "Seconds of recording that are left to decode, by lane, of all nodes.",
            {_labels(lane=lane): seconds for lane, seconds in by_lane.items()},
        ),
        gauge("whisper_node_info", "The node that answers.", {_labels(node=services.jobs.presence.name): 1}),
        gauge("whisper_node_windows", "Windows that this node is decoding.", {(): len(services.jobs.hands)}),
        gauge("whisper_node_draining", "Whether this node leaves.", {(): int(services.jobs.presence.draining)}),
        gauge("whisper_cluster_nodes", "Nodes that live, this one included.", {(): 1 + len(others)}),
        gauge(
            "whisper_cluster_devices",
            "Devices of all nodes that answer.",
            {(): sum(device.alive for device in status.devices) + sum(node.devices for node in others)},
        ),
    ]
    with contextlib.suppress(Unavailable):
        _, free = services.jobs.recordings.space()
        found += [
            gauge("whisper_disk_free_bytes", "Free space where recordings are.", {(): free}),
            gauge("whisper_disk_full", "Whether uploads are refused for want of space.", {(): int(free < KEEP_FREE)}),
        ]
    speed = services.jobs.pace.speed
    if speed is not None:
        found.append(gauge("whisper_speed", "Seconds of recording that this node decodes in a second.", {(): speed}))
    if canary is not None and canary.last is not None:
        found += [
            gauge("whisper_canary_ok", "Whether the last self-check worked.", {(): int(not canary.last.problem)}),
            gauge("whisper_canary_seconds", "How long the last self-check took.", {(): canary.last.seconds}),
        ]
    return found


def _labels(**labels: str) -> Labels:
    return tuple(labels.items())
