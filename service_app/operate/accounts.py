"""`keys` and `users`: work while the server runs, through the same database, and are in the same audit log."""

from __future__ import annotations

import sys
import time
from argparse import Namespace

from ..administrator import accounts_of
from ..auth import require_user_name
from ..auth.passwords import hash_password, require_strong
from ..auth.store import AuditLine, AuthStore, User
from ..database import connect
from ..errors import UserError
from ..jobs.figures import Figures
from ..settings import Settings
from .terminal import say, table, when


def _store(settings: Settings) -> AuthStore:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return AuthStore(connect(settings.database))


def _audit(store: AuthStore, event: str, subject: str) -> None:
    # Whoever may run commands here is no user of the service: nobody is named.
    store.audit(AuditLine(time.time(), "", event, subject, "command line"))


def keys(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    store = _store(settings)
    match arguments.action:
        case "add":
            owner = arguments.user or settings.admin_user
            if owner != settings.admin_user and owner not in {user.name for user in store.users()}:
                raise ValueError(f"user {owner!r}: there is none; see `python -m service_app users list`")
            key = store.add_key(
                arguments.name,
                owner,
                time.time(),
                minutes=arguments.minutes,
                scopes=tuple(arguments.scope or ()),
                daily_minutes=arguments.daily_minutes,
            )
            _audit(store, "key added", f"{arguments.name} of {owner}")
            say("The key is shown this once; keep it.", file=sys.stderr)
            say(key)
        case "revoke":
            meant = [key for key in store.list_keys() if arguments.name in (key.name, key.id)]
            if not store.revoke_key(arguments.name):
                raise ValueError(f"key {arguments.name!r}: there is none; see `python -m service_app keys list`")
            for gone in meant:
                _audit(store, "key revoked", f"{gone.id} of {gone.owner}")
        case _:
            rows = [
                (
                    key.id,
                    when(key.created),
                    when(key.expires),
                    when(key.last_used),
                    ",".join(key.scopes) or "all",
                    str(key.daily_minutes or "-"),
                    key.owner,
                    key.name,
                )
                for key in store.list_keys()
            ]
            table(("ID", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "MINUTES A DAY", "USER", "NAME"), rows)
    return 0


def users(arguments: Namespace) -> int:
    settings = Settings.from_environment()
    store = _store(settings)
    try:
        match arguments.action:
            case "add":
                _add(store, settings, arguments.name)
            case "set-password":
                _set_password(store, settings, arguments.name)
            case "remove":
                if arguments.name == settings.admin_user or not store.remove_user(arguments.name):
                    raise ValueError(f"user {arguments.name!r}: there is none that could be removed")
                _audit(store, "user removed", arguments.name)
                left = Figures(connect(settings.database)).disown(arguments.name)
                say(f"Removed; the running server deletes {left} recordings with their text.", file=sys.stderr)
            case _:
                since = {user.name: user for user in store.users()}
                others = [user for name, user in since.items() if name != settings.admin_user]
                admin = since.get(settings.admin_user, User(settings.admin_user, 0.0, 0.0))
                rows = [(user.name, when(user.created or None), when(user.changed or None)) for user in others]
                table(
                    ("NAME", "CREATED", "PASSWORD SET"),
                    [(f"{admin.name} (administrator)", "-", when(admin.changed or None)), *rows],
                )
    except UserError as error:
        raise ValueError(error.en) from None
    return 0


def _add(store: AuthStore, settings: Settings, name: str) -> None:
    require_user_name(name)
    password = read_password()
    require_strong(password, name)
    if name == settings.admin_user or not store.add_user(name, hash_password(password), time.time()):
        raise ValueError(f"user {name!r}: exists already")
    _audit(store, "user added", name)


def _set_password(store: AuthStore, settings: Settings, name: str) -> None:
    if name != settings.admin_user and name not in {user.name for user in store.users()}:
        raise ValueError(f"user {name!r}: there is none; see `python -m service_app users list`")
    password = read_password()
    require_strong(password, name)
    if name == settings.admin_user:
        accounts_of(settings)
    store.set_password(name, hash_password(password), time.time())
    ended = store.drop_sessions(name)
    _audit(store, "password set", name)
    say(f"Password set; {ended} sessions ended.", file=sys.stderr)


def hash_from_input(_: Namespace) -> int:
    say(hash_password(read_password()))
    return 0


def read_password() -> str:
    """From the terminal without echo, else the first line of standard input."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass("Password: ")
    return sys.stdin.readline().removesuffix("\n")
