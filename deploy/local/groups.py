"""Scaling groups: how many instances each has, and what happens when one joins or leaves.

joins:  made ─▶ hooks of SCALE_OUT ─▶ in service: the load balancers' server groups get it
leaves: taken from the server groups ─▶ hooks of SCALE_IN ─▶ removed

A hook runs its OOS template, which ends by completing the lifecycle action; ABANDON removes an instance that joins.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from .commands import Command, Commands
from .errors import CancelError, ResourceError
from .haproxy import Balancers
from .instances import Instances, Outcome
from .orchestration import run
from .store import Store

KIND, TEMPLATE, SECRET, METRIC = "scaling-group", "oos-template", "oos-secret", "custom-metric"
Transition = Literal["SCALE_OUT", "SCALE_IN"]
_FAILED = "失败 / failed: "  # as start.sh writes it
_SHOWN = 600  # characters of a reason
_MOST = 10  # instances that one machine is asked to be


@dataclass(frozen=True)
class By:
    """On whose behalf a group is changed."""

    stack_id: str
    region: str
    cancelled: threading.Event
    hide: Callable[[str], str] = field(repr=False)


class Groups:
    def __init__(self, store: Store, instances: Instances, commands: Commands, balancers: Balancers) -> None:
        self._store, self._instances = store, instances
        self._commands, self._balancers = commands, balancers
        self._lock = threading.RLock()

    def save(self, by: By, group: str, **values: Any) -> None:
        """Sets parts of a group: properties, configuration, hooks, enabled, instances and who of them joins."""
        with self._lock:
            now = self.find(group) | values
            self._store.save_document(KIND, group, by.stack_id, now.get("created", time.time()), now)

    def find(self, group: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._store.document(KIND, group)
        return found or {"instances": [], "joining": [], "hooks": {}, "enabled": False, "created": time.time()}

    def hook(self, by: By, group: str, hook: str, properties: Mapping[str, Any] | None) -> None:
        """Sets a lifecycle hook, or with None takes it away."""
        with self._lock:
            hooks = {key: value for key, value in self.find(group)["hooks"].items() if key != hook}
            if properties is not None:
                hooks[hook] = dict(properties)
            self.save(by, group, hooks=hooks)

    def resize(self, by: By, group: str) -> None:
        """Brings an enabled group to its DesiredCapacity. Raises ResourceError when not every instance came into
        service, after the others did."""
        found = self.find(group)
        properties = found["properties"]
        wanted = int(properties.get("DesiredCapacity", properties["MinSize"]))
        least, most = int(properties["MinSize"]), int(properties["MaxSize"])
        if not least <= wanted <= most:
            raise ResourceError(
                f"InvalidParameter.DesiredCapacity: {wanted} is not between MinSize {least} and MaxSize {most}"
            )
        if wanted > _MOST:
            raise ResourceError(f"DesiredCapacity is {wanted}; the local target makes up to {_MOST} instances")
        if not found["enabled"]:
            return
        for instance in found.get("joining", []):  # its hooks were cut short when the emulator was killed
            self._detach(group, instance)
            self._forget(by, group, instance)
        there = list(self.find(group)["instances"])
        for instance in there[wanted:][::-1]:
            self._leave(by, group, instance)
        new = [f"i-{secrets.token_hex(10)}" for _ in range(wanted - len(there))]
        if not new:
            return
        with ThreadPoolExecutor(len(new)) as pool:
            problems = [problem for problem in pool.map(lambda each: self._join(by, group, each), new) if problem]
        if by.cancelled.is_set():
            raise CancelError
        if problems:
            raise ResourceError(problems[0])

    def disable(self, by: By, group: str) -> None:
        """Ends and removes every instance without asking its hooks, as a forced deletion of the group does."""
        if not self.find(group).get("properties"):
            return
        for instance in self.find(group)["instances"]:
            self._detach(group, instance)
            self._forget(by, group, instance)
        self.save(by, group, enabled=False)

    def remove(self, by: By, group: str) -> None:
        self.disable(by, group)
        self._store.forget_document(KIND, group)

    def keep(self, by: By, kind: str, name: str, value: Any) -> None:
        """What OOS keeps by name: a template's text or a secret; with None it is forgotten."""
        if value is None:
            self._store.forget_document(kind, name)
        else:
            self._store.save_document(kind, name, by.stack_id, time.time(), value)

    def _join(self, by: By, group: str, instance: str) -> str:
        """Empty, or why the instance did not come into service."""
        configuration: Mapping[str, Any] = self.find(group).get("configuration", {})
        with self._lock:  # written down first, so that a group whose growth was interrupted can be removed or mended
            now = self.find(group)
            joining = [*now.get("joining", []), instance]
            self.save(by, group, instances=[*now["instances"], instance], joining=joining)
        image, role = str(configuration.get("ImageId", "default")), configuration.get("RamRoleName")
        self._instances.create(instance, image, by.region if role else "")
        problem = self._hooks(by, group, instance, "SCALE_OUT")
        if problem is None:
            for server_group in self._server_groups(group):
                self._balancers.attach(server_group, instance)
            with self._lock:
                self.save(by, group, joining=_without(instance, self.find(group)["joining"]))
            return ""
        self._forget(by, group, instance)
        return f"{instance} did not come into service: {problem}"

    def _leave(self, by: By, group: str, instance: str) -> None:
        self._detach(group, instance)
        self._hooks(by, group, instance, "SCALE_IN")
        self._forget(by, group, instance)

    def _forget(self, by: By, group: str, instance: str) -> None:
        self._instances.delete(instance)
        with self._lock:
            now = self.find(group)
            rest = _without(instance, now["instances"])
            self.save(by, group, instances=rest, joining=_without(instance, now.get("joining", [])))

    def _detach(self, group: str, instance: str) -> None:
        for server_group in self._server_groups(group):
            self._balancers.detach(server_group, instance)

    def _server_groups(self, group: str) -> list[str]:
        found = self.find(group).get("properties", {}).get("ServerGroups", [])
        return [str(each["ServerGroupId"]) for each in found]

    def _hooks(self, by: By, group: str, instance: str, transition: Transition) -> str | None:
        """Runs the hooks of a transition; why one said ABANDON, or None when all let the instance go on."""
        for hook, properties in self.find(group)["hooks"].items():
            if properties["LifecycleTransition"] == transition:
                problem = self._hook(by, hook, properties, instance)
                if problem is not None:
                    return problem
        return None

    def _hook(self, by: By, hook: str, properties: Mapping[str, Any], instance: str) -> str | None:
        token, said = str(uuid.uuid4()), ""
        results: dict[str, str] = {}
        filled = {
            "regionId": by.region,
            "instanceIds": [instance],
            "lifecycleHookId": hook,
            "lifecycleActionToken": token,
        }

        def act(action: str, given: Mapping[str, Any]) -> None:
            nonlocal said
            if action == "ACS::ECS::RunCommand":
                said = self._command(by, given)
                if said:
                    raise ResourceError(said)
            elif given["API"] == "CompleteLifecycleAction":
                answer = given["Parameters"]
                results[str(answer["LifecycleActionToken"])] = str(answer["LifecycleActionResult"])

        name = str(properties.get("NotificationArn", "")).rpartition("/")[2]
        content = self._store.document(TEMPLATE, name)
        with contextlib.suppress(CancelError):
            if content is not None:
                try:
                    run(content, _metadata(properties, filled), act)
                except ResourceError as error:
                    said = said or str(error)
        result = results.get(token, str(properties.get("DefaultResult", "CONTINUE")))
        return None if result == "CONTINUE" else said or "its lifecycle hook said ABANDON"

    def _command(self, by: By, given: Mapping[str, Any]) -> str:
        """Runs a command on one instance; how it ended when that was not well."""
        command = Command(
            script=str(given["commandContent"]),
            timeout=float(given.get("timeout", 60)),
            name="lifecycle",
            stack=by.stack_id,
            hide=by.hide,
        )
        invoke_id, command_id = f"t-{secrets.token_hex(10)}", f"c-{secrets.token_hex(10)}"
        outcome = self._commands.run(invoke_id, command_id, command, [str(given["instanceId"])], by.cancelled)[0]
        return "" if outcome.good else _reason(outcome)


def _without(instance: str, instances: list[str]) -> list[str]:
    return [each for each in instances if each != instance]


def _reason(outcome: Outcome) -> str:
    """What start.sh said of its failure, or else how the command ended."""
    said = [line.partition(_FAILED)[2].strip() for line in outcome.output.splitlines() if _FAILED in line]
    return said[-1][:_SHOWN] if said else f"its command {outcome}"[:_SHOWN]


def _metadata(properties: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """The template's parameters: the hook's metadata with what the group fills in."""
    try:
        given = json.loads(str(properties.get("NotificationMetadata", "{}")))
    except ValueError:
        raise ResourceError("InvalidNotificationMetadata: it is not JSON") from None
    return {
        key: filled.get(value.removeprefix("${").removesuffix("}"), value) if isinstance(value, str) else value
        for key, value in given.items()
    }
