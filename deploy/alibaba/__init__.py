"""The door to Alibaba Cloud: the only package that imports alibabacloud_*. The local target speaks the same protocols,
so it comes through here as well.

connect · connect_local ─▶ Ros (stacks · changes · offers) and Ecs (machines), over calls
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from .. import formats
from ..errors import Failure
from .calls import ATTEMPTS, Calls
from .light import without_heavy

with without_heavy():
    from alibabacloud_tea_openapi.utils_models import Config

    from .changes import ChangesOfStacks
    from .offers import Offers
    from .stacks import Stacks

if TYPE_CHECKING:
    from .automation import Oos
    from .customer import ComputeNestCustomer
    from .machines import Ecs
    from .supplier import ComputeNestSupplier

__all__ = ["ATTEMPTS", "Account", "Ros", "connect", "connect_local"]


class Ros(Stacks, ChangesOfStacks, Offers):
    """`cloud.Cloud` over the ROS SDK."""


class Account:
    """One pair of credentials in one region. Services are connected when they are first used: each SDK takes a fifth of
    a second to import."""

    def __init__(self, config: Config, region: str, *, local: bool, sleep: Callable[[float], None]) -> None:
        self._config, self._region, self._local, self._sleep = config, region, local, sleep

    def ros(self) -> Ros:
        from alibabacloud_ros20190910.client import Client

        client = Client(self._config)
        return Ros(client, self._region, self._calls(client))

    def ecs(self) -> Ecs:
        from alibabacloud_ecs20140526.client import Client

        from .machines import Ecs

        config = self._config
        if not self._local:
            # A given endpoint is ROS's.
            config = copy(config)
            config.endpoint = None
        client = Client(config)
        return Ecs(client, self._region, self._calls(client))

    def supplier(self) -> ComputeNestSupplier:
        """The account's region is the site: cn-hangzhou or ap-southeast-1."""
        from alibabacloud_computenestsupplier20210521.client import Client

        from .supplier import ComputeNestSupplier

        client = Client(self._at("computenestsupplier"))
        host = str(client._endpoint) if self._local else ""
        return ComputeNestSupplier(client, self._region, self._calls(client), host)

    def customer(self) -> ComputeNestCustomer:
        from alibabacloud_computenest20210601.client import Client

        from .customer import ComputeNestCustomer

        client = Client(self._at("computenest"))
        return ComputeNestCustomer(client, self._region, self._calls(client))

    def oos(self) -> Oos:
        from alibabacloud_tea_openapi.client import Client

        from .automation import Oos

        client = Client(self._at("oos"))
        return Oos(client, self._region, self._calls(client))

    def _at(self, product: str) -> Config:
        """The configuration for another product than ROS, whose endpoint a given one is."""
        config = self._config
        if not self._local:
            config = copy(config)
            config.endpoint = f"{product}.{self._region}.aliyuncs.com"
        return config

    def _calls(self, client: Any) -> Calls:
        return Calls(str(client._endpoint), local=self._local, sleep=self._sleep)


def connect_local(
    host: str, access_key_id: str, access_key_secret: str, *, region: str, sleep: Callable[[float], None] = time.sleep
) -> Account:
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
    return Account(config, region, local=True, sleep=sleep)


def connect(
    *, region: str, endpoint: str = "", profile: str = "", sleep: Callable[[float], None] = time.sleep
) -> Account:
    """With the SDK's own chain of credentials. `endpoint` is ROS's (default: the region's). Raises `Failure` that names
    the places that were looked at."""
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
    return Account(config, region, local=False, sleep=sleep)


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
