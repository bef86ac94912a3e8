"""What is done to one stack from begin to end, each in a thread of its own: the resources' work, and the status that
follows from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from .creation import create
from .errors import ResourceError
from .parameters import MASK, resolve
from .records import Records
from .removal import remove
from .resources import Means
from .schedule import Stopping
from .store import Stack, Store
from .template import read_template
from .update import Update, remove_aside


@dataclass
class Running(Stopping):
    """An operation that goes on. `then` says what follows when it is called off: a deletion takes over, or the stack
    fails, or it goes back."""

    action: str = ""
    then: Literal["deletion", "failure", "rollback"] = "deletion"
    thread: threading.Thread = field(default_factory=threading.Thread)


class Operations:
    """`lock` guards the moment at which an operation ends against one that begins."""

    def __init__(self, store: Store, means: Means, lock: threading.RLock) -> None:
        self._store, self._means, self._lock = store, means, lock

    def create(self, stack: Stack, running: Running) -> None:
        """From CREATE_IN_PROGRESS. Resources that are marked for it are removed first, to be made again."""
        records = self.records(stack)
        reason = self._remove_marked(stack, records, running)
        reason = reason or create(stack, records, self._means, running)
        with self._lock:  # a deletion that comes now sees the final status, or is seen here
            if running.cancel.is_set():
                self._called_off(records, running, "CREATE")
                return
            if not reason:
                records.set_stack("CREATE_COMPLETE", "Stack CREATE completed successfully")
            elif stack.request.rollback:
                records.set_stack("CREATE_ROLLBACK_IN_PROGRESS", reason)
            else:
                records.set_stack("CREATE_FAILED", reason)
        if reason and stack.request.rollback:
            self.roll_back(replace(stack, reason=records.hide(reason)), running)

    def roll_back(self, stack: Stack, running: Running) -> None:
        """From CREATE_ROLLBACK_IN_PROGRESS."""
        records = self.records(stack)
        failed = remove(stack, records, self._means, running.cancel, keep=lambda resource: False)
        with self._lock:
            if running.cancel.is_set():
                self._called_off(records, running, "CREATE_ROLLBACK")
                return
            status = "CREATE_ROLLBACK_FAILED" if failed else "CREATE_ROLLBACK_COMPLETE"
            records.set_stack(status, failed or stack.reason)

    def update(self, stack: Stack, running: Running) -> None:
        """From UPDATE_IN_PROGRESS, with the new request in place and the old one as the previous."""
        records = self.records(stack)
        reason = Update(stack, self._store, records, self._means, running).run()
        with self._lock:
            if running.cancel.is_set() and running.then != "rollback":
                self._called_off(records, running, "UPDATE")
                return
            if running.cancel.is_set():
                reason = "Stack UPDATE cancelled"
            if not reason:
                self._store.save_stack(replace(self._now(stack), previous=None))
                records.set_stack("UPDATE_COMPLETE", "Stack UPDATE completed successfully")
                return
            if not stack.request.rollback:
                records.set_stack("UPDATE_FAILED", reason)
                return
            now = self._now(stack)
            before = replace(now.previous or now.request, deletion_protection=now.request.deletion_protection)
            self._store.save_stack(replace(now, request=before, previous=now.request))
            records.set_stack("ROLLBACK_IN_PROGRESS", reason)
            running.cancel.clear()
            running.stop.clear()
            running.then = "deletion"
            stack = self._now(stack)
        self.roll_back_update(stack, running)

    def roll_back_update(self, stack: Stack, running: Running) -> None:
        """From ROLLBACK_IN_PROGRESS, with the old request in place and the one that failed as the previous."""
        records = self.records(stack)
        failed = Update(stack, self._store, records, self._means, running, back=True).run()
        with self._lock:
            if running.cancel.is_set():
                self._called_off(records, running, "ROLLBACK")
                return
            if not failed:
                self._store.save_stack(replace(self._now(stack), previous=None))
            records.set_stack("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", failed or stack.reason)

    def delete(self, stack: Stack, running: Running, retain: frozenset[str], retain_all: bool) -> None:
        """From DELETE_IN_PROGRESS."""
        records = self.records(stack)
        failed = remove(
            stack, records, self._means, running.cancel, lambda r: retain_all or r.retain or r.name in retain
        )
        try:
            if not failed and not retain_all and not running.cancel.is_set():
                remove_aside(stack, self._store, records, self._means)
        except ResourceError as error:
            failed = str(error)
        with self._lock:
            if running.cancel.is_set():
                self._called_off(records, running, "DELETE")
                return
            status = "DELETE_FAILED" if failed else "DELETE_COMPLETE"
            records.set_stack(status, failed or "Stack DELETE completed successfully")

    def records(self, stack: Stack) -> Records:
        """With the NoEcho values of the stack's requests as its secrets."""
        secrets = set()
        for request in filter(None, (stack.request, stack.previous)):
            declared = read_template(request.template).parameters
            values = resolve(declared, request.parameters)
            secrets |= {str(values[name]) for name, p in declared.items() if p.no_echo and values[name]}
        return Records(self._store, stack, secrets, MASK)

    def hide(self, stack: Stack) -> Callable[[str], str]:
        """A function that masks the stack's secrets, as they are and in Base64, in a text."""
        return self.records(stack).hide

    def _now(self, stack: Stack) -> Stack:
        """As it is kept: its protection may have changed since the operation began."""
        return self._store.stack(stack.id) or stack

    def _remove_marked(self, stack: Stack, records: Records, running: Running) -> str:
        marked = {name for name, r in records.resources().items() if r.status.startswith("DELETE_")}
        failed = remove(stack, records, self._means, running.cancel, lambda r: r.name not in marked)
        for name in () if failed else marked:
            records.forget(name)
        return failed

    @staticmethod
    def _called_off(records: Records, running: Running, action: str) -> None:
        if running.then != "deletion":
            records.set_stack(f"{action}_FAILED", f"Stack {action} cancelled")
