"""A stack as its expressions see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .evaluation import Scope
from .parameters import resolve
from .regions import ACCOUNT_ID
from .store import Resource, Stack
from .template import read_template


def scope_of(stack: Stack, resources: Mapping[str, Resource]) -> Scope:
    """References reach the resources that are ready."""
    template = read_template(stack.request.template)

    def complete(name: str) -> Resource:
        resource = resources[name]
        if not resource.ready:
            raise KeyError(name)
        return resource

    pseudo = {
        "ALIYUN::StackName": stack.name,
        "ALIYUN::StackId": stack.id,
        "ALIYUN::Region": stack.region,
        "ALIYUN::AccountId": ACCOUNT_ID,
        "ALIYUN::TenantId": ACCOUNT_ID,
        "ALIYUN::ResourceGroupId": "",
    }
    return Scope(
        template,
        resolve(template.parameters, stack.request.parameters),
        pseudo,
        ref=lambda name: complete(name).physical_id,
        attribute=lambda name, key: complete(name).attributes[key],
    )


def attributes_of(resources: Mapping[str, Resource], physical_id: str) -> Mapping[str, Any]:
    return next((r.attributes for r in resources.values() if r.physical_id == physical_id), {})
