"""Renders ros_templates/src/*.yaml.j2 into the templates that are committed.

Jinja's delimiters are << >> and <% %>, because ROS owns ${ } and Compute Nest {{ }}. Scripts come in through `source`,
verbatim: no template engine ever reads them. The result is ROS's long form (`Ref:`, `Fn::Sub:`), which all tools read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import formats
from .catalog import ROOT, Catalog
from .errors import Failure

FOLDER = ROOT / "ros_templates"
SOURCES = FOLDER / "src"
SINGLE, CLUSTER = "single.yaml", "cluster.yaml"
TEMPLATES = (SINGLE, CLUSTER)

# An instance from a public image installs drivers and models first; ROS allows a WaitCondition 43,200 s.
STARTUP_SECONDS = 3600
# A node that leaves has so long to finish what it cannot hand over.
DRAIN_SECONDS = 900

_EMPTY_LINE = "\0"  # of a script, while the template is rendered


def render(catalog: Catalog) -> dict[str, str]:
    """File name to text, for every template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(SOURCES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # YAML, not HTML
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yaml_text"] = _yaml_text
    values = {
        "specs": catalog.specs,
        "models": catalog.models,
        "default_model": catalog.default_model,
        "images": catalog.images,
        "source": _source,
        "startup_seconds": STARTUP_SECONDS,
        "drain_seconds": DRAIN_SECONDS,
        "user_name": formats.USER_NAME,
        "instance_password": formats.INSTANCE_PASSWORD,
        "software_password": formats.software_password_pattern(),
        "cidr": formats.CIDR,
        "vpc_cidr": formats.VPC_CIDR,
        "cluster_vpc_cidr": formats.CLUSTER_VPC_CIDR,
        "database_password": formats.DATABASE_PASSWORD,
        "vswitch_cidr": formats.VSWITCH_CIDR,
        "domain": formats.DOMAIN,
        "package_url": formats.PACKAGE_URL,
        "web_proxy_cidr": formats.WEB_PROXY_CIDR,
    }
    return {name: _tidy(environment.get_template(f"{name}.j2").render(values)) for name in TEMPLATES}


def stale(rendered: dict[str, str], folder: Path = FOLDER) -> list[Path]:
    """The files in `folder` which are not what a fresh render gives, byte for byte."""
    paths = [(folder / name, text) for name, text in rendered.items()]
    return [path for path, text in paths if not path.is_file() or path.read_bytes() != text.encode()]


def body(name: str, folder: Path = FOLDER) -> str:
    """The text of a committed template."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{folder / name}: cannot be read ({error.strerror})", "run: python -m deploy render", code="Template"
        ) from None


def of(topology: str) -> str:
    """The committed template of a topology: single or cluster."""
    return body(f"{topology}.yaml")


def _source(name: str) -> str:
    lines = (SOURCES / name).read_text(encoding="utf-8").rstrip("\n").split("\n")
    return "\n".join(line or _EMPTY_LINE for line in lines)


def _yaml_text(value: Any) -> str:
    """A YAML string in single quotes, in which nothing but the quote itself is special."""
    return "'" + str(value).replace("'", "''") + "'"


def _tidy(text: str) -> str:
    """Includes and macros leave empty lines and blanks at line ends; a script's own empty lines stay."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(line.replace(_EMPTY_LINE, "").rstrip() for line in lines if line) + "\n"
