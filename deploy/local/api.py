"""The services' versions and actions: the one door for a call."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping

from .actions import Action, Body
from .actions.assistant import AssistantActions
from .actions.changesets import ChangeSetActions
from .actions.details import DetailActions
from .actions.drift import DriftActions
from .actions.ecs import EcsActions
from .actions.executions import ExecutionActions
from .actions.nodes import NodeActions
from .actions.stacks import StackActions
from .actions.templates import TemplateActions
from .computenest import Objects, services_of
from .engine import Engine
from .errors import ApiError, invalid_parameter
from .store import Store
from .wire import Arguments

ROS, ECS, OOS, CMS = "2019-09-10", "2014-05-26", "2019-06-01", "2019-01-01"
# Actions whose ClientToken makes a repeated call harmless; CreateStack and CreateServiceInstance see to it themselves.
_ONCE = frozenset({
    "UpdateStack", "CreateChangeSet", "ExecuteChangeSet", "RunCommand", "CreateService", "PreLaunchService",
    "RegisterService", "LaunchService", "WithdrawService", "CreateArtifact", "ReleaseArtifact", "StartExecution",
})  # fmt: skip


class Api:
    """`call` is the only door."""

    def __init__(self, engine: Engine, objects: Objects) -> None:
        self._store: Store = engine.store
        self._lock = threading.Lock()
        ros = (StackActions, DetailActions, ChangeSetActions, TemplateActions, DriftActions)
        self._services: Mapping[str, Mapping[str, Action]] = {
            ROS: {name: action for group in ros for name, action in group(engine).actions().items()},
            ECS: {**EcsActions(engine).actions(), **AssistantActions(engine).actions()},
            OOS: {
                "GetSecretParameter": NodeActions(engine).get_secret_parameter,
                **ExecutionActions(engine).actions(),
            },
            CMS: {"PutCustomMetric": NodeActions(engine).put_custom_metric},
            **services_of(engine, objects),
        }

    def call(self, action: str, version: str, parameters: Mapping[str, str]) -> Body:
        """Raises ApiError, also for actions and versions that are not known."""
        if version not in self._services:
            known = " and ".join(self._services)
            raise ApiError(
                "InvalidVersion", f"Specified parameter Version is not valid: the local target speaks {known}."
            )
        if action not in self._services[version]:
            raise ApiError("InvalidAction.NotFound", f"Specified api is not found on the local target: {action}.", 404)
        arguments = Arguments(parameters)
        token = arguments.text("ClientToken")
        if len(token) > 64 or not token.isascii():
            raise invalid_parameter("ClientToken", "it has at most 64 ASCII characters")
        if token and action in _ONCE:
            return self._once(self._services[version][action], f"{action}/{token}", arguments, parameters)
        return self._services[version][action](arguments)

    def _once(self, action: Action, key: str, arguments: Arguments, parameters: Mapping[str, str]) -> Body:
        """The reply of the first call with this token; that call's parameters must come again."""
        asked = hashlib.sha256(json.dumps(sorted(parameters.items())).encode()).hexdigest()
        with self._lock:
            known = self._store.document("token", key)
            if known is None:
                reply = action(arguments)
                self._store.save_document("token", key, "", 0, {"asked": asked, "reply": reply})
                return reply
        if known["asked"] != asked:
            message = "The request uses the same client token as a previous, but non-identical request."
            raise ApiError("IdempotentParameterMismatch", message)
        reply_again: Body = known["reply"]
        return reply_again
