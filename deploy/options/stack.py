"""Options of the commands about a stack."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, _ArgumentGroup

from . import computenest

DEFAULT_NAME = "whisper"


def nothing(command: ArgumentParser) -> None:
    pass


def list_(command: ArgumentParser) -> None:
    computenest.via(command)


def status(command: ArgumentParser) -> None:
    name(command)
    computenest.via(command)


def name(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", nargs="?", default=DEFAULT_NAME, help="default: %(default)s")


def create(command: ArgumentParser) -> None:
    _choices(command)
    command.add_argument("--dry-run", action="store_true", help="print the plan and do nothing")
    command.add_argument(
        "--resume", metavar="NAME", help="go on with a creation that was interrupted, or that failed with its "
        "resources kept: what failed is made again"
    )  # fmt: skip
    login = command.add_argument_group("login")
    login.add_argument("--user", default="admin", help="login name of the web page (default: %(default)s)")
    password = login.add_mutually_exclusive_group()
    password.add_argument(
        "--password-stdin", action="store_true", help="read its password from the first line of standard input"
    )
    password.add_argument("--generate-password", action="store_true", help="make one and show it")
    login.add_argument(
        "--instance-password-stdin",
        action="store_true",
        help="read the instance's root password from the next line of standard input (default: a random one that "
        "nobody sees; Session Manager needs none, and the console can reset it)",
    )
    running = command.add_argument_group("running")
    running.add_argument(
        "--timeout", type=int, default=75, metavar="MINUTES", help="for the whole stack, 10 to 1440 (default: 75)"
    )
    _wait(running, "it answers")
    running.add_argument(
        "--on-failure", choices=("rollback", "keep"), default="rollback",
        help="remove what was made, or keep it to look into and to --resume (default: %(default)s)",
    )  # fmt: skip
    running.add_argument(
        "--instance", choices=("process", "systemd"), default="process",
        help="with --local, what the instance is: an app on this machine, or a whole Debian with units and HTTPS that "
        "boots here, which needs root (default: %(default)s)",
    )  # fmt: skip
    running.add_argument("--protect", action="store_true", help="refuse to delete the stack until --unprotect")
    running.add_argument(
        "--tags", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="of the stack and what it makes"
    )

    computenest.via(command)
    computenest.package(command)


def estimate(command: ArgumentParser) -> None:
    _choices(command)
    _unasked(command)


def preview(command: ArgumentParser) -> None:
    _choices(command)
    _unasked(command)


def events(command: ArgumentParser) -> None:
    name(command)
    command.add_argument("--follow", action="store_true", help="until nothing more happens")


def logs(command: ArgumentParser) -> None:
    name(command)
    which = command.add_mutually_exclusive_group()
    which.add_argument("--app", dest="log", action="store_const", const="app", default="app",
                       help="of the app (default)")  # fmt: skip
    which.add_argument("--script", dest="log", action="store_const", const="start", help="of the startup script")
    command.add_argument("--node", metavar="ID", help="of a cluster: this node's alone (default: of each)")
    command.add_argument("--lines", type=int, default=100, metavar="N", help="from its end (default: %(default)s)")


def resize(command: ArgumentParser) -> None:
    name(command)
    command.add_argument("--spec", metavar="SPEC", required=True, help="instance type or any unambiguous part of it")
    _confirmed(command)
    _wait(command, "it is done")


def update(command: ArgumentParser) -> None:
    name(command)
    command.add_argument(
        "--set", metavar="PARAM=VALUE", nargs="+", action="extend", default=[],
        help="template parameters to change; the others keep their values",
    )  # fmt: skip
    command.add_argument(
        "--password-stdin", action="store_true", help="read a new login password from the first line of standard input"
    )
    command.add_argument("--keep-template", action="store_true", help="the stack's own, not this version's")
    _confirmed(command)
    _wait(command, "it is done")


def scale(command: ArgumentParser) -> None:
    name(command)
    command.add_argument("--nodes", type=int, metavar="N", required=True, help="1 to 100; nodes that leave drain first")
    _confirmed(command)
    _wait(command, "it is done")


def upgrade(command: ArgumentParser) -> None:
    name(command)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--package", metavar="FILE|URL", help="made by scripts/package.sh; a FILE with --local only: in the cloud the "
        "instance fetches a URL"
    )  # fmt: skip
    what.add_argument("--back", action="store_true", help="to the version that was in use before")
    command.add_argument("--sha256", metavar="SUM", help="of the package; required with a URL")
    command.add_argument("--yes", action="store_true", help="do not ask")


def drift(command: ArgumentParser) -> None:
    name(command)
    command.add_argument("--all", action="store_true", help="show resources that are as they should be, too")


def delete(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--unprotect", action="store_true", help="lift the stack's deletion protection first")
    command.add_argument(
        "--retain", action="store_true", help="delete the stack only and keep all that it made, which goes on costing"
    )
    _wait(command, "it is gone")
    computenest.via(command)


def doctor(command: ArgumentParser) -> None:
    command.add_argument("--spec", metavar="SPEC", help="check the stock of this one (default: the catalog's first)")
    command.add_argument("--topology", choices=("single", "cluster"), default="single",
                         help="whose services and roles to check (default: %(default)s)")  # fmt: skip


def _choices(command: ArgumentParser) -> None:
    """What the plan of a stack is made from."""
    command.add_argument("--spec", metavar="SPEC", help="instance type or any unambiguous part of it: gn7i-c16g1")
    command.add_argument("--name", default=DEFAULT_NAME, help="of the stack (default: %(default)s)")
    command.add_argument("--model", metavar="MODEL", help="Whisper model (default: the catalog's)")
    command.add_argument(
        "--set", metavar="PARAM=VALUE", nargs="+", action="extend", default=[], help="further template parameters"
    )
    cluster = command.add_argument_group("several nodes")
    cluster.add_argument("--topology", choices=("single", "cluster"), default="single",
                         help="one instance, or nodes behind a load balancer (default: %(default)s)")  # fmt: skip
    cluster.add_argument("--nodes", type=int, metavar="N", help="of a cluster: 2 to 100 (default: 2)")
    cluster.add_argument("--second-zone", metavar="ID", help="of a cluster: another zone (auto with --zone auto)")
    cluster.add_argument("--certificate", metavar="ID", help="of a cluster: for HTTPS on a public load balancer; "
                         "without it the balancer is private")  # fmt: skip
    network = command.add_argument_group("network")
    network.add_argument("--zone", metavar="ID", help="such as cn-hangzhou-h, or auto: one that has the spec in stock")
    network.add_argument("--client-cidr", metavar="CIDR", help="who may connect: 203.0.113.7 or 203.0.113.0/24")
    network.add_argument("--existing-vpc", metavar="ID", help="use this VPC (with --existing-vswitch)")
    network.add_argument("--existing-vswitch", metavar="ID", help="use this VSwitch of it, in the zone")
    paying = command.add_argument_group("paying")
    paying.add_argument("--pay", choices=("postpaid", "prepaid"), default="postpaid",
                        help="by use, or for a period in advance (default: %(default)s)")  # fmt: skip
    paying.add_argument("--period", type=int, metavar="N", help="of prepaid: 1 to 9 (default: 1)")
    paying.add_argument("--unit", choices=("month", "year"), help="of the period (default: month)")


def _unasked(command: ArgumentParser) -> None:
    """What only `create` asks for, as the plan needs it."""
    command.set_defaults(
        user="admin", password_stdin=False, generate_password=True, instance_password_stdin=False, timeout=75,
        on_failure="rollback", protect=False, tags=[], dry_run=True, resume=None,
    )  # fmt: skip


def _confirmed(command: ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--dry-run", action="store_true", help="show the changes and make none")


def _wait(command: ArgumentParser | _ArgumentGroup, until: str) -> None:
    command.add_argument("--wait", action=BooleanOptionalAction, default=True, help=f"until {until} (default)")
