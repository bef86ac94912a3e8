"""Settings: `WHISPER_*` environment variables, read once into a frozen value.

`FIELDS` is the single list: the dataclass is filled from it, `python -m service_app settings` prints it, and the docs'
table is made from it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A setting is missing or wrong; the text is one line that says which, what and what to do."""


class Secret:
    """A text that never shows itself by accident: everything prints stars, only `reveal()` gives the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "****" if self._value else ""

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> str:
        return self._value


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: the attribute's name, how its text is read, its default as text, its meaning in both languages."""

    attribute: str
    parse: Callable[[str], Any]
    default: str
    zh: str
    en: str

    @property
    def variable(self) -> str:
        return f"WHISPER_{self.attribute.upper()}"

    @property
    def secret(self) -> bool:
        return self.parse in (_argon2id, _database)


_ADDRESS: Final = re.compile(
    r"([^@:/?#\s]*(:[^@:/?#\s]*)?@)?([^@:/?#\s\[\]]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^@:/?#\s]*)?(\?[^#\s]*)?"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service was told by its environment. `FIELDS` says what each one means."""

    host: str
    port: int
    admin_user: str
    admin_password_hash: Secret
    data_dir: Path
    models_dir: Path
    model: str
    engine: str
    device: str
    max_upload_mb: int
    public_url: str
    log_level: str
    retention_days: int
    queue_jobs: int
    queue_minutes: int
    user_jobs: int
    disk_quota_gb: int
    abandon_seconds: int
    canary_minutes: int
    private_networks: tuple[Network, ...]
    database_url: Secret
    media_dir: Path | None
    node: str
    node_seconds: int

    @property
    def media(self) -> Path:
        """Where recordings and unfinished uploads are."""
        return self.media_dir or self.data_dir / "media"

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1024 * 1024

    @property
    def database(self) -> str:
        """The address of the application's tables."""
        return self.database_url.reveal() or f"sqlite:///{self.data_dir / 'whisper.sqlite'}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises `SettingsError` at the first value that is wrong. Unset and empty mean the default."""
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for field in FIELDS:
            text = source.get(field.variable, "").strip() or field.default
            try:
                values[field.attribute] = field.parse(text)
            except ValueError as error:
                shown = "****" if field.secret else repr(text)
                raise SettingsError(f"{field.variable}: {error}, is {shown}") from None
        return cls(**values)

    def require_login(self) -> None:
        """The server must not start without a login. Raises `SettingsError`."""
        if not self.admin_password_hash:
            raise SettingsError(
                "WHISPER_ADMIN_PASSWORD_HASH: is not set; make one with `python -m service_app hash-password`"
            )


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"should be a whole number from {low} to {high}")
        return int(text)

    return parse


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"should be one of {', '.join(allowed)}")
        return text.lower()

    return parse


def _text(text: str) -> str:
    return text


def _user(text: str) -> str:
    if ":" in text or not text.isprintable():
        raise ValueError("should be a printable name without a colon (HTTP Basic separates with it)")
    return text


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError("should be an absolute path")
    return path


def _folder(text: str) -> Path | None:
    return _path(text) if text else None


def _node(text: str) -> str:
    name = text or socket.gethostname().partition(".")[0] or "node"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name):
        raise ValueError("should be letters, digits, dots, hyphens and underscores, at most 63")
    return name


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("should begin with http:// or https://")
    return text.rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"should be networks like 10.0.0.0/8 ({error})") from None


def _database(text: str) -> Secret:
    if text and not text.startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("should begin with postgresql:// (empty: SQLite)")
    # Else a part of the password would be taken for host or port, and shown in the error of who looks for it.
    if text and not _ADDRESS.fullmatch(text.partition("://")[2]):
        raise ValueError(
            "should be postgresql://user:password@host:port/database; "
            "in the password write % as %25, @ as %40, : as %3A, / as %2F, # as %23, ? as %3F"
        )
    return Secret(text.replace("postgresql://", "postgresql+psycopg://", 1))


def _argon2id(text: str) -> Secret:
    if text and not text.startswith("$argon2id$"):
        raise ValueError("should be an argon2id hash (`python -m service_app hash-password` makes one)")
    return Secret(text)


def _device(text: str) -> str:
    kind, _, index = text.lower().partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not index.replace(",", "").isdigit()):
        raise ValueError("should be auto, cpu, cuda or cuda:0,1")
    return text.lower()


FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "host",
        _text,
        "127.0.0.1",
        "监听地址；对外访问请经 HTTPS 代理",
        "Address to listen on; the HTTPS proxy is in front",
    ),
    Field("port", _number(1, 65535), "7860", "监听端口", "Port to listen on"),
    Field("admin_user", _user, "admin", "登录用户名", "Name of the login"),
    Field("admin_password_hash", _argon2id, "", "登录密码的 argon2id 哈希", "argon2id hash of the login's password"),
    Field(
        "data_dir",
        _path,
        "/var/lib/whisper",
        "任务、媒体、会话与密钥的目录",
        "Folder of jobs, media, sessions and keys",
    ),
    Field("models_dir", _path, "/opt/whisper/models", "模型权重目录", "Folder of the model weights"),
    Field("model", _text, "auto", "使用的模型；auto 取已安装的模型", "Model to load; auto takes the installed one"),
    Field(
        "engine",
        _choice("auto", "faster-whisper", "openai-whisper"),
        "auto",
        "识别引擎；auto 优先使用快速引擎",
        "Speech engine; auto takes the fast one where its weights exist",
    ),
    Field(
        "device",
        _device,
        "auto",
        "计算设备；auto 使用全部 GPU，否则 CPU",
        "Devices; auto takes every GPU, else the CPU",
    ),
    Field("max_upload_mb", _number(1, 1024 * 1024), "3072", "单个文件上限（MiB）", "Largest file (MiB)"),
    Field("public_url", _url, "", "用户看到的地址", "Address that users see"),
    Field("log_level", _choice("debug", "info", "warning", "error"), "info", "日志级别", "Log level"),
    Field(
        "retention_days",
        _number(0, 36500),
        "30",
        "任务结束多少天后删除录音与文字；0 永久保留",
        "Days after its end until a job's recording and text are removed; 0 keeps them",
    ),
    Field(
        "queue_jobs",
        _number(0, 1_000_000),
        "1000",
        "未完成任务数上限，超过则回答 429；0 不限",
        "Most unfinished jobs; above it new ones get 429; 0: no limit",
    ),
    Field(
        "queue_minutes",
        _number(0, 100_000),
        "0",
        "预计排队时间上限（分钟），超过则回答 429；0 不限",
        "Longest estimated wait (minutes); above it new jobs get 429; 0: no limit",
    ),
    Field(
        "user_jobs",
        _number(0, 1_000_000),
        "200",
        "每个用户未完成任务数上限；0 不限",
        "Most unfinished jobs of one user; 0: no limit",
    ),
    Field(
        "disk_quota_gb",
        _number(0, 1_000_000),
        "0",
        "录音总量上限（GiB）；0 仅检查磁盘剩余空间",
        "Most recordings kept (GiB); 0: only the disk's free space counts",
    ),
    Field(
        "abandon_seconds",
        _number(0, 3600),
        "10",
        "同步调用的最后一个调用方离开多少秒后停止其任务",
        "Seconds after which a synchronous call's work stops when its last caller has left",
    ),
    Field(
        "canary_minutes",
        _number(0, 1440),
        "5",
        "每隔多少分钟用内置录音自检；0 关闭",
        "Minutes between self-checks with the bundled clip; 0: none",
    ),
    Field(
        "private_networks",
        _networks,
        "",
        "允许按链接访问的内网网段（CIDR，逗号分隔），默认只允许公网",
        "Private networks (CIDR, commas) that links and webhooks may reach; by default only public addresses",
    ),
    Field(
        "database_url",
        _database,
        "",
        "PostgreSQL 地址（postgresql://…）；留空使用 SQLite",
        "PostgreSQL address (postgresql://…); empty: SQLite in the data folder",
    ),
    Field(
        "media_dir",
        _folder,
        "",
        "录音与未完成上传的目录；留空为数据目录下的 media。多节点时为各节点共享的挂载点（NAS）",
        "Folder of recordings and unfinished uploads; empty: `media` in the data folder. With several nodes: the mount "
        "that all of them share (NAS)",
    ),
    Field(
        "node",
        _node,
        "",
        "节点名称，用于日志、指标与 /readyz；留空为主机名",
        "Name of this node in logs, metrics and /readyz; empty: the host's name",
    ),
    Field(
        "node_seconds",
        _number(1, 600),
        "15",
        "节点无响应多少秒后，其他节点接管其任务（每五分之一时间报一次心跳）",
        "Seconds without a sign of life after which others take a node's work over (it gives one in every fifth of it)",
    ),
)


def table(environment: Mapping[str, str]) -> list[tuple[str, str, str, str, str]]:
    """Rows of (variable, value, default, Chinese meaning, English meaning); secrets are stars."""
    rows = []
    for field in FIELDS:
        value = environment.get(field.variable, "").strip() or field.default
        rows.append((field.variable, "****" if field.secret and value else value, field.default, field.zh, field.en))
    return rows


def markdown() -> str:
    """docs/settings.md, whole."""
    rows = "".join(
        f"| `{field.variable}` | {f'`{field.default}`' if field.default else '-'} | {field.en} | {field.zh} |\n"
        for field in FIELDS
    )
    return (
        "# Settings / 设置\n\n"
        "Made by `python -m service_app settings --markdown` from `service_app/settings.py`: do not edit.\n\n"
        "The app reads them once, from its environment; on an instance they are in `etc/whisper/whisper.env`, and\n"
        "`systemctl restart whisper` makes a change work. Empty means the default.\n\n"
        "| Variable | Default | Meaning | 含义 |\n|---|---|---|---|\n" + rows
    )
