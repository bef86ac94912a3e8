"""All options of all commands. Builds argument parsers and nothing else, so that --help is quick."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, _ArgumentGroup
from typing import NoReturn

from .. import __version__
from ..errors import Usage
from . import computenest, provider, stack
from .spoken import Formatter, chinese, speak_chinese

VERBS = {
    "specs": ("the instance types to choose from", stack.nothing),
    "estimate": ("what a deployment would cost, per hour and month", stack.estimate),
    "preview": ("the resources that create would make", stack.preview),
    "create": ("deploy Whisper and print its login address", stack.create),
    "list": ("all stacks of the region", stack.list_),
    "status": ("how one stack is doing", stack.status),
    "events": ("what happened to a stack, oldest first", stack.events),
    "outputs": ("the addresses and ids of a stack", stack.name),
    "open": ("open the login page in the browser", stack.name),
    "logs": ("the app's or the startup script's log on the instance, or on each node", stack.logs),
    "scale": ("give a cluster another number of nodes", stack.scale),
    "resize": ("give a stack another instance type", stack.resize),
    "update": ("change a stack's parameters, or bring it to this version's template", stack.update),
    "upgrade": ("install another version of the app, on a cluster node by node", stack.upgrade),
    "drift": ("what somebody changed behind the stack's back", stack.drift),
    "delete": ("remove a stack and everything in it", stack.delete),
    "doctor": ("check what a deployment needs, with a remedy for what is amiss", stack.doctor),
    "policy": ("the least permissions that the deploying user needs, as a RAM policy", provider.policy),
    "render": ("make ros_templates/*.yaml from their sources", provider.render),
    "validate": ("check templates without the cloud", provider.validate),
    "service": ("the Compute Nest service: plan, publish, review, launch", computenest.service),
    "image": ("the image that instances start from: build, verify, distribute", computenest.image),
    "local": ("run, find or stop the emulated cloud on this machine", provider.local),
}

_EPILOG = """\
examples:
  python -m deploy create --spec gn7i-c16g1 --local         on this machine, nothing needed
  python -m deploy create --spec gn7i-c16g1 --region cn-hangzhou --zone auto --client-cidr 203.0.113.7
  python -m deploy create --topology cluster --nodes 2 --spec gn7i-c16g1 --local
  python -m deploy create --resume whisper --local          go on with one that was interrupted or failed
  python -m deploy delete whisper --local

exit codes: 0 done, 1 failed as the message says, 2 wrong usage, 3 a bug (its log is named), 130 interrupted
"""


class Parser(ArgumentParser):
    """Complains with `Usage`, so that --json can report it too."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, f"see: {self.prog} --help")


def parser(language: str = "en") -> Parser:
    """Of all commands; `language` is that of --help, `en` or `zh`."""
    top = Parser(
        prog="python -m deploy",
        description="Deploys OpenAI Whisper to an Alibaba Cloud GPU instance, or with --local to this machine.",
        epilog=_EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=__version__)
    _language(top)
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True, title="commands")
    for verb, (purpose, options) in VERBS.items():
        command = verbs.add_parser(verb, help=purpose, description=purpose[0].upper() + purpose[1:] + ".",
                                   formatter_class=Formatter, allow_abbrev=False)  # fmt: skip
        options(command)
        _everywhere(command)
    if language == "zh":
        speak_chinese(top, chinese())
    return top


def _everywhere(command: ArgumentParser) -> None:
    group = command.add_argument_group("where and how")
    group.add_argument("--local", action="store_true", help="use the emulated cloud on this machine")
    group.add_argument("--region", metavar="ID", help="such as cn-hangzhou (default: ALIBABA_CLOUD_REGION_ID)")
    group.add_argument("--endpoint", metavar="HOST", default="", help="of ROS (default: the region's)")
    group.add_argument("--profile", metavar="NAME", default="", help="of ~/.aliyun/config.json")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")
    _language(group)
    group.add_argument("--state-dir", metavar="DIR", help="where --local keeps its state (default: WHISPER_LOCAL_HOME)")


def _language(command: ArgumentParser | _ArgumentGroup) -> None:
    """Looked for by `cli.run`, before the words are parsed."""
    command.add_argument("--lang", choices=("en", "zh"), default=SUPPRESS,
                         help="of the messages (default: the locale's); --json has codes")  # fmt: skip
