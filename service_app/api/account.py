"""The caller's account: limits, usage, password, API keys; and the administrator's: users and the audit log."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from ..auth.gate import client_address, session_token
from ..errors import BadRequest, Unauthorized
from ..exports import FORMATS
from .services import require_admin, services_of, user_of

router = APIRouter(prefix="/api", tags=["account"])
_Password = Annotated[str, Field(min_length=1, max_length=1024)]


class NewPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")
    current: _Password
    new: _Password


class Password(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: _Password


class NewUser(Password):
    name: str = Field(max_length=64)


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100, pattern=r"\S")
    days: int | None = Field(None, ge=1, le=3650, description="until it expires; left out: never")
    scopes: list[Literal["speech", "jobs", "metrics"]] = Field(default_factory=list, description="empty: all")
    daily_minutes: int = Field(0, ge=0, le=1_000_000, description="of recording a day; 0: no limit")


@router.get("/me")
async def me(request: Request) -> dict[str, Any]:
    """Who is logged in, and what is allowed."""
    services = services_of(request)
    settings = services.settings
    return {
        "user": user_of(request),
        "admin": request.state.admin,
        "limits": {
            "upload_bytes": settings.max_upload_bytes,
            "retention_days": settings.retention_days,
            "queue_jobs": settings.queue_jobs,
            "queue_minutes": settings.queue_minutes,
            "user_jobs": settings.user_jobs,
        },
        "formats": list(FORMATS),
        "speed": services.jobs.speed,
    }


@router.get("/usage")
async def usage(request: Request, days: Annotated[int, Query(ge=1, le=366)] = 30) -> dict[str, Any]:
    """What the caller transcribed, by day, and how the machine is doing. `speed` is seconds of recording a second."""
    from ..database import ask

    services = services_of(request)
    figures = services.jobs.figures
    since = time.time() - days * 86400
    by_day = await ask(figures.days, user_of(request), since)
    total, free = await asyncio.to_thread(services.jobs.recordings.space)
    status = services.engine.status()
    return {
        "jobs": sum(day.jobs for day in by_day),
        "seconds": round(sum(day.seconds for day in by_day), 1),
        "work_seconds": round(await ask(figures.work_seconds, user_of(request), since), 1),
        "speed": services.jobs.speed,
        "days": [dataclasses.asdict(day) for day in by_day],
        "disk": {"total": total, "free": free, "recordings": await ask(figures.stored_bytes)},
        "engine": status.engine,
        "model": status.model,
        "devices": [dataclasses.asdict(device) for device in status.devices],
    }


@router.put("/password", status_code=204)
async def change_password(request: Request, given: NewPassword) -> Response:
    """A new password for the caller; all of the caller's other sessions end."""
    services = services_of(request)
    user = user_of(request)
    try:
        await services.auth.check_password(user, given.current, client_address(request.scope))
    except Unauthorized:
        # Not 401: the session is good, and a page that hears 401 goes to the login.
        raise BadRequest(
            "wrong_password", zh="当前密码不正确。", en="The current password is wrong.", param="current"
        ) from None
    await services.auth.change_password(user, given.new, keep=session_token(request.scope), param="new")
    await services.audit(request, "password changed", user)
    return Response(status_code=204)


@router.get("/webhook-secret")
async def webhook_secret(request: Request) -> dict[str, str]:
    """What the caller's webhooks are signed with (https://www.standardwebhooks.com)."""
    from ..database import ask

    return {"secret": await ask(services_of(request).secrets.of, user_of(request))}


@router.get("/keys")
async def keys(request: Request) -> dict[str, Any]:
    """The caller's keys; never their values."""
    found = await services_of(request).auth.keys(user_of(request))
    return {"keys": [dataclasses.asdict(key) for key in found]}


@router.post("/keys", status_code=201)
async def add_key(request: Request, new: NewKey) -> dict[str, Any]:
    """A new key; `key` is shown this once."""
    services = services_of(request)
    value = await services.auth.add_key(
        new.name,
        user_of(request),
        days=new.days,
        scopes=tuple(dict.fromkeys(new.scopes)),
        daily_minutes=new.daily_minutes,
    )
    await services.audit(request, "key added", new.name)
    made = next(key for key in await services.auth.keys(user_of(request)) if key.name == new.name)
    return {**dataclasses.asdict(made), "key": value}


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(request: Request, key_id: str) -> Response:
    """The key stops working at once."""
    services = services_of(request)
    await services.auth.revoke_key(key_id, user_of(request))
    await services.audit(request, "key revoked", key_id)
    return Response(status_code=204)


@router.get("/users")
async def users(request: Request) -> dict[str, Any]:
    """The administrator's: everybody who may log in beside the administrator."""
    require_admin(request)
    services = services_of(request)
    found = [dataclasses.asdict(user) for user in await services.auth.users()]
    return {"admin": services.auth.admin, "users": found}


@router.post("/users", status_code=201)
async def add_user(request: Request, new: NewUser) -> dict[str, str]:
    """The administrator's: one more login, with jobs and keys of its own."""
    require_admin(request)
    services = services_of(request)
    await services.auth.add_user(new.name, new.password)
    await services.audit(request, "user added", new.name)
    return {"name": new.name}


@router.put("/users/{name}/password", status_code=204)
async def set_password(request: Request, name: str, given: Password) -> Response:
    """The administrator's: another password for this user, whose sessions end."""
    require_admin(request)
    services = services_of(request)
    await services.auth.require_user(name)
    await services.auth.change_password(name, given.password, keep=None)
    await services.audit(request, "password set", name)
    return Response(status_code=204)


@router.delete("/users/{name}", status_code=204)
async def remove_user(request: Request, name: str) -> Response:
    """The administrator's: the login, its sessions, keys, jobs and recordings go."""
    require_admin(request)
    from ..database import ask

    services = services_of(request)
    await services.auth.remove_user(name)
    owned = await ask(services.jobs.figures.owned, name)
    # Nobody's first: should this break off, the janitor goes on, and a later user of that name sees none of them.
    await ask(services.jobs.figures.disown, name)
    for job_id in owned:
        await ask(services.jobs.remove, job_id)
    await services.audit(request, "user removed", name)
    return Response(status_code=204)


@router.get("/audit")
async def audit(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> dict[str, Any]:
    """The administrator's: logins, refusals, changes of users, passwords and keys, deletions; newest first."""
    require_admin(request)
    lines = await services_of(request).auth.audit_lines(limit)
    return {"audit": [dataclasses.asdict(line) for line in lines]}
