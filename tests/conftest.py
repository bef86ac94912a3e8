"""How the tests are shared among workers (`make test` has two): the tests of one file share its servers, so they stay
together; booted instances share the machine's network, and nodes their database, so those folders follow one another.
What takes longest begins first."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent
TOGETHER = ("instance", "cluster", "contract")
FIRST = (*TOGETHER, "e2e", "browser")


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(HERE).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


class Groups(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return folder if folder in TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    config.option.loadscopereorder = False  # else the file with most tests begins
    return Groups(config, log)
