"""All options of all commands. Builds argument parsers and nothing else, so that --help is quick."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from typing import NoReturn

from . import __version__
from .errors import Usage

DEFAULT_NAME = "whisper"

VERBS = {
    "specs": "the instance types to choose from",
    "create": "deploy Whisper and print its login address",
    "list": "all stacks of the region",
    "status": "how one stack is doing",
    "events": "what happened to a stack, oldest first",
    "outputs": "the addresses and ids of a stack",
    "delete": "remove a stack and everything in it",
    "render": "make ros_templates/*.yaml from their sources",
    "validate": "check templates without the cloud",
    "local": "run, find or stop the emulated cloud on this machine",
}

_EPILOG = """\
examples:
  python -m deploy create --spec gn7i-c16g1 --local         on this machine, nothing needed
  python -m deploy create --spec gn7i-c16g1 --region cn-hangzhou --zone cn-hangzhou-h --client-cidr 203.0.113.7
  python -m deploy delete whisper --local

exit codes: 0 done, 1 failed as the message says, 2 wrong usage, 3 a bug (its log is named), 130 interrupted
"""


class Parser(ArgumentParser):
    """Complains with `Usage`, so that --json can report it too."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, f"see: {self.prog} --help")


def parser() -> Parser:
    top = Parser(
        prog="python -m deploy",
        description="Deploys OpenAI Whisper to an Alibaba Cloud GPU instance, or with --local to this machine.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=__version__)
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True, title="commands")
    for verb, purpose in VERBS.items():
        command = verbs.add_parser(verb, help=purpose, description=purpose.capitalize() + ".", allow_abbrev=False)
        _OPTIONS[verb](command)
        _everywhere(command)
    return top


def _everywhere(command: ArgumentParser) -> None:
    group = command.add_argument_group("where and how")
    group.add_argument("--local", action="store_true", help="use the emulated cloud on this machine")
    group.add_argument("--region", metavar="ID", help="such as cn-hangzhou (default: ALIBABA_CLOUD_REGION_ID)")
    group.add_argument("--endpoint", metavar="HOST", default="", help="of ROS (default: the region's)")
    group.add_argument("--profile", metavar="NAME", default="", help="of ~/.aliyun/config.json")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")
    group.add_argument("--state-dir", metavar="DIR", help="where --local keeps its state (default: WHISPER_LOCAL_HOME)")


def _create(command: ArgumentParser) -> None:
    command.add_argument("--spec", metavar="SPEC", help="instance type or any unambiguous part of it: gn7i-c16g1")
    command.add_argument("--name", default=DEFAULT_NAME, help="of the stack (default: %(default)s)")
    command.add_argument("--model", metavar="MODEL", help="Whisper model (default: the catalog's)")
    login = command.add_argument_group("login")
    login.add_argument("--user", default="admin", help="login name of the web page (default: %(default)s)")
    password = login.add_mutually_exclusive_group()
    password.add_argument(
        "--password-stdin", action="store_true", help="read its password from the first line of standard input"
    )
    password.add_argument("--generate-password", action="store_true", help="make one and show it at the end")
    login.add_argument(
        "--instance-password-stdin",
        action="store_true",
        help="read the instance's root password from the next line of standard input (default: a random one that "
        "nobody sees; Session Manager needs none, and the console can reset it)",
    )
    network = command.add_argument_group("network")
    network.add_argument("--zone", metavar="ID", help="such as cn-hangzhou-h")
    network.add_argument("--client-cidr", metavar="CIDR", help="who may connect: 203.0.113.7 or 203.0.113.0/24")
    running = command.add_argument_group("running")
    running.add_argument(
        "--timeout", type=int, default=75, metavar="MINUTES", help="for the whole stack, 10 to 1440 (default: 75)"
    )
    running.add_argument("--wait", action=BooleanOptionalAction, default=True, help="until it answers (default)")


def _name(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", nargs="?", default=DEFAULT_NAME, help="default: %(default)s")


def _events(command: ArgumentParser) -> None:
    _name(command)
    command.add_argument("--follow", action="store_true", help="until nothing more happens")


def _delete(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--wait", action=BooleanOptionalAction, default=True, help="until it is gone (default)")


def _render(command: ArgumentParser) -> None:
    command.add_argument("--check", action="store_true", help="write nothing; fail if a committed file is not fresh")
    command.add_argument("--out", metavar="DIR", help="write there (default: ros_templates)")


def _local(command: ArgumentParser) -> None:
    command.add_argument("action", choices=("serve", "list", "stop"), help="run it here, say where it answers, end it")
    command.add_argument(
        "--port", type=int, default=0, help="of serve, on 127.0.0.1 (default: the last one, or a free one)"
    )


def _validate(command: ArgumentParser) -> None:
    command.add_argument("files", metavar="FILE", nargs="+", help="ROS template, YAML or JSON")
    command.add_argument(
        "--lang", choices=("en", "zh"), help="of the messages (default: the locale's); --json has both"
    )


def _nothing(command: ArgumentParser) -> None:
    pass


_OPTIONS = {
    "specs": _nothing,
    "create": _create,
    "list": _nothing,
    "status": _name,
    "events": _events,
    "outputs": _name,
    "delete": _delete,
    "render": _render,
    "validate": _validate,
    "local": _local,
}
