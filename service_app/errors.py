"""Errors that a user can cause. Each says in both languages what is wrong and what to do; the page and the API show
that text, never a traceback.

UserError
├── BadRequest 400    UnsupportedMedia 415    TooLarge 413
├── Unauthorized 401  Forbidden 403           NotFound 404   Conflict 409
├── Busy 429          (retry_after seconds)
└── Unavailable 503   (retry_after seconds)
"""

from __future__ import annotations

import errno

from .types import Failure


class UserError(Exception):
    """`code` is stable and documented; `param` names the field at fault, as OpenAI's error object does."""

    status = 400

    def __init__(
        self, code: str, *, zh: str, en: str, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(en)
        self.code, self.zh, self.en, self.param, self.retry_after = code, zh, en, param, retry_after

    @property
    def failure(self) -> Failure:
        return Failure(self.code, self.zh, self.en, self.status)

    def text(self, language: str) -> str:
        return self.failure.text(language)


class BadRequest(UserError):
    status = 400


class Unauthorized(UserError):
    status = 401


class Forbidden(UserError):
    status = 403


class NotFound(UserError):
    status = 404


class Conflict(UserError):
    status = 409


class TooLarge(UserError):
    status = 413


class UnsupportedMedia(UserError):
    status = 415


class Busy(UserError):
    status = 429


class Unavailable(UserError):
    status = 503


def disk_full() -> Unavailable:
    return Unavailable(
        "disk_full",
        zh="服务器磁盘空间不足，请删除旧任务后再试。",
        en="The server's disk is full; delete old jobs, then try again.",
        retry_after=60,
    )


def media_away() -> Unavailable:
    return Unavailable(
        "media_away",
        zh="录音存储暂时无法访问，正在自动恢复；已提交的任务不会丢失，请稍后再试。",
        en="The store of the recordings cannot be reached just now and is awaited; nothing accepted is lost. "
        "Try again in a moment.",
        retry_after=5,
    )


def database_away() -> Unavailable:
    return Unavailable(
        "database_away",
        zh="数据库暂时无法访问，正在自动恢复；已提交的任务不会丢失，请稍后再试。",
        en="The database cannot be reached just now and is awaited; nothing accepted is lost. Try again in a moment.",
        retry_after=5,
    )


def draining() -> Unavailable:
    return Unavailable(
        "draining",
        zh="此节点正在退出服务，请重试，其他节点会处理。",
        en="This node is leaving the service; try again, another one answers.",
        retry_after=1,
    )


def unwritten(error: OSError) -> Unavailable:
    """Why a recording could not be stored: the disk is full, or the store is not there."""
    return disk_full() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else media_away()
