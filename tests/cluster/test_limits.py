"""What is counted, is counted once for all nodes: failed logins, a key's minutes, unfinished jobs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service_app.auth import Auth
from service_app.auth.store import AuthStore
from service_app.database import connect
from service_app.errors import Busy, Unauthorized
from service_app.jobs.pace import Limits, require_room
from service_app.jobs.store import JobStore
from service_app.settings import Settings
from service_app.types import Job, JobState, Lane, Options
from tests.app.conftest import PASSWORD, USER, create
from tests.app.former import goes_along
from tests.app.minutes import given_once

from .jobs import finished, speech
from .machines import Cluster, Database, Node, client

NETWORK = "203.0.113.50"
OTHER = "bob"


@contextlib.contextmanager
def stores(cluster: Cluster, count: int) -> Iterator[list[AuthStore]]:
    """As so many nodes have them."""
    engines = [connect(cluster.database.url("127.0.0.1", cluster.name)) for _ in range(count)]
    try:
        yield [AuthStore(engine) for engine in engines]
    finally:
        for engine in engines:
            engine.dispose()


async def wrong(auth: Auth, user: str) -> None:
    with pytest.raises(Unauthorized, match="wrong"):
        await auth.check_password(user, "not-it", NETWORK)


def test_a_right_password_forgives_its_own_account_wherever_it_failed(machines: Cluster, password_hash: str) -> None:
    with stores(machines, 2) as opened:
        asyncio.run(_forgiven(opened, password_hash))


async def _forgiven(opened: list[AuthStore], password_hash: str) -> None:
    now = float(int(time.time()))  # in earnest: running nodes forget what is old
    settings = Settings.from_environment({"WHISPER_ADMIN_USER": USER, "WHISPER_ADMIN_PASSWORD_HASH": password_hash})
    here, there = nodes = [Auth(settings, lambda: now) for _ in opened]
    for auth, store in zip(nodes, opened, strict=True):
        auth.opened(store)

    def counted(store: AuthStore) -> int:
        return store.locks([NETWORK])[NETWORK][0]

    for auth, user in ((here, USER), (here, USER), (there, OTHER), (here, OTHER)):
        await wrong(auth, user)
    assert counted(opened[1]) == 4
    # At the node that counted none of this account's.
    await there.check_password(USER, PASSWORD, NETWORK)
    assert counted(opened[0]) == 2
    assert not opened[0].locks([f"user {USER}"])
    # What was tried at somebody else stays counted: three more, at any nodes, and the address waits, at all of them.
    for auth in (here, there, here):
        await wrong(auth, OTHER)
    for auth in nodes:
        with pytest.raises(Busy) as refused:
            await auth.check_password(USER, PASSWORD, NETWORK)
        assert (refused.value.code, refused.value.retry_after) == ("locked_out", 30)
    now += 31
    await there.check_password(USER, PASSWORD, NETWORK)


def test_failures_at_the_same_moment_are_all_counted(machines: Cluster) -> None:
    now = time.time()
    with stores(machines, 3) as opened, ThreadPoolExecutor(9) as threads:
        tries = [threads.submit(store.count_failure, "198.51.100.1", "user x", now, float) for store in opened * 10]
        assert sorted(each.result()[0] for each in tries) == list(range(1, 31))
        assert opened[0].locks(["198.51.100.1"])["198.51.100.1"][0] == 30
        opened[1].forgive("198.51.100.1", "user x")
        assert opened[2].locks(["198.51.100.1"]) == {}


def test_a_key_s_minutes_are_used_up_at_every_node(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.nodes[0].url, auth=(USER, PASSWORD), timeout=60) as person:
        made = person.post("/api/keys", json={"name": "a minute", "daily_minutes": 1}).json()
    try:
        with client(cluster.nodes[0].url, made["key"]) as here, client(cluster.nodes[1].url, made["key"]) as there:
            finished(here, create(here, speech(6, 0.01)), 6)  # a window is 10 s
            for each in (there, here):
                spent = each.post("/api/jobs", files={"file": ("a.wav", speech(1, 0.01).encode())})
                assert (spent.status_code, spent.json()["error"]["code"]) == (429, "daily_minutes_used")
                assert int(spent.headers["retry-after"]) > 0
    finally:
        with stores(cluster, 1) as (store,):
            store.revoke_key(made["id"])


def test_unfinished_jobs_count_at_every_node(cluster: Cluster) -> None:
    """A user may have 200. Most are those of a node that is busy: rows that it holds and does not get to."""
    with stores(cluster, 1) as (store,):
        key = store.add_key("many", OTHER, time.time())
        cluster.execute(
            "INSERT INTO jobs (id, owner, name, state, lane, options, created, size, executor) "
            "SELECT 'many' || n, :owner, 'a.wav', 'queued', 'bulk', '{}', :now, 1600, "
            "(SELECT min(executor) FROM nodes WHERE name = 'n1' AND beat >= 0) FROM generate_series(1, 199) n",
            owner=OTHER,
            now=time.time(),
        )

        def sent(node: Node) -> int:
            """A long one; it lasts until it is deleted."""
            with client(node.url, key) as other:
                return other.post("/api/jobs", files={"file": ("a.wav", speech(400, 0.5).encode())}).status_code

        try:
            with ThreadPoolExecutor(6) as threads:  # one place is left, and all nodes are asked for it at once
                assert sorted(threads.map(sent, cluster.nodes[:3] * 2)) == [202, 429, 429, 429, 429, 429]
            for node in cluster.nodes[:3]:
                with client(node.url, key) as other:
                    full = other.post("/api/jobs", files={"file": ("a.wav", speech(1, 0.01).encode())})
                    assert (full.status_code, full.json()["error"]["code"]) == (429, "too_many_jobs"), node.name
                    assert int(full.headers["retry-after"]) > 0
        finally:
            with client(cluster.nodes[0].url, key) as other:
                other.delete(f"/api/jobs/{other.get('/api/jobs?limit=1').json()['jobs'][0]['id']}")
            cluster.execute("DELETE FROM jobs WHERE owner = :owner", owner=OTHER)
            store.revoke_key("many", OTHER)
    with cluster.nodes[1].client() as somebody:
        finished(somebody, create(somebody, speech(1, 0.01)), 1)


@pytest.mark.parametrize(("limits", "fit"), [(Limits(jobs=5), 5), (Limits(minutes=1), 6), (Limits(jobs_of_user=5), 5)])
def test_the_last_places_are_given_once(database: Database, limits: Limits, fit: int) -> None:
    """Three nodes take in thirty recordings at once, of 12 s each where a second of work decodes one second."""
    name = database.create(f"room{limits.jobs}_{limits.minutes}_{limits.jobs_of_user}")
    engines = [connect(database.url("127.0.0.1", name)) for _ in range(3)]
    try:
        nodes = [JobStore(engine) for engine in engines]

        def taken_in(number: int) -> bool:
            job = Job(f"job{number}", USER, "a.wav", JobState.QUEUED, Options(), Lane.BULK, time.time(), size=192_000)
            try:
                nodes[number % 3].add(job, room=lambda waiting: require_room(USER, waiting, 1.0, limits))
            except Busy:
                return False
            nodes[0].add(job, room=lambda _: pytest.fail("it is stored already"))
            return True

        with ThreadPoolExecutor(12) as threads:
            accepted = sum(threads.map(taken_in, range(30)))
        assert (accepted, len(nodes[0].history(USER, 100, "", None))) == (fit, fit)
    finally:
        for engine in engines:
            engine.dispose()


def test_a_key_s_day_is_given_once_among_nodes(database: Database) -> None:
    name = database.create("minutes")
    engines = [connect(database.url("127.0.0.1", name)) for _ in range(3)]
    try:
        given_once(engines)
    finally:
        for engine in engines:
            engine.dispose()


def test_the_administrator_s_new_name_has_what_the_old_one_had(database: Database, tmp_path: Path) -> None:
    name = database.create("former")
    settings = {"DATA_DIR": tmp_path, "DATABASE_URL": database.url("127.0.0.1", name), "MEDIA_DIR": tmp_path / "media"}
    goes_along({f"WHISPER_{setting}": str(value) for setting, value in settings.items()})
