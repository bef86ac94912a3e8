"""The SDK's imports, made lighter: its asynchronous calls bring aiohttp, and the refresh of an instance role's
credentials in the background a scheduler. No command needs them, and they are a third of the time in which the SDK
loads.

They are imported when they are first used after all.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_HEAVY = ("aiohttp", "apscheduler.schedulers.background")


class _Later(ModuleType):
    """Stands for a module. What is asked of it stands for that, until it is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return call


@contextmanager
def without_heavy() -> Iterator[None]:
    """While the SDK is imported. Whoever imports those modules elsewhere gets them themselves."""
    stood_in = {name: _Later(name) for name in _HEAVY if name not in sys.modules}
    sys.modules.update(stood_in)
    try:
        yield
    finally:
        for name, module in stood_in.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
