"""Makes and removes stacks: resources in the order of their references, side by side where nothing binds them, rolled
back in reverse order when one fails.

Every step is written down before and after it is done, so that an emulator that was killed goes on where it was.
One thread leads each operation (`Creation`, `removal`); each resource that is being made has a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

from . import rules
from .creation import Creation
from .errors import ApiError, action_in_progress, stack_exists, stack_not_found
from .evaluation import choose
from .instances import Instances
from .parameters import MASK, resolve
from .records import Records
from .removal import remove
from .resources import Handler, Means
from .signals import Signals
from .store import CreateRequest, Stack, Store
from .template import read_template
from .validation import validate
from .view import scope_of

LOG = logging.getLogger(__name__)


class Engine:
    """The stacks of one emulator. `handlers` are the resource types, `instances` and `signals` what they work with."""

    def __init__(self, store: Store, handlers: Mapping[str, Handler], instances: Instances, signals: Signals) -> None:
        self.store, self.handlers = store, handlers
        self._means = Means(handlers, instances, signals)
        self._lock = threading.RLock()
        self._running: dict[str, tuple[str, threading.Event, threading.Thread]] = {}
        self._closed = False

    def create(self, name: str, region: str, request: CreateRequest, token: str = "") -> str:
        """Begins to make a stack and returns its id; a token that came before returns that stack's id. Raises ApiError
        for a taken name and for whatever is wrong with the template or its parameters."""
        with self._lock:
            if self._closed:
                raise ApiError("ServiceUnavailable", "The local target is stopping.", 503)
            for other in self.store.stacks(region):
                if token and other.token == token:
                    if (other.name, other.request) != (name, request):
                        raise ApiError(
                            "IdempotentParameterMismatch",
                            "The request uses the same client token as a previous, but non-identical request.",
                        )
                    return other.id
            if any(other.name == name and other.status != "DELETE_COMPLETE" for other in self.store.stacks(region)):
                raise stack_exists(name)
            template = read_template(request.template)
            validate(template, self.handlers)
            resolve(template.parameters, request.parameters)
            now = time.time()
            stack = Stack(
                str(uuid.uuid4()), name, region, "CREATE_IN_PROGRESS", "Stack CREATE started", now, now, token, request
            )
            scope = scope_of(stack, {})
            for condition in template.conditions:
                scope.condition(condition)
            rules.check(template.rules, lambda expression, where: choose(expression, scope, where))
            with self.store.transaction():
                self.store.save_stack(stack)
                self._records(stack).stack_event(stack.status, stack.reason)
            self._begin(stack, "CREATE", self._create)
            return stack.id

    def delete(self, stack_id: str, retain: frozenset[str] = frozenset(), retain_all: bool = False) -> None:
        """Begins to remove a stack; one that is being made is called off first. Removing twice is no error."""
        with self._lock:
            stack = self.find(stack_id)
            if stack.status == "DELETE_COMPLETE":
                return
            if stack.request.deletion_protection:
                raise ApiError(
                    "StackDeletionProtected", f"The Stack ({stack.name}) has deletion protection enabled.", 400
                )
            action, cancel, _ = self._running.get(stack_id, ("", None, None))
            if action == "DELETE":
                return
            unknown = retain - self.store.resources(stack_id).keys()
            if unknown:
                raise ApiError(
                    "ResourceNotFound",
                    f"The Resource ({', '.join(sorted(unknown))}) could not be found in Stack {stack.name}.",
                    404,
                )
            if cancel:
                cancel.set()
            self._records(stack).set_stack("DELETE_IN_PROGRESS", "Stack DELETE started")
            self._begin(
                replace(stack, status="DELETE_IN_PROGRESS"),
                "DELETE",
                lambda s, c: self._delete(s, c, retain, retain_all),
            )

    def find(self, stack_id: str) -> Stack:
        stack = self.store.stack(stack_id)
        if stack is None:
            raise stack_not_found(stack_id)
        return stack

    def require_idle(self, stack: Stack) -> None:
        """Raises ApiError while something is being done to the stack."""
        if stack.status.endswith("_IN_PROGRESS"):
            raise action_in_progress(stack.name, stack.status.removesuffix("_IN_PROGRESS"))

    def resume(self) -> None:
        """Goes on with what an earlier emulator had begun."""
        self._means.instances.forget_commands()
        for stack in self.store.stacks():
            match stack.status:
                case "CREATE_IN_PROGRESS":
                    self._begin(stack, "CREATE", self._create)
                case "CREATE_ROLLBACK_IN_PROGRESS":
                    self._begin(stack, "CREATE", self._roll_back)
                case "DELETE_IN_PROGRESS":
                    self._begin(stack, "DELETE", lambda s, c: self._delete(s, c, frozenset(), False))

    def close_if_idle(self) -> bool:
        """True when no stack is left; from then on none can be made."""
        with self._lock:
            self._closed = all(stack.status == "DELETE_COMPLETE" for stack in self.store.stacks())
            return self._closed

    def secrets_of(self, stack: Stack) -> Callable[[str], str]:
        """A function that masks the stack's NoEcho values, as they are and in Base64, in a text."""
        return self._records(stack).hide

    def _begin(self, stack: Stack, action: str, work: Callable[[Stack, threading.Event], None]) -> None:
        cancel = threading.Event()
        _, _, before = self._running.get(stack.id, ("", None, None))

        def run() -> None:
            if before:
                before.join()
            try:
                work(stack, cancel)
            except Exception as error:  # a bug here must not leave a stack in progress for ever
                LOG.exception("stack %s", stack.id)
                self._records(stack).set_stack(
                    f"{action}_FAILED", f"Internal error of the local target: {type(error).__name__}"
                )
            finally:
                with self._lock:
                    if self._running.get(stack.id, ("", None, None))[1] is cancel:
                        del self._running[stack.id]

        thread = threading.Thread(target=run, name=f"{action} {stack.name}", daemon=True)
        self._running[stack.id] = (action, cancel, thread)
        thread.start()

    def _create(self, stack: Stack, cancel: threading.Event) -> None:
        records = self._records(stack)
        creation = Creation(stack, records, self._means, cancel)
        reason = creation.run()
        with self._lock:  # a deletion that comes now sees the final status, or is seen here
            if cancel.is_set():
                return
            if not reason:
                records.set_stack("CREATE_COMPLETE", "Stack CREATE completed successfully")
            elif stack.request.rollback:
                records.set_stack("CREATE_ROLLBACK_IN_PROGRESS", reason)
            else:
                records.set_stack("CREATE_FAILED", reason)
        if reason and stack.request.rollback:
            self._roll_back(stack, cancel)

    def _roll_back(self, stack: Stack, cancel: threading.Event) -> None:
        records = self._records(stack)
        failed = remove(stack, records, self._means, cancel, keep=lambda name: False)
        with self._lock:
            if cancel.is_set():
                return
            cause = self.find(stack.id).reason
            records.set_stack("CREATE_ROLLBACK_FAILED" if failed else "CREATE_ROLLBACK_COMPLETE", failed or cause)

    def _delete(self, stack: Stack, cancel: threading.Event, retain: frozenset[str], retain_all: bool) -> None:
        records, template = self._records(stack), read_template(stack.request.template)

        def keep(name: str) -> bool:
            return retain_all or name in retain or template.resources[name].retain

        failed = remove(stack, records, self._means, cancel, keep)
        records.set_stack(
            "DELETE_FAILED" if failed else "DELETE_COMPLETE", failed or "Stack DELETE completed successfully"
        )

    def _records(self, stack: Stack) -> Records:
        template = read_template(stack.request.template)
        values = resolve(template.parameters, stack.request.parameters)
        hidden = [
            str(values[name]) for name, parameter in template.parameters.items() if parameter.no_echo and values[name]
        ]
        return Records(self.store, stack, hidden, MASK)
