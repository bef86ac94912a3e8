"""The door to Alibaba Cloud: the only module that imports alibabacloud_*. The local target speaks the same protocol, so
it comes through here as well.

request ─▶ SDK client ─▶ answer ─▶ our values
              └─ error ─▶ worth another try? ─▶ wait, again
                              └─ no ─▶ ServiceError: one line and what to do
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alibabacloud_ros20190910 import models
from alibabacloud_ros20190910.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from . import formats
from .errors import Failure, ServiceError
from .secret import Secret
from .stacks import Resource, Stack, StackEvent, StackPlan

ATTEMPTS = 8
_PAGE = 50  # ListStacks and ListStackEvents give at most 50 at a time
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")

_PERMISSIONS = "the user needs AliyunROSFullAccess, AliyunECSFullAccess, AliyunVPCFullAccess and AliyunEIPFullAccess"
# What to do about the errors that a user can do something about; by code, or by the part before its first dot.
_REMEDIES = {
    "InvalidAccessKeyId": "check the access key: it may be mistyped, disabled or deleted",
    "SignatureDoesNotMatch": "check the access key's secret",
    "InvalidSecurityToken": "get a fresh STS token",
    "InvalidTimeStamp": "set this machine's clock",
    "Forbidden": _PERMISSIONS,
    "NoPermission": _PERMISSIONS,
    "StackNotFound": "python -m deploy list shows the stacks there are",
    "StackExists": "choose another name, or delete that stack first",
    "ActionInProgress": "wait until it is done: python -m deploy events NAME --follow",
    "StackValidationFailed": "correct the option that the message names",
    "Throttling": "try again in a minute",
}


class Ros:
    """`stacks.Cloud` over the ROS SDK. `sleep` waits between tries; `local` is a target on this machine, which is
    never reached through a proxy."""

    def __init__(self, client: Client, region: str, *, local: bool, sleep: Callable[[float], None]) -> None:
        self._client, self._region, self._local, self._sleep = client, region, local, sleep

    def create(self, plan: StackPlan) -> str:
        parameters = [
            models.CreateStackRequestParameters(
                parameter_key=key, parameter_value=value.reveal() if isinstance(value, Secret) else value
            )
            for key, value in plan.parameters.items()
        ]
        body = self._call(
            self._client.create_stack,
            models.CreateStackRequest(
                stack_name=plan.name,
                region_id=plan.region,
                template_body=plan.template,
                parameters=parameters,
                client_token=plan.client_token,
                timeout_in_minutes=plan.timeout_minutes,
                disable_rollback=not plan.rollback,
            ),
        )
        return str(body.stack_id)

    def stack(self, stack_id: str) -> Stack:
        body = self._call(self._client.get_stack, models.GetStackRequest(region_id=self._region, stack_id=stack_id))
        outputs = {item["OutputKey"]: item.get("OutputValue") for item in body.outputs or []}
        return _stack(body, outputs)

    def find(self, name: str) -> Stack | None:
        return next((stack for stack in self._stacks([name]) if stack.name == name), None)

    def stacks(self) -> list[Stack]:
        return sorted(self._stacks(None), key=lambda stack: stack.created, reverse=True)

    def events(self, stack_id: str) -> list[StackEvent]:
        def page(number: int) -> tuple[list[Any], int]:
            body = self._call(
                self._client.list_stack_events,
                models.ListStackEventsRequest(
                    region_id=self._region, stack_id=stack_id, page_number=number, page_size=_PAGE
                ),
            )
            return body.events or [], int(body.total_count or 0)

        events = [
            StackEvent(
                id=str(item.event_id),
                time=item.create_time or "",
                resource=item.logical_resource_id or "",
                type=item.resource_type or "",
                status=item.status or "",
                reason=item.status_reason or "",
            )
            for item in _pages(page)
        ]
        # The service lists the newest first; seconds are its finest time, so the order within one is kept.
        events.reverse()
        return sorted(events, key=lambda event: event.time)

    def resources(self, stack_id: str) -> list[Resource]:
        body = self._call(
            self._client.list_stack_resources,
            models.ListStackResourcesRequest(region_id=self._region, stack_id=stack_id),
        )
        return [
            Resource(
                name=item.logical_resource_id or "",
                type=item.resource_type or "",
                physical_id=item.physical_resource_id or "",
                status=item.status or "",
                reason=item.status_reason or "",
            )
            for item in body.resources or []
        ]

    def delete(self, stack_id: str) -> None:
        self._call(self._client.delete_stack, models.DeleteStackRequest(region_id=self._region, stack_id=stack_id))

    def _stacks(self, names: list[str] | None) -> list[Stack]:
        def page(number: int) -> tuple[list[Any], int]:
            body = self._call(
                self._client.list_stacks,
                models.ListStacksRequest(region_id=self._region, stack_name=names, page_number=number, page_size=_PAGE),
            )
            return body.stacks or [], int(body.total_count or 0)

        stacks = [_stack(item, {}) for item in _pages(page)]
        return [stack for stack in stacks if not stack.gone]

    def _call(self, method: Callable[[Any], Any], request: Any) -> Any:
        """The body of the answer. Only `ServiceError` comes out."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with _direct(self._local):
                    return method(request).body
            except Exception as error:  # the SDK has three families of exceptions, and OSError
                failure = self._failure(error)
                if failure is None:
                    raise
                if attempt == ATTEMPTS or not self._worth_another_try(failure):
                    raise failure from None
                # Full jitter, so that many clients that were turned away do not come back together.
                self._sleep(random.uniform(0.1, min(0.2 * 2**attempt, 10)))  # noqa: S311
        raise AssertionError("unreachable")

    def _worth_another_try(self, failure: ServiceError) -> bool:
        if failure.code == "Refused":
            # Nobody listens on a port of this machine: that does not heal by waiting.
            return not self._local
        return failure.code.startswith("Throttling") or failure.status >= 500 or failure.status == 0

    def _failure(self, error: Exception) -> ServiceError | None:
        """What a user is told, or None if the error is not the service's."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status >= 400:
            data = getattr(error, "data", None)
            answer: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
            code = str(getattr(error, "code", "") or "Unknown")
            message = " ".join(str(answer.get("Message") or getattr(error, "message", "") or "no message").split())
            request_id = answer.get("RequestId")
            trace = f" (request {request_id})" if request_id and status >= 500 else ""
            remedy = _REMEDIES.get(code) or _REMEDIES.get(code.partition(".")[0], "")
            return ServiceError(f"{code}: {message.rstrip('.')}{trace}", remedy, code=code, status=status)
        text = str(error)
        if not _is_network(error):
            return None
        if "refused" in text.lower():
            return self._no_answer("Refused", "refuses the connection")
        if "timed out" in text.lower() or "timeout" in text.lower():
            return self._no_answer("Timeout", "does not answer in time")
        if "resolve" in text.lower() or "Name or service not known" in text:
            return self._no_answer("UnknownHost", "is not known to DNS")
        return self._no_answer("ConnectionBroken", "broke the connection")

    def _no_answer(self, code: str, what: str) -> ServiceError:
        if self._local:
            return ServiceError(
                f"the local target {what}: its emulator has stopped",
                "bring it and its stacks back with: python -m deploy local serve",
                code=code,
            )
        host = self._client._endpoint
        return ServiceError(f"{host} {what}", "check the network, the proxy and --endpoint", code=code)


def connect_local(
    host: str, access_key_id: str, access_key_secret: str, *, region: str, sleep: Callable[[float], None] = time.sleep
) -> Ros:
    """`host` is "127.0.0.1:PORT"."""
    config = Config(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        endpoint=host,
        protocol="http",
        region_id=region,
        connect_timeout=5000,
        read_timeout=30000,
    )
    return Ros(Client(config), region, local=True, sleep=sleep)


def connect(*, region: str, endpoint: str = "", profile: str = "", sleep: Callable[[float], None] = time.sleep) -> Ros:
    """With the SDK's own chain of credentials. Raises `Failure` that names the places that were looked at."""
    from alibabacloud_credentials.client import Client as CredentialClient
    from alibabacloud_credentials.provider import CLIProfileCredentialsProvider, DefaultCredentialsProvider

    protocol, host = formats.endpoint(endpoint) if endpoint else ("https", "")
    # The SDK logs a traceback for every place that has no credentials; one line about all of them is enough.
    logging.getLogger("credentials").setLevel(logging.CRITICAL)
    provider = CLIProfileCredentialsProvider(profile_name=profile) if profile else DefaultCredentialsProvider()
    try:
        provider.get_credentials()
    except Exception:  # every provider raises its own kind
        raise _no_credentials(profile) from None
    config = Config(
        credential=CredentialClient(provider=provider),
        endpoint=host or None,
        protocol=protocol,
        region_id=region,
        connect_timeout=10000,
        read_timeout=60000,
    )
    return Ros(Client(config), region, local=False, sleep=sleep)


