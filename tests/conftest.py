"""How the tests are shared among workers (`make test` has two): the tests of one file share its servers, so they stay
together; booted instances share the machine's network, and nodes their database, so those folders follow one another.
What takes longest begins first."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOGETHER = ("instance", "cluster", "contract")
FIRST = (*TOGETHER, "e2e", "browser")


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(HERE).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


# First: the workers read the groups in this same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    for item in items:
        place = item.path.relative_to(HERE)
        group = place.parts[0] if place.parts[0] in TOGETHER else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
