"""Runs the published iact3 as it is, but for where it connects: the API at LOCAL_HOST."""

import os
import sys
from typing import Any

from iact3.__main__ import sync_run
from iact3.plugin.base_plugin import TeaSDKPlugin

HOST = os.environ["LOCAL_HOST"]
original = TeaSDKPlugin.__init__


def connected(
    self: Any, region_id: Any = None, credential: Any = None, config_kwargs: Any = None, _: Any = None
) -> None:
    original(self, region_id, credential, {**(config_kwargs or {}), "protocol": "http"}, HOST)


TeaSDKPlugin.__init__ = connected
sys.exit(sync_run())
