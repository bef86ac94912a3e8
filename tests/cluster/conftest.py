"""One PostgreSQL, four nodes and one balancer for the whole folder: a start costs seconds. Every test finds all nodes
up, whatever the one before did to them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from service_app.auth.passwords import hash_password
from tests.app.conftest import PASSWORD

from .machines import Cluster, Database, Wire, until, wired


@pytest.fixture(scope="package")
def wire() -> Iterator[Wire | None]:
    """The network of one node, where it can have its own (root)."""
    if os.getuid() != 0:
        yield None
        return
    with wired(os.getpid() % 200 + 1) as made:
        yield made


@pytest.fixture(scope="package")
def database(wire: Wire | None) -> Iterator[Database]:
    server = Database(("127.0.0.1", wire.here) if wire else ("127.0.0.1",)).start()
    yield server
    server.remove()


@pytest.fixture(scope="package")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(scope="package")
def machines(
    database: Database, wire: Wire | None, tmp_path_factory: pytest.TempPathFactory, password_hash: str
) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), database, "shared", password_hash)
    try:
        for _ in range(3):
            made.node().launch()
        if wire is not None:
            made.node(host=wire.here, address=wire.there, prefix=wire.inside, wire=wire).launch()
        made.balancer()
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(machines: Cluster) -> Cluster:
    for node in machines.nodes:
        node.revive()
    for node in machines.nodes:
        node.await_ready()
    # One that was taken for dead is ready before it hears of that; what it accepts meanwhile others take over.
    names = {node.name for node in machines.nodes}
    until(
        lambda: names == {row.name for row in machines.query("SELECT name FROM nodes WHERE beat >= 0")},
        "all nodes are known",
    )
    return machines
