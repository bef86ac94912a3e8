"""Options of the commands about templates and the local target."""

from __future__ import annotations

from argparse import ArgumentParser


def render(command: ArgumentParser) -> None:
    command.add_argument("--check", action="store_true", help="write nothing; fail if a committed file is not fresh")
    command.add_argument("--out", metavar="DIR", help="write there (default: ros_templates)")


def validate(command: ArgumentParser) -> None:
    command.add_argument("files", metavar="FILE", nargs="+", help="ROS template, YAML or JSON")


def policy(command: ArgumentParser) -> None:
    command.add_argument("--topology", choices=("single", "cluster"), default="single", help="default: %(default)s")
    command.add_argument("--out", metavar="FILE", help="write the policy there (default: standard output)")


def local(command: ArgumentParser) -> None:
    command.add_argument("action", choices=("serve", "list", "stop"), help="run it here, say where it answers, end it")
    command.add_argument(
        "--port", type=int, default=0, help="of serve, on 127.0.0.1 (default: the last one, or a free one)"
    )
    command.add_argument("--faults", metavar="FILE", help="of serve: what goes wrong, as docs/local-target.md says")
