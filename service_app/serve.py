"""Runs the server: uvicorn behind a proxy on this machine, a stop that lets jobs be taken up again."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from .early import Early
from .logs import set_up
from .reading import Reading
from .settings import Settings, SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

# Only this machine's own proxy may say who the client is and whether it came by https.
_TRUSTED_PROXY = "127.0.0.1"
_STOP_SECONDS = 5
# The most of a request's head: h11's own 16 KiB count where a head comes in pieces, as it does here.
_HEAD_BYTES = 64 * 1024
# Most of what is alive is code that was loaded at the start: searched for garbage each time, it would stop all threads.
_COLLECT = (5_000, 10, 50)
# How long a thread may go on while others wait: with the default of 5 ms the event loop, which waits ten times while it
# answers one call, would wait those of every busy thread.
_TURN_SECONDS = 0.0005
# The page stays inside the machine: no telemetry, no look-ups, no folder that is served by accident.
_GRADIO = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_GRADIO_UNWANTED = ("GRADIO_VIBE_MODE", "GRADIO_ALLOWED_PATHS", "GRADIO_SHARE", "GRADIO_ROOT_PATH")


def serve(settings: Settings) -> int:
    """Blocks until SIGTERM or SIGINT. Raises `SettingsError` before it listens when something is missing."""
    settings.require_login()
    set_up(settings.log_level)
    _prepare(settings)
    gc.disable()
    sys.setswitchinterval(_TURN_SECONDS)
    listener = _listen(settings.host, settings.port)
    apps: list[FastAPI] = []

    def load() -> FastAPI:
        apps.append(create_app(settings))
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        gc.enable()
        return apps[0]

    _drain_on_signal(apps)
    early = Early(load)
    config = uvicorn.Config(
        early,
        loop="asyncio",
        http=Reading,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        proxy_headers=True,
        forwarded_allow_ips=_TRUSTED_PROXY,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger(__name__).info("listening", extra={"host": settings.host, "port": settings.port})
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started and not early.failed else 1


def create_app(settings: Settings) -> FastAPI:
    """Imported when the server answers already; it is more than the rest together."""
    from .app import create_app as create

    return create(settings)


def _drain_on_signal(apps: list[FastAPI]) -> None:
    """SIGUSR1, which `python -m service_app drain` sends; before the app has loaded, it sends it again."""

    def drain(*_: object) -> None:
        for services in (getattr(app.state, "services", None) for app in apps):
            if services is None:
                continue
            threading.Thread(target=services.jobs.drain, name="drain", daemon=True).start()

    signal.signal(signal.SIGUSR1, drain)


def _prepare(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = settings.data_dir / "page"
        scratch.mkdir(exist_ok=True, mode=0o700)
        # Gradio serves files below the current folder: let it be an empty one. Python looks for modules there too.
        code = Path(__file__).parents[1]
        sys.path[:] = [str(code), *(entry for entry in sys.path if entry not in ("", str(code)))]
        os.chdir(scratch)
    except OSError as error:
        raise SettingsError(f"WHISPER_DATA_DIR: {settings.data_dir} cannot be used: {error.strerror}") from None
    os.environ.update(_GRADIO, GRADIO_TEMP_DIR=str(scratch))
    for name in _GRADIO_UNWANTED:
        os.environ.pop(name, None)


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything is loaded: a taken port is one line, and callers wait instead of being refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol by name asyncio knows that it is TCP and sends an answer's body at once; else it would wait for
    # the head to be acknowledged, which the other side puts off for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"WHISPER_PORT: cannot listen on {host}:{port}: {error.strerror}; choose another, or stop what uses it"
        ) from None
    listener.set_inheritable(False)
    return listener
