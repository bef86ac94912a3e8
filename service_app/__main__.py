"""`python -m service_app COMMAND`: serve, settings, keys, hash-password. Each loads only what it needs."""

from __future__ import annotations

import argparse
import os
import sys
import time

from .settings import Settings, SettingsError, table


def _serve(_: argparse.Namespace) -> int:
    from .serve import serve

    return serve(Settings.from_environment())


def _settings(_: argparse.Namespace) -> int:
    for variable, value, default, zh, en in table(os.environ):
        print(f"{variable}={value}")  # noqa: T201
        print(f"    {zh} / {en} (default: {default or '-'})")  # noqa: T201
    Settings.from_environment()
    return 0


def _hash_password(_: argparse.Namespace) -> int:
    from .auth.passwords import hash_password

    if sys.stdin.isatty():
        from getpass import getpass

        password = getpass("Password: ")
    else:
        password = sys.stdin.readline().removesuffix("\n")
    print(hash_password(password))  # noqa: T201
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    from .auth.store import AuthStore
    from .database import connect, sqlite_url

    settings = Settings.from_environment()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = AuthStore(connect(sqlite_url(settings.data_dir / "whisper.sqlite")))
    match arguments.action:
        case "add":
            key = store.add_key(arguments.name, settings.admin_user, time.time(), minutes=arguments.minutes)
            print("The key is shown this once; keep it.", file=sys.stderr)  # noqa: T201
            print(key)  # noqa: T201
        case "revoke":
            if not store.revoke_key(arguments.name):
                raise ValueError(f"key {arguments.name!r}: there is none; see `python -m service_app keys list`")
        case _:
            print(f"{'ID':10}{'CREATED':18}{'EXPIRES':18}{'LAST USED':18}NAME")  # noqa: T201
            for key_row in store.list_keys():
                times = (key_row.created, key_row.expires, key_row.last_used)
                print(f"{key_row.id:10}{''.join(f'{_when(at):18}' for at in times)}{key_row.name}")  # noqa: T201
    return 0


def _when(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"should be a whole number above 0, is {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service_app", description="The Whisper web app.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the server (settings: WHISPER_*)").set_defaults(run=_serve)
    commands.add_parser("settings", help="list every setting, its value and meaning").set_defaults(run=_settings)
    commands.add_parser(
        "hash-password", help="read a password from standard input, print its argon2id hash"
    ).set_defaults(run=_hash_password)
    keys = commands.add_parser("keys", help="API keys for programs; works while the server runs")
    keys.set_defaults(run=_keys)
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key and print it once")
    add.add_argument("name")
    add.add_argument("--minutes", type=_positive, help="the key expires after so many minutes (default: never)")
    actions.add_parser("list", help="list the keys, never their values")
    actions.add_parser("revoke", help="a key, by name or id, stops working at once").add_argument("name")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 expected failure (one line on standard error), 2 usage."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
