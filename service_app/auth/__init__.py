"""Who may come in: passwords, sessions for people, API keys and HTTP Basic for programs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import Busy, Unauthorized
from ..settings import Settings
from .lockout import Lockout
from .passwords import PasswordCheck

if TYPE_CHECKING:
    from .store import AuthStore

__all__ = ["Auth"]


class Auth:
    """Answers who sent a request. `open` must have run before anything that needs the database; until then callers
    of the async methods wait for it."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._user = settings.admin_user
        self._hash = settings.admin_password_hash.reveal()
        self._clock = clock
        self._lockout = Lockout()
        self._check = PasswordCheck({self._user: self._hash}.get, fallback=self._hash)
        self._store: asyncio.Future[AuthStore] | None = None

    def opened(self, store: AuthStore) -> None:
        """Gives the database; call it on the event loop."""
        future = self._future()
        if not future.done():
            future.set_result(store)

    def _future(self) -> asyncio.Future[AuthStore]:
        if self._store is None:
            self._store = asyncio.get_running_loop().create_future()
        return self._store

    async def log_in(self, user: str, password: str, address: str) -> str:
        """A new session's token. Raises `Unauthorized`, or `Busy` while the address is locked out."""
        await self._password(user, password, address)
        store = await asyncio.shield(self._future())
        return await asyncio.to_thread(store.add_session, user, self._clock())

    async def log_out(self, token: str) -> None:
        store = await asyncio.shield(self._future())
        await asyncio.to_thread(store.drop_session, token)

    async def session_user(self, token: str) -> str | None:
        store = await asyncio.shield(self._future())
        return await asyncio.to_thread(store.session_user, token, self._clock())

    async def program_user(self, authorization: str, address: str) -> str:
        """The login name behind an Authorization header. Raises `Unauthorized` or `Busy`."""
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            store = await asyncio.shield(self._future())
            owner = await asyncio.to_thread(store.key_owner, value, self._clock())
            if owner is None:
                raise Unauthorized(
                    "invalid_api_key",
                    zh="API 密钥不正确、已过期或已吊销。",
                    en="The API key is wrong, expired or revoked.",
                )
            return owner
        if scheme.lower() == "basic":
            try:
                user, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                separator = ""
            if separator:
                await self._password(user, password, address)
                return user
        raise Unauthorized(
            "invalid_authorization",
            zh="无法识别 Authorization 请求头；请使用 Bearer 密钥或 HTTP Basic。",
            en="The Authorization header is not understood; send a Bearer key or HTTP Basic.",
        )

    async def _password(self, user: str, password: str, address: str) -> None:
        def not_locked() -> None:
            wait = self._lockout.wait(address)
            if wait:
                raise Busy(
                    "locked_out",
                    zh=f"此地址登录失败次数过多（同一网络的其他人也会受影响），请在 {wait} 秒后再试。",
                    en=f"Too many failed logins from this address (or from others on its network); "
                    f"try again in {wait} seconds.",
                    retry_after=wait,
                )

        if not await self._check(user, password, before=not_locked):
            self._lockout.failed(address)
            raise Unauthorized("wrong_password", zh="用户名或密码不正确。", en="The user name or password is wrong.")
        self._lockout.succeeded(address)
