"""The making of one stack's resources."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping

from .errors import ApiError, CancelError, ResourceError
from .evaluation import evaluate
from .records import Records
from .resources import Context, Handler, Means
from .store import Resource, Stack
from .template import read_template
from .validation import check_properties, check_value, dependencies
from .view import attributes_of, scope_of


class Creation:
    """One attempt; `cancel` calls it off from outside."""

    def __init__(self, stack: Stack, records: Records, means: Means, cancel: threading.Event) -> None:
        self._stack, self._records, self._means, self._cancel = stack, records, means, cancel
        self._template = read_template(stack.request.template)
        self._stop = threading.Event()
        self._ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._outcomes: dict[str, str] = {}

    def run(self) -> str:
        """Returns when all resources are complete, or one failed and the others came to rest; the text is the reason of
        the first failure, empty for success or when called off."""
        scope = scope_of(self._stack, {})
        wanted = [name for name in self._template.resources if scope.included(name)]
        needs = {name: dependencies(self._template.resources[name], scope) & set(wanted) for name in wanted}
        done = {name for name, resource in self._records.resources().items() if resource.status == "CREATE_COMPLETE"}
        deadline = self._stack.created + self._stack.request.timeout_minutes * 60
        active: set[str] = set()
        failure = ""
        while True:
            if not failure and not self._cancel.is_set():
                for name in wanted:
                    if name not in done and name not in active and needs[name] <= done:
                        active.add(name)
                        threading.Thread(target=self._work, args=(name,), daemon=True).start()
            if not active:
                return failure
            try:
                name, problem = self._ended.get(timeout=0.1)
            except queue.Empty:
                if self._cancel.is_set():
                    self._stop.set()
                elif time.time() > deadline and not failure:
                    failure = f"Create timed out after {self._stack.request.timeout_minutes} minutes"
                    self._stop.set()
                continue
            active.discard(name)
            if not problem:
                done.add(name)
                continue
            failure = failure or f"Resource CREATE failed: {problem}"
            self._stop.set()

    def _work(self, name: str) -> None:
        problem = "internal error of the local target"
        try:
            problem = self._make(name)
        finally:
            self._ended.put((name, problem))

    def _make(self, name: str) -> str:
        definition = self._template.resources[name]
        handler = self._means.handlers[definition.type]
        earlier = self._records.resources()
        resource = earlier.get(name)
        context = self._context(name, resource.created if resource else time.time(), earlier)
        interrupted = resource is not None
        if resource is None:
            resource = self._records.start(name, definition.type, handler.new_id(context))
        try:
            if interrupted and not handler.repeatable:
                raise ResourceError(
                    "The local target was ended while this was going on; delete the stack and create it again"
                )
            if interrupted:
                self._begin_again(handler, context, resource)
            scope = scope_of(self._stack, earlier)
            values = evaluate(dict(definition.properties), scope, f"Resources.{name}.Properties")
            check_properties(name, values, handler.properties)
            values = {
                key: check_value(f"resources.{name}.properties.{key}", value, handler.properties[key])
                for key, value in values.items()
                if value is not None
            }
            attributes = handler.create(context, resource.physical_id, values)
        except (ResourceError, ApiError) as error:
            self._records.change(resource, "CREATE_FAILED", str(error))
            return f"resources.{name}: {error}"
        except CancelError:
            self._records.change(resource, "CREATE_FAILED", "CREATE aborted")
            return "CREATE aborted"
        except Exception as error:
            self._records.change(
                resource, "CREATE_FAILED", f"Internal error of the local target: {type(error).__name__}: {error}"
            )
            return f"resources.{name}: internal error of the local target: {type(error).__name__}: {error}"
        self._records.change(resource, "CREATE_COMPLETE", attributes=attributes)
        return ""

    def _begin_again(self, handler: Handler, context: Context, resource: Resource) -> None:
        """What was left half done is removed; what others already hold (signals) stays."""
        if handler.type != "ALIYUN::ROS::WaitConditionHandle":
            handler.delete(context, resource.physical_id, resource.attributes)

    def _context(self, name: str, since: float, resources: Mapping[str, Resource]) -> Context:
        return Context(
            stack_id=self._stack.id,
            stack_name=self._stack.name,
            name=name,
            region=self._stack.region,
            since=since,
            instances=self._means.instances,
            signals=self._means.signals,
            cancelled=self._stop,
            attributes_of=lambda physical_id: attributes_of(resources, physical_id),
            report=lambda attributes: self._records.report(name, attributes),
            outcomes=self._outcomes,
        )
