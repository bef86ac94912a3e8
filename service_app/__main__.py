"""`python -m service_app COMMAND`: the server, and what an operator does beside it. Each loads only what it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from .settings import Settings, SettingsError, markdown, table

_Command = Callable[[argparse.Namespace], int]
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _serve(_: argparse.Namespace) -> int:
    from .serve import serve

    return serve(Settings.from_environment())


def _settings(arguments: argparse.Namespace) -> int:
    if arguments.markdown:
        sys.stdout.write(markdown())
        return 0
    for variable, value, default, zh, en in table(os.environ):
        print(f"{variable}={value}")  # noqa: T201
        print(f"    {zh} / {en} (default: {default or '-'})")  # noqa: T201
    Settings.from_environment()
    return 0


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"should be a whole number above 0, is {text!r}")
    return int(text)


def _name(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("should be UTF-8") from None
    return text


def _accounts(command: str) -> _Command:
    def run(arguments: argparse.Namespace) -> int:
        from .operate import accounts

        return {"keys": accounts.keys, "users": accounts.users, "hash-password": accounts.hash_from_input}[command](
            arguments
        )

    return run


def _jobs(arguments: argparse.Namespace) -> int:
    from .operate.jobs import jobs

    return jobs(arguments)


def _selftest(arguments: argparse.Namespace) -> int:
    from .operate.selftest import selftest

    return selftest(arguments)


def _bench(arguments: argparse.Namespace) -> int:
    from .operate.bench import bench

    return bench(arguments)


def _backup(arguments: argparse.Namespace) -> int:
    from .operate.backup import backup, restore

    return (backup if arguments.command == "backup" else restore)(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from .operate.doctor import doctor

    return doctor(arguments)


def _drain(arguments: argparse.Namespace) -> int:
    from .operate.drain import drain

    return drain(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service_app", description="The Whisper web app.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the server (settings: WHISPER_*)").set_defaults(run=_serve)
    listed = commands.add_parser("settings", help="list every setting, its value and meaning")
    listed.set_defaults(run=_settings)
    listed.add_argument("--markdown", action="store_true", help="the page docs/settings.md instead")
    commands.add_parser(
        "hash-password", help="read a password from standard input, print its argon2id hash"
    ).set_defaults(run=_accounts("hash-password"))
    _add_accounts(commands)
    stored = commands.add_parser("jobs", help="list stored jobs")
    stored.set_defaults(run=_jobs)
    stored.add_argument("--state", choices=["queued", "running", "done", "failed", "cancelled"])
    stored.add_argument("--limit", type=_positive, default=20, help="how many, newest first (default: 20)")
    stored.add_argument("--names", action="store_true", help="with the recordings' names")
    tested = commands.add_parser("selftest", help="try the running server with OpenAI's SDK and gradio_client")
    tested.set_defaults(run=_selftest)
    tested.add_argument("--url", help="the server's address (default: WHISPER_HOST and WHISPER_PORT)")
    timed = commands.add_parser("bench", help="how fast the running server is, with one client and with several")
    timed.set_defaults(run=_bench)
    timed.add_argument("file", type=Path, nargs="?", help="a recording (default: nine seconds that come with the app)")
    timed.add_argument("--url", help="the server's address (default: WHISPER_HOST and WHISPER_PORT)")
    timed.add_argument("--clients", type=_positive, default=4, help="side by side (default: 4)")
    timed.add_argument("--times", type=_positive, default=4, help="recordings of each client (default: 4)")
    kept = commands.add_parser("backup", help="databases, keys and recordings into one .tar; the server may run")
    kept.set_defaults(run=_backup)
    kept.add_argument("file", type=Path)
    kept.add_argument("--without-media", action="store_true", help="leave the recordings out")
    back = commands.add_parser("restore", help="a backup into an empty data folder")
    back.set_defaults(run=_backup)
    back.add_argument("file", type=Path)
    drained = commands.add_parser("drain", help="the running server takes no new work and hands over what it has")
    drained.set_defaults(run=_drain)
    drained.add_argument("--timeout", type=_positive, default=300, help="seconds to wait (default: 300)")
    commands.add_parser("doctor", help="look at everything the service needs").set_defaults(run=_doctor)
    return parser


def _add_accounts(commands: _Commands) -> None:
    keys = commands.add_parser("keys", help="API keys for programs; works while the server runs")
    keys.set_defaults(run=_accounts("keys"))
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key and print it once")
    add.add_argument("name", type=_name)
    add.add_argument("--minutes", type=_positive, help="the key expires after so many minutes (default: never)")
    add.add_argument("--user", type=_name, help="whose key it is (default: the administrator's)")
    add.add_argument("--scope", action="append", choices=["speech", "jobs", "metrics"], help="what it opens (all)")
    add.add_argument("--daily-minutes", type=_positive, default=0, help="minutes of recording a day (no limit)")
    actions.add_parser("list", help="list the keys, never their values")
    actions.add_parser("revoke", help="a key, by name or id, stops working at once").add_argument("name", type=_name)
    users = commands.add_parser("users", help="logins beside the administrator's; works while the server runs")
    users.set_defaults(run=_accounts("users"))
    actions = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="list the logins")
    actions.add_parser("add", help="add a login; the password is read from standard input").add_argument(
        "name", type=_name
    )
    actions.add_parser(
        "set-password", help="another password, from standard input, also for the administrator; sessions end"
    ).add_argument("name", type=_name)
    actions.add_parser("remove", help="a login with its sessions and keys").add_argument("name", type=_name)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 expected failure (one line on standard error), 2 usage."""
    parsed = _parser().parse_args(arguments)
    try:
        done = int(parsed.run(parsed))
        sys.stdout.flush()
        return done
    except BrokenPipeError:  # `… | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return 0
    except (SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except Exception as error:
        from .database import away

        if not away(error):
            raise
        print("error: WHISPER_DATABASE_URL: the database cannot be reached; is it up?", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