def _no_credentials(profile: str) -> Failure:
    remedy = "or try without the cloud: --local"
    if profile:
        return Failure(
            f"--profile {profile}: not usable in ~/.aliyun/config.json", f"run: aliyun configure; {remedy}",
            code="NoCredentials",
        )  # fmt: skip
    return Failure(
        "no Alibaba Cloud credentials: looked at ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, "
        "~/.aliyun/config.json, ~/.alibabacloud/credentials.ini and the instance's RAM role",
        f"set one of them, {remedy}",
        code="NoCredentials",
    )


@contextmanager
def _direct(local: bool) -> Iterator[None]:
    """Without the environment's proxies while a local call runs: the SDK reads them at every call and does not heed
    NO_PROXY."""
    hidden = {name: os.environ.pop(name) for name in _PROXIES if local and name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_network(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"RetryError", "UnretryableException", "OSError", "HTTPException"})


def _pages(page: Callable[[int], tuple[list[Any], int]]) -> Iterator[Any]:
    seen, number = 0, 1
    while True:
        items, total = page(number)
        yield from items
        seen += len(items)
        if not items or seen >= total:
            return
        number += 1


def _stack(item: Any, outputs: Mapping[str, Any]) -> Stack:
    return Stack(
        id=str(item.stack_id),
        name=item.stack_name or "",
        status=item.status or "",
        reason=item.status_reason or "",
        region=item.region_id or "",
        created=item.create_time or "",
        outputs=outputs,
    )
