"""docs/local-target.md names everything that the local target knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.local.actions.assistant import AssistantActions
from deploy.local.actions.changesets import ChangeSetActions
from deploy.local.actions.details import DetailActions
from deploy.local.actions.drift import DriftActions
from deploy.local.actions.ecs import EcsActions
from deploy.local.actions.stacks import StackActions
from deploy.local.actions.templates import TemplateActions
from deploy.local.engine import Engine
from deploy.local.faults import KINDS, Faults
from deploy.local.resources import handlers, means_in
from deploy.local.signals import Signals
from deploy.local.store import Store

TEXT = (Path(__file__).parents[2] / "docs" / "local-target.md").read_text()
GROUPS: tuple[Any, ...] = (
    StackActions, DetailActions, ChangeSetActions, DriftActions, TemplateActions, EcsActions, AssistantActions,
)  # fmt: skip


def test_every_action_is_named(tmp_path: Path) -> None:
    store, faults = Store(tmp_path), Faults()
    signals = Signals(store, b"key", lambda: "", faults)
    engine = Engine(store, means_in(tmp_path, store, signals, faults))
    words = set(TEXT.replace("|", " ").split())
    assert {name for group in GROUPS for name in group(engine).actions()} - words == set()
    store.close()


def test_every_fault_and_every_resource_type_is_named() -> None:
    assert [fault for fault in KINDS if f"`{fault}`" not in TEXT] == []
    assert [kind for kind in handlers() if kind.rpartition("::")[2] not in TEXT] == []
