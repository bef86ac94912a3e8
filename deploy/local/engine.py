"""The stacks of one emulator: what may be begun with each, and the threads that do it.

Every step is written down before and after it is done, so that an emulator that was killed goes on where it was.
One thread leads each operation (`Operations`); each resource that is worked on has a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Literal, TypeVar

from . import rules
from .errors import ApiError, action_in_progress, not_supported, resource_not_found, stack_exists, stack_not_found
from .evaluation import choose
from .operations import Operations, Running
from .parameters import resolve
from .records import Records
from .resources import Handler, Means
from .store import CreateRequest, Resource, Stack, Store
from .template import read_template
from .validation import validate
from .view import scope_of, template_of

LOG = logging.getLogger(__name__)
REVIEW = "REVIEW_IN_PROGRESS"  # a stack of which only a change set exists
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
Work = Callable[[Stack, Running], None]
Found = TypeVar("Found")


class Engine:
    def __init__(self, store: Store, means: Means) -> None:
        self.store, self.means = store, means
        self.lock = threading.RLock()
        self._operations = Operations(store, means, self.lock)
        self._running: dict[str, Running] = {}
        self._closed = False

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return self.means.handlers

    def create(self, name: str, region: str, request: CreateRequest, token: str = "", *, review: bool = False) -> str:
        """Begins to make a stack and returns its id; a token that came before returns that stack's id. With `review`
        nothing is made yet. Raises ApiError for a taken name and for whatever is wrong with the template or its
        parameters."""
        with self.lock:
            self._require_open()
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
            now, status = time.time(), REVIEW if review else "CREATE_IN_PROGRESS"
            reason = "" if review else "Stack CREATE started"
            stack = Stack(str(uuid.uuid4()), name, region, status, reason, now, now, token, request)
            self.check(stack)
            with self.store.transaction():
                self.store.save_stack(stack)
                self._operations.records(stack).stack_event(stack.status, stack.reason)
            if not review:
                self._begin(stack, "CREATE", self._operations.create)
            return stack.id

    def create_reviewed(self, stack: Stack, request: CreateRequest) -> None:
        """Makes a stack that so far was only reviewed."""
        with self.lock:
            self._start(replace(stack, request=request), "CREATE", self._operations.create)

    def update(self, stack: Stack, request: CreateRequest) -> None:
        """Begins to bring the stack to another request. Raises ApiError, also where nothing would change."""
        with self.lock:
            self.check_update(stack, request)
            self._start(replace(stack, request=request, previous=stack.request), "UPDATE", self._operations.update)

    def check_update(self, stack: Stack, request: CreateRequest) -> None:
        """Raises ApiError when the stack cannot be brought to the request."""
        self._require_open()
        self.require_idle(stack)
        if stack.status not in _UPDATABLE:
            raise not_supported(f"Update a stack in {stack.status} is not supported.")
        for name in request.taint:
            if name not in self.store.resources(stack.id):
                raise resource_not_found(name, stack.name)
        self.check(replace(stack, request=request))
        fields = ("template", "parameters", "tags")
        same = all(getattr(stack.request, field) == getattr(request, field) for field in fields)
        if same and not request.taint and stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE"):
            raise not_supported("Update the completely same stack is not supported.")

    def continue_creation(self, stack: Stack, request: CreateRequest, again: Collection[str]) -> None:
        """Makes the resources that failed or are missing, and those in `again`, which are removed first."""
        with self.lock:
            self.require_failed_creation(stack)
            records = self._operations.records(stack)
            with self.store.transaction():
                for name, resource in records.resources().items():
                    if name in again:
                        records.change(resource, "DELETE_IN_PROGRESS")
                self._start(replace(stack, request=request), "CREATE", self._operations.create)

    def settle_creation(self, stack: Stack, request: CreateRequest, dropped: Collection[str]) -> None:
        """Counts a failed creation as done without the `dropped` resources."""
        with self.lock:
            self.require_failed_creation(stack)
            records = self._operations.records(stack)
            with self.store.transaction():
                for name in dropped:
                    records.forget(name)
                self.store.save_stack(replace(stack, request=request))
                records.set_stack("CREATE_COMPLETE", "Stack CREATE completed successfully")

    def require_failed_creation(self, stack: Stack) -> None:
        self.require_idle(stack)
        if stack.status != "CREATE_FAILED":
            raise not_supported(f"Continue to create a stack in {stack.status} is not supported.")

    def delete(self, stack_id: str, retain: frozenset[str] = frozenset(), retain_all: bool = False) -> None:
        """Begins to remove a stack; what is going on is called off first. Removing twice is no error."""
        with self.lock:
            stack = self.find(stack_id)
            if stack.status == "DELETE_COMPLETE":
                return
            if stack.request.deletion_protection:
                raise ApiError("StackDeletionProtected", f"The Stack ({stack.name}) has deletion protection enabled.")
            running = self._running.get(stack_id)
            if running and running.action == "DELETE":
                return
            unknown = retain - self.store.resources(stack_id).keys()
            if unknown:
                raise resource_not_found(", ".join(sorted(unknown)), stack.name)
            if running:
                running.cancel.set()
                running.stop.set()
            self._operations.records(stack).set_stack("DELETE_IN_PROGRESS", "Stack DELETE started")
            self._begin(
                replace(stack, status="DELETE_IN_PROGRESS"),
                "DELETE",
                lambda s, r: self._operations.delete(s, r, retain, retain_all),
            )

    def cancel(self, stack: Stack, *, quick: bool, then: Literal["failure", "rollback"]) -> None:
        """Calls off what is going on: nothing new begins, and with `quick` what goes on is ended."""
        with self.lock:
            running = self._running.get(stack.id)
            if running is None:
                raise not_supported(f"Cancel an operation of a stack in {stack.status} is not supported.")
            running.then = then
            running.cancel.set()
            if quick:
                running.stop.set()

    def protect(self, stack: Stack, enabled: bool) -> None:
        """Sets the deletion protection."""
        with self.lock:
            stack = self.find(stack.id)
            self.store.save_stack(replace(stack, request=replace(stack.request, deletion_protection=enabled)))

    def find(self, stack_id: str) -> Stack:
        stack = self.store.stack(stack_id)
        if stack is None:
            raise stack_not_found(stack_id)
        return stack

    def check(self, stack: Stack) -> None:
        """Raises ApiError for what is wrong with the stack's template or parameters."""
        template = read_template(stack.request.template)
        validate(template, self.handlers)
        resolve(template.parameters, stack.request.parameters)
        counted = template_of(stack)
        if counted is not template:
            validate(counted, self.handlers)
        scope = scope_of(stack, {})
        for condition in template.conditions:
            scope.condition(condition)
        rules.check(template.rules, lambda expression, where: choose(expression, scope, where))

    def require_idle(self, stack: Stack) -> None:
        """Raises ApiError while something is being done to the stack."""
        if stack.status.endswith("_IN_PROGRESS"):
            raise action_in_progress(stack.name, stack.status.removesuffix("_IN_PROGRESS"))

    def resume(self) -> None:
        """Goes on with what an earlier emulator had begun."""
        self.means.instances.resume()
        self.means.commands.forget_running()
        work: Mapping[str, tuple[str, Work]] = {
            "CREATE_IN_PROGRESS": ("CREATE", self._operations.create),
            "CREATE_ROLLBACK_IN_PROGRESS": ("CREATE", self._operations.roll_back),
            "UPDATE_IN_PROGRESS": ("UPDATE", self._operations.update),
            "ROLLBACK_IN_PROGRESS": ("UPDATE", self._operations.roll_back_update),
            "DELETE_IN_PROGRESS": ("DELETE", lambda s, r: self._operations.delete(s, r, frozenset(), False)),
        }
        for stack in self.store.stacks():
            if stack.status in work:
                self._begin(stack, *work[stack.status])

    def close_if_idle(self) -> bool:
        """True when no stack is left; from then on none can be made."""
        with self.lock:
            self._closed = all(stack.status == "DELETE_COMPLETE" for stack in self.store.stacks())
            return self._closed

    def secrets_of(self, stack: Stack) -> Callable[[str], str]:
        """A function that masks the stack's NoEcho values, as they are and in Base64, in a text."""
        return self._operations.hide(stack)

    def look(self, at: Callable[[Means, Records], Found], stack: Stack) -> Found:
        """What `at` finds with the means and records of the stack's operations."""
        return at(self.means, self._operations.records(stack))

    def resources(self, stack: Stack) -> dict[str, Resource]:
        return self.store.resources(stack.id)

    def _require_open(self) -> None:
        if self._closed:
            raise ApiError("ServiceUnavailable", "The local target is stopping.", 503)

    def _start(self, stack: Stack, action: str, work: Work) -> None:
        with self.store.transaction():
            self.store.save_stack(stack)
            self._operations.records(stack).set_stack(f"{action}_IN_PROGRESS", f"Stack {action} started")
        self._begin(self.find(stack.id), action, work)

    def _begin(self, stack: Stack, action: str, work: Work) -> None:
        before = self._running.get(stack.id)
        running = Running(action=action)

        def run() -> None:
            if before:
                before.thread.join()
            try:
                work(stack, running)
            except Exception as error:  # a bug here must not leave a stack in progress for ever
                LOG.exception("stack %s", stack.id)
                reason = f"Internal error of the local target: {type(error).__name__}"
                self._operations.records(stack).set_stack(f"{action}_FAILED", reason)
            finally:
                with self.lock:
                    if self._running.get(stack.id) is running:
                        del self._running[stack.id]

        running.thread = threading.Thread(target=run, name=f"{action} {stack.name}", daemon=True)
        self._running[stack.id] = running
        running.thread.start()
