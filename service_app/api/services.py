"""What the parts of a running server share."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from .. import outbound
from ..aside import aside
from ..auth import Auth
from ..auth.gate import client_address
from ..errors import BadRequest, Busy, Forbidden, Unavailable
from ..settings import Settings
from .callers import Callers
from .resumable import Resumable

if TYPE_CHECKING:  # the job engine takes half a second to import, and the login must not wait for it
    from ..auth.keys import ApiKey
    from ..jobs import Engine, Jobs
    from ..webhooks import Secrets


_MOST_LINKS: Final = 64
_MOST_LINKS_OF_USER: Final = 4
_MOST_DETECTING: Final = 4


class Fetching:
    """How many links are being fetched: each occupies a thread for as long as its server likes."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, user: str) -> Iterator[None]:
        """While a link of this user is fetched. Raises `Busy` (`too_many_links`)."""
        if self._of[user] >= _MOST_LINKS_OF_USER or self._of.total() >= _MOST_LINKS:
            raise Busy(
                "too_many_links",
                zh="正在下载的链接过多，请稍后再试，或下载后上传文件。",
                en="Too many links are being fetched; try again later, or download the files and upload them.",
                retry_after=30,
            )
        self._of[user] += 1
        try:
            yield
        finally:
            self._of[user] -= 1
            if not self._of[user]:
                del self._of[user]


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    engine: Engine
    jobs: Jobs
    auth: Auth
    resumable: Resumable = field(init=False)
    callers: Callers = field(init=False)
    fetching: Fetching = field(init=False)
    detecting: asyncio.Semaphore = field(init=False)  # recordings whose language alone is asked for

    def __post_init__(self) -> None:
        object.__setattr__(self, "fetching", Fetching())
        object.__setattr__(self, "detecting", asyncio.Semaphore(_MOST_DETECTING))
        limit = self.settings.max_upload_bytes
        object.__setattr__(self, "resumable", Resumable(self.jobs.recordings.resumable, limit))
        object.__setattr__(self, "callers", Callers(self.jobs, grace=self.settings.abandon_seconds))

    @property
    def incoming(self) -> Path:
        """Where uploads of this node are received. Raises `Unavailable` while the recordings' store is away."""
        self.jobs.recordings.require()
        return self.jobs.recordings.incoming

    @property
    def secrets(self) -> Secrets:
        """What webhooks are signed with."""
        from ..webhooks import Secrets

        return Secrets(self.jobs.nodes, self.settings.data_dir)

    async def require_minutes(self, key: ApiKey | None) -> None:
        """Raises `Busy` (`daily_minutes_used`) until the next day (UTC) when the key has used up its minutes, and
        when all recordings together have reached their quota."""
        from ..database import ask

        quota = self.settings.disk_quota_gb * 1024**3
        if quota and await ask(self.jobs.figures.stored_bytes) >= quota:
            raise Unavailable(
                "storage_full",
                zh="录音存储配额已用完，请删除旧任务后再试。",
                en="The storage quota for recordings is used up; delete old jobs, then try again.",
                retry_after=600,
            )
        if key is None or not key.daily_minutes:
            return
        await ask(self.jobs.figures.require_minutes, key.id, key.daily_minutes * 60.0, time.time())

    async def checked_address(self, url: str) -> None:
        """Raises `BadRequest` where a webhook may not go."""
        try:
            await aside(lambda: outbound.check(url, self.settings.private_networks))
        except BadRequest as error:
            error.param = "webhook"  # a link's is `url`
            raise

    async def audit(self, request: Request, event: str, subject: str) -> None:
        await self.auth.audit(user_of(request), event, subject, client_address(request.scope))


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


def key_of(request: Request) -> ApiKey | None:
    """The API key that the request came with."""
    key: ApiKey | None = request.state.key
    return key


def require_admin(request: Request) -> None:
    if not request.state.admin:
        raise Forbidden("admin_only", zh="只有管理员可以这样做。", en="Only the administrator may do this.")
