"""For several workers at once (`-n 2 --dist loadgroup`): the tests of one file share its servers, so they stay
together; booted instances share the machine's network, so they follow one another."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE)
        group = "instance" if place.parts[0] == "instance" else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
