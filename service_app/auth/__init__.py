"""Who may come in: passwords, sessions for people, API keys and HTTP Basic for programs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..characters import require_text
from ..errors import BadRequest, Busy, Conflict, NotFound, Unauthorized, database_away
from ..settings import Settings
from .lockout import (
    ACCOUNT_ATTEMPTS,
    ACCOUNT_FIRST_DELAY,
    ACCOUNT_LONGEST_DELAY,
    Lockout,
    network_of,
)
from .passwords import PasswordCheck, hash_password, require_strong

if TYPE_CHECKING:
    from .keys import ApiKey
    from .store import AuditLine, AuthStore, User

__all__ = ["Auth", "Caller"]
_T = TypeVar("_T")
_LONGEST_NAME = 64
_OPENS_SECONDS = 10.0  # how long callers wait for the database at the start


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a user, through an API key or not. `still` asks whether what the request came with opens
    anything yet: it may have been revoked, or have expired."""

    user: str
    still: Callable[[], Awaitable[bool]]
    key: ApiKey | None = None


class Auth:
    """Answers who sent a request, and changes who may. `opened` must have been called before anything that needs the
    database; until then callers wait for it. `admin` is the login of the deployment."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.admin = settings.admin_user
        self._hash = settings.admin_password_hash.reveal()
        self._clock = clock
        # What this process knows of the failures that the database counts for all nodes: it is asked while attempts
        # that came at once wait for their turn.
        self._addresses = Lockout(clock)
        self._accounts = Lockout(clock, free=ACCOUNT_ATTEMPTS, first=ACCOUNT_FIRST_DELAY, longest=ACCOUNT_LONGEST_DELAY)
        self._check = PasswordCheck(fallback=self._hash)
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

    async def _ask(self, question: Callable[[AuthStore], _T]) -> _T:
        from ..database import ask

        return await ask(question, await self._opened())

    async def _opened(self) -> AuthStore:
        """Raises `Unavailable` when the database has been away since the start."""
        try:
            async with asyncio.timeout(_OPENS_SECONDS):
                return await asyncio.shield(self._future())
        except TimeoutError:
            raise database_away() from None

    # Coming in

    async def log_in(self, user: str, password: str, address: str) -> str:
        """A new session's token. Raises `Unauthorized`, or `Busy` while the address is locked out."""
        await self.check_password(user, password, address)
        await self.audit(user, "logged in", "", address)
        return await self._ask(lambda store: store.add_session(user, self._clock()))

    async def log_out(self, token: str) -> None:
        await self._ask(lambda store: store.drop_session(token))

    async def session(self, token: str) -> Caller | None:
        user = await self._ask(lambda store: store.session_user(token, self._clock()))

        async def still() -> bool:  # looking on does not count as use
            return user == await self._ask(lambda store: store.session_user(token, self._clock(), used=False))

        return None if user is None else Caller(user, still)

    async def program(self, authorization: str, address: str) -> Caller:
        """Who is behind an Authorization header. Raises `Unauthorized` or `Busy`."""
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            key = await self._ask(lambda store: store.key(value, self._clock()))
            if key is not None:
                key_id = key.id
                return Caller(key.owner, lambda: self._ask(lambda store: store.has_key(key_id, self._clock())), key)
            # OpenAI's clients can only send a Bearer token: "user:password" is a login in that form.
            user, separator, password = value.partition(":")
            if not separator:
                raise Unauthorized(
                    "invalid_api_key",
                    zh="API 密钥不正确、已过期或已吊销。",
                    en="The API key is wrong, expired or revoked.",
                )
            return await self._with_password(user, password, address)
        if scheme.lower() == "basic":
            try:
                user, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                separator = ""
            if separator:
                return await self._with_password(user, password, address)
        raise Unauthorized(
            "invalid_authorization",
            zh="无法识别 Authorization 请求头；请使用 Bearer 密钥或 HTTP Basic。",
            en="The Authorization header is not understood; send a Bearer key or HTTP Basic.",
        )

    async def _with_password(self, user: str, password: str, address: str) -> Caller:
        known = await self.check_password(user, password, address)

        async def still() -> bool:
            return known == self._hash_of(user, await self._ask(lambda store: store.password_hash(user)))

        return Caller(user, still)

    def _hash_of(self, user: str, stored: str | None) -> str | None:
        return self._hash if stored is None and user == self.admin else stored

    async def check_password(self, user: str, password: str, address: str) -> str | None:
        """The hash that it matches. Raises `Unauthorized`, and `Busy` while the address, or the account for this
        address, has to wait. Wrong ones are in the audit log; not what was turned away unlooked at, which costs a
        stranger nothing to repeat."""
        require_text(user, "username")
        network, account = network_of(address), f"user {user[:_LONGEST_NAME]}"
        (stored, known), counted = await self._ask(
            lambda store: (store.login_facts(user, network, self._clock()), store.locks((network, account)))
        )
        stored = self._hash_of(user, stored)
        counters = ((network, self._addresses), (account, self._accounts))
        for name, lockout in counters:
            lockout.learn(name, *counted.get(name, (0, 0.0)))

        def not_locked() -> None:
            wait = self._addresses.wait(network)
            if wait:
                raise Busy(
                    "locked_out",
                    zh=f"此地址登录失败次数过多（同一网络的其他人也会受影响），请在 {wait} 秒后再试。",
                    en=f"Too many failed logins from this address (or from others on its network); "
                    f"try again in {wait} seconds.",
                    retry_after=wait,
                )
            wait = 0 if known else self._accounts.wait(account)
            if wait:
                raise Busy(
                    "account_slowed",
                    zh=f"有人正在多处猜测此账号的密码，请在 {wait} 秒后再试，或从您登录过的网络登录。",
                    en=f"Somebody is guessing this account's password from many places; try again in {wait} seconds, "
                    "or from a network where you logged in before.",
                    retry_after=wait,
                )

        if not await self._check(user, password, stored, known=known, before=not_locked):
            await self._count_failure(network, account, known=known)
            await self.audit(user[:_LONGEST_NAME], "login refused: wrong_password", "", address)
            raise Unauthorized("wrong_password", zh="用户名或密码不正确。", en="The user name or password is wrong.")
        self._addresses.succeeded(network, account)
        self._accounts.succeeded(account)
        if counted:
            await self._ask(lambda store: store.forgive(network, account))
        if not known:
            await self._ask(lambda store: store.remember_network(user, network, self._clock()))
        return stored

    async def _count_failure(self, network: str, account: str, *, known: bool) -> None:
        self._addresses.failed(network, account)
        count = self._addresses.delay
        counted = await self._ask(lambda store: store.count_failure(network, account, self._clock(), count))
        self._addresses.learn(network, *counted)
        if not known:
            self._accounts.failed(account)
            slowed = self._accounts.delay
            counted = await self._ask(lambda store: store.count_failure(account, "", self._clock(), slowed))
            self._accounts.learn(account, *counted)

    # Users and passwords

    async def change_password(self, user: str, new: str, *, keep: str | None, param: str = "password") -> None:
        """Every session of the user ends, but the one with the token `keep`. Raises `BadRequest` that names `param`."""
        require_strong(new, user, param=param)
        hashed = await asyncio.to_thread(hash_password, new)

        def change(store: AuthStore) -> None:
            store.set_password(user, hashed, self._clock())
            store.drop_sessions(user, but=keep)

        await self._ask(change)

    async def add_user(self, name: str, password: str) -> None:
        """Raises `BadRequest` (`bad_user_name`, `weak_password`) and `Conflict`."""
        require_user_name(name)
        require_strong(password, name)
        hashed = await asyncio.to_thread(hash_password, password)
        if name == self.admin or not await self._ask(lambda store: store.add_user(name, hashed, self._clock())):
            raise Conflict("user_exists", zh=f"用户 {name} 已存在。", en=f"User {name} exists already.", param="name")

    async def users(self) -> list[User]:
        """Those that the administrator added."""
        return [user for user in await self._ask(lambda store: store.users()) if user.name != self.admin]

    async def require_user(self, name: str) -> None:
        """Raises `NotFound`; the administrator is not one of them."""
        if name not in {user.name for user in await self.users()}:
            raise NotFound("user_not_found", zh=f"没有用户 {name[:64]}。", en=f"There is no user {name[:64]}.")

    async def remove_user(self, name: str) -> None:
        await self.require_user(name)
        await self._ask(lambda store: store.remove_user(name))

    # Keys

    async def keys(self, owner: str) -> list[ApiKey]:
        return await self._ask(lambda store: store.list_keys(owner))

    async def add_key(
        self, name: str, owner: str, *, days: int | None, scopes: tuple[str, ...], daily_minutes: int
    ) -> str:
        """The key itself, this once. Raises `Conflict`."""
        minutes = None if days is None else days * 24 * 60
        try:
            return await self._ask(
                lambda store: store.add_key(
                    name, owner, self._clock(), minutes=minutes, scopes=scopes, daily_minutes=daily_minutes
                )
            )
        except ValueError:
            raise Conflict(
                "key_exists",
                zh="已有同名密钥，请换个名称。",
                en="There is a key of that name; take another.",
                param="name",
            ) from None

    async def revoke_key(self, key_id: str, owner: str) -> None:
        if not await self._ask(lambda store: store.revoke_key(key_id, owner)):
            raise NotFound("key_not_found", zh="没有这个密钥。", en="There is no such key.")

    # Audit

    async def audit(self, actor: str, event: str, subject: str, address: str) -> None:
        """Notes who did what; never a secret, a file name or text."""
        from .store import AuditLine

        await self._ask(lambda store: store.audit(AuditLine(self._clock(), actor, event, subject, address)))

    async def audit_lines(self, limit: int) -> list[AuditLine]:
        return await self._ask(lambda store: store.audit_lines(limit))

    async def forget_old(self) -> None:
        await self._ask(lambda store: store.forget_old(self._clock()))


def require_user_name(name: str) -> None:
    """Raises `BadRequest`: HTTP Basic separates with a colon, and names are shown in lists."""
    if not name or len(name) > _LONGEST_NAME or ":" in name or not name.isprintable() or name != name.strip():
        raise BadRequest(
            "bad_user_name",
            zh=f"用户名为 1 到 {_LONGEST_NAME} 个可见字符，不含冒号，首尾无空格。",
            en=f"A user name has 1 to {_LONGEST_NAME} printable characters, no colon, no space at its ends.",
            param="name",
        )
