"""The waveform under the player: the loudest sample of each of `BARS` stretches of a recording, a byte each.

Read from the samples that the engine leaves beside the media, so a browser needs neither the whole file nor the memory
to decode it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..api.envelope import error_response
from ..api.services import Services
from ..engine.pcm import pcm_path
from ..errors import NotFound, UserError

BARS = 1000


def peaks_route(services: Services) -> Route:
    """`GET /ui/peaks/{job_id}`, for the job's owner; 404 until the recording was read."""

    async def peaks(request: Request) -> Response:
        try:
            media = await services.jobs.media(request.path_params["job_id"], owner=str(request.state.user))
            data = await asyncio.to_thread(loudness, pcm_path(media))
        except UserError as error:
            return error_response(error, request.scope)
        headers = {"cache-control": "private, max-age=86400"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    return Route("/ui/peaks/{job_id}", peaks, methods=["GET"])


def loudness(pcm: Path) -> bytes:
    """At most `BARS` bytes, the loudest stretch being 255. Raises `NotFound` when there are no samples."""
    import numpy as np

    if not pcm.is_file() or not pcm.stat().st_size:
        raise NotFound("no_waveform", zh="录音尚未读取。", en="The recording has not been read yet.")
    samples = np.memmap(pcm, "<i2", mode="r")
    step = -(-len(samples) // BARS)
    stretches = np.split(samples, range(step, len(samples), step))
    peaks = np.array([max(int(piece.max()), -int(piece.min())) for piece in stretches], dtype=np.float64)
    # Speech is loud for moments only; the root makes the quiet parts visible.
    return bytes((np.sqrt(peaks / max(1.0, peaks.max())) * 255).astype(np.uint8))
