"""`Transform`: templates that ROS turns into others before it reads them.

ROS documents two kinds ("Transform" and "Structure of Terraform templates" of its guide): Terraform files in
`Workspace`, and resources of Function Compute's Serverless Application Model. What becomes of them only ROS knows: the
lint checks the rest of such a template and says in a note what it left out.
"""

from __future__ import annotations

import re

from ..document import Report
from ..findings import nearest
from ..nodes import Scalar, call
from ..template import SERVERLESS, Template

_TERRAFORM = re.compile(r"Aliyun::(Terraform|OpenTofu)-v\d+\.\d+")
_KNOWN = ("Aliyun::Terraform-v1.5", SERVERLESS)


def transform(template: Template, report: Report) -> None:
    node = template.root.get("Transform")
    if node is None:
        return
    if not isinstance(node, Scalar) or node.value is None:
        found = "a function" if call(node) else "no text"
        report("WCN114", node, found=found, known=" / ".join(_KNOWN))
    elif _TERRAFORM.fullmatch(node.text):
        if not template.section("Workspace").entries:
            report("WCN116", node, transform=node.text)
            return
        report(
            "WCN115", node, transform=node.text,
            what="the files of Workspace were", what_zh=" Workspace 中的文件",
            remedy="check them with `terraform validate`", remedy_zh="请用 terraform validate 检查",
        )  # fmt: skip
    elif node.text == SERVERLESS:
        report(
            "WCN115", node, transform=node.text,
            what="resources of type Aliyun::Serverless::… were", what_zh=" Aliyun::Serverless::… 类型的资源",
            remedy="`aliyun ros ValidateTemplate` checks them", remedy_zh="请用 aliyun ros ValidateTemplate 检查",
        )  # fmt: skip
    else:
        report("WCN114", node, found=node.text, known=" / ".join(_KNOWN), hint=nearest(node.text, _KNOWN))


RULES = (transform,)
