"""Options of the commands about the Compute Nest service."""

from __future__ import annotations

from argparse import ArgumentParser

_SITES = ("cn-hangzhou", "ap-southeast-1")
SERVICE = {
    "plan": "what publishing would change",
    "publish": "make the service, or its draft, what config.yaml says",
    "prelaunch": "let it be tried before it is reviewed (预发布)",
    "submit": "release its artifacts and send it to the review (提交审核)",
    "launch": "put the approved version online (上线)",
    "withdraw": "take the version that is online away from customers (下线)",
    "versions": "all versions and their states",
    "status": "the newest version and what is to be done next",
    "link": "the addresses at which customers deploy it",
    "share": "who may see it, and whether each use is approved",
    "documents": "upload the customer's pages and name them in the service",
    "delete": "remove the service, or its draft",
}
IMAGE = {
    "build": "have the image built from config.yaml",
    "verify": "deploy it, transcribe with it, remove it",
    "distribute": "copy it to the regions",
    "list": "its versions, regions and states",
    "retire": "delete an old version",
}


def service(command: ArgumentParser) -> None:
    _actions(command, SERVICE)
    command.add_argument("--config", metavar="FILE", help="default: config.yaml")
    command.add_argument("--service-id", metavar="ID", default="", help="default: the service of config.yaml's name")
    command.add_argument(
        "--service-version", metavar="VERSION", default="", help="of prelaunch, submit, launch, withdraw and delete"
    )
    command.add_argument("--share-type", choices=("Public", "Restricted", "OnlyFormalRestricted",
                                                  "OnlyTrailRestricted", "Hidden"))  # fmt: skip
    command.add_argument("--approval", choices=("Manual", "AutoPass"))
    command.add_argument("--docs-url", metavar="URL", default="",
                         help="of documents: where the site of `make docs` is, for links to other pages")  # fmt: skip
    _site(command)


def image(command: ArgumentParser) -> None:
    _actions(command, IMAGE)
    command.add_argument("--config", metavar="FILE", help="default: config.yaml")
    command.add_argument(
        "--with", dest="builder", choices=("computenest", "imagebuilder", "packer"), default="computenest",
        help="of build: Compute Nest, or OOS or packer in your own account (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--var", metavar="NAME=VALUE", nargs="+", default=[],
                         help="of build with packer: what packer/variables.pkr.hcl names")  # fmt: skip
    command.add_argument(
        "--regions", metavar="ID", nargs="+", default=[], help="of distribute (default: config.yaml's)"
    )
    command.add_argument("--image-version", metavar="VERSION", default="", help="of retire")
    command.add_argument("--image-id", metavar="ID", default="", help="of verify (default: the newest one)")
    command.add_argument("--zone", metavar="ID", help="of verify, and of build with imagebuilder")
    command.add_argument("--client-cidr", metavar="CIDR", help="of verify: this machine's address, as create has it")
    command.add_argument("--instance", choices=("process", "systemd"), default="process",
                         help="of verify with --local, as create has it (default: %(default)s)")  # fmt: skip
    command.add_argument(
        "--spec", metavar="SPEC", help="of verify, and of build with imagebuilder (default: the catalog's first)"
    )
    _site(command)


def via(command: ArgumentParser) -> None:
    """Of the commands that can go through Compute Nest instead of ROS."""
    group = command.add_argument_group("through Compute Nest")
    group.add_argument("--via", choices=("ros", "computenest"), default="ros", help="default: %(default)s")
    group.add_argument("--site", choices=_SITES, default=_SITES[0], help="of Compute Nest (default: %(default)s)")


def package(command: ArgumentParser) -> None:
    """Of create."""
    command.add_argument("--service-id", metavar="ID", default="", help="the service (with --via computenest)")
    command.add_argument("--service-version", metavar="VERSION", default="", help="default: the one that is online")
    command.add_argument("--template", metavar="NAME", default="",
                         help="its template, or how it begins (default: the package's, or the first)")  # fmt: skip
    command.add_argument(
        "--package", metavar="NAME", default="", help="its package (套餐) or the beginning of the name"
    )


def _actions(command: ArgumentParser, actions: dict[str, str]) -> None:
    lines = "; ".join(f"{name}: {what}" for name, what in actions.items())
    command.add_argument("action", choices=tuple(actions), metavar="ACTION", help=lines.replace("%", "%%"))
    command.add_argument("--dry-run", action="store_true", help="show what would be done and do nothing")
    command.add_argument("--yes", action="store_true", help="do not ask")


def _site(command: ArgumentParser) -> None:
    command.add_argument("--site", choices=_SITES, default=_SITES[0],
                         help="of Compute Nest: mainland China or international (default: %(default)s)")  # fmt: skip
