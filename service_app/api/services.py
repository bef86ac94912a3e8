"""What the parts of a running server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from ..auth import Auth
from ..errors import Unavailable
from ..settings import Settings

if TYPE_CHECKING:  # the job engine takes half a second to import, and the login must not wait for it
    from ..jobs import Engine, Jobs


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    engine: Engine
    jobs: Jobs
    auth: Auth


def services_of(request: Request) -> Services:
    """Raises `Unavailable` during the first second or two, while the jobs and the engine are being loaded."""
    services = getattr(request.app.state, "services", None)
    if not isinstance(services, Services):
        raise Unavailable(
            "starting", zh="服务正在启动，请稍后再试。", en="The service is starting; try again.", retry_after=2
        )
    return services


def user_of(request: Request) -> str:
    """The login name; the gate has put it there."""
    return str(request.state.user)
