"""Commands on instances as Cloud Assistant runs them: begun by a RunCommand resource or by ECS's RunCommand action, and
kept as invocations with the result of each instance."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .errors import CancelError, ResourceError
from .faults import Faults
from .instances import Instances, Outcome
from .store import Store

_KIND = "invocation"
Invocation = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """`hide` masks what answers must not show of the script and its output."""

    script: str = field(repr=False)
    timeout: float = 60
    working_dir: str = "/root"
    name: str = ""
    description: str = ""
    stack: str = ""
    resource: str = ""
    hide: Callable[[str], str] = field(default=lambda text: text, repr=False)


class Commands:
    def __init__(self, store: Store, instances: Instances, faults: Faults) -> None:
        self._store, self._instances, self._faults = store, instances, faults
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    def run(
        self, invoke_id: str, command_id: str, command: Command, targets: list[str], cancelled: threading.Event
    ) -> list[Outcome]:
        """Runs on all targets side by side and returns when the last has ended. Raises ResourceError and CancelError
        after the others have come to rest."""
        self._open(invoke_id, command_id, command, targets, cancelled)

        def run_one(target: str) -> Outcome:
            fault = self._faults.command(command.resource or command.name)
            try:
                if fault:
                    outcome = Outcome(fault.exit_code, fault.output)
                else:
                    outcome = self._instances.run(
                        target, command.script, command.timeout, command.working_dir, cancelled.is_set
                    )
            except CancelError:
                self._note(invoke_id, target, {"status": "Terminated", "finished": time.time()})
                raise
            except ResourceError as error:
                note = {"status": "Error", "error": str(error), "finished": time.time()}
                self._note(invoke_id, target, note)
                raise
            self._note(invoke_id, target, _result(outcome, command.hide))
            return outcome

        try:
            with ThreadPoolExecutor(len(targets)) as pool:
                return list(pool.map(run_one, targets))
        finally:
            with self._lock:
                self._stops.pop(invoke_id, None)

    def begin(self, invoke_id: str, command_id: str, command: Command, targets: list[str]) -> None:
        """Runs in the background; what comes of it is read from `invocations`."""
        stop = threading.Event()
        self._open(invoke_id, command_id, command, targets, stop)

        def work() -> None:
            try:
                self.run(invoke_id, command_id, command, targets, stop)
            except (ResourceError, CancelError):
                return  # noted already

        threading.Thread(target=work, name=f"command {invoke_id}", daemon=True).start()

    def stop(self, invoke_id: str) -> None:
        """Ends a command that runs; one that has ended stays as it is."""
        with self._lock:
            stop = self._stops.get(invoke_id)
        if stop:
            stop.set()

    def invocations(self) -> list[Invocation]:
        """Newest first."""
        return self._store.documents(_KIND)

    def forget_running(self) -> None:
        """Commands that ran when an earlier emulator was killed have no result."""
        for invocation in self.invocations():
            for target, result in invocation["results"].items():
                if result["status"] == "Running":
                    lost = {"status": "Error", "error": "The local target was ended meanwhile", "finished": time.time()}
                    self._note(invocation["invoke_id"], target, lost)

    def _open(
        self, invoke_id: str, command_id: str, command: Command, targets: list[str], stop: threading.Event
    ) -> None:
        with self._lock:
            known = invoke_id in self._stops
            self._stops[invoke_id] = stop
        if known:
            return
        now = time.time()
        self._store.save_document(
            _KIND, invoke_id, command.stack, now,
            {
                "invoke_id": invoke_id,
                "stack": command.stack,
                "command_id": command_id,
                "name": command.name,
                "description": command.description,
                "script": command.hide(command.script),
                "timeout": command.timeout,
                "working_dir": command.working_dir,
                "created": now,
                "results": {target: {"status": "Running", "started": now} for target in targets},
            },
        )  # fmt: skip

    def _note(self, invoke_id: str, target: str, result: dict[str, Any]) -> None:
        with self._store.transaction():
            known = self._store.document(_KIND, invoke_id)
            if known:
                known["results"][target] |= result
                self._store.save_document(_KIND, invoke_id, known["stack"], known["created"], known)


def _result(outcome: Outcome, hide: Callable[[str], str]) -> dict[str, Any]:
    return {
        "status": "Success" if outcome.good else "Timeout" if outcome.exit_code is None else "Failed",
        "exit_code": outcome.exit_code,
        "output": base64.b64encode(hide(outcome.output).encode()).decode(),
        "dropped": outcome.dropped,
        "finished": time.time(),
    }
