"""Users, passwords, keys and who sees what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service_app.auth.lockout import ACCOUNT_ATTEMPTS, network_of
from service_app.auth.store import AuthStore
from service_app.database import connect, sqlite_url

from .conftest import PASSWORD, USER, Server, create, ended
from .former import goes_along
from .minutes import given_once

BOB = ("bob", "Correct-horse-2")


@pytest.fixture
def admin(server: Server) -> Iterator[httpx.Client]:
    with server.program() as client:
        client.delete("/api/users/bob")
        yield client


@pytest.fixture
def bob(admin: httpx.Client, server: Server) -> Iterator[httpx.Client]:
    assert admin.post("/api/users", json={"name": BOB[0], "password": BOB[1]}).status_code == 201
    with server.client(auth=BOB) as client:
        yield client


def _session(server: Server, user: str, password: str, address: str) -> httpx.Client:
    browser = server.client(headers={"x-forwarded-for": address})
    assert browser.post("/login", data={"username": user, "password": password}).status_code == 303
    return browser


def test_two_users_never_see_each_others_jobs(admin: httpx.Client, bob: httpx.Client) -> None:
    """Nor reach them by their ids: test_every_route.py."""
    secret, own = (create(client, "SPEECH 2 0.01", "same name.wav") for client in (admin, bob))
    for client, job_id in ((admin, secret), (bob, own)):
        ended(client, job_id)
    assert [job["id"] for job in bob.get("/api/jobs").json()["jobs"]] == [own]
    assert own not in [job["id"] for job in admin.get("/api/jobs").json()["jobs"]]
    assert bob.get("/api/usage").json()["jobs"] == 1


def test_only_the_administrator_rules(admin: httpx.Client, bob: httpx.Client) -> None:
    for method, path in (("GET", "users"), ("DELETE", "users/bob"), ("GET", "audit")):
        assert bob.request(method, f"/api/{path}").status_code == 403
    assert bob.post("/api/users", json={"name": "eve", "password": "Correct-horse-3"}).status_code == 403
    assert bob.get("/api/me").json()["admin"] is False
    assert [user["name"] for user in admin.get("/api/users").json()["users"]] == ["bob"]
    assert admin.post("/api/users", json={"name": "bob", "password": "Correct-horse-3"}).status_code == 409
    assert admin.post("/api/users", json={"name": USER, "password": "Correct-horse-3"}).status_code == 409
    for name, password, code in (("a:b", BOB[1], "bad_user_name"), ("eve", "short", "weak_password")):
        refused = admin.post("/api/users", json={"name": name, "password": password})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)


def test_a_removed_user_is_gone_with_everything(admin: httpx.Client, bob: httpx.Client, server: Server) -> None:
    job_id = create(bob, "SPEECH 1 0.01")
    ended(bob, job_id)
    key = bob.post("/api/keys", json={"name": "k"}).json()["key"]
    assert admin.delete("/api/users/bob").status_code == 204
    assert bob.get("/api/jobs", headers={"x-forwarded-for": "203.0.113.40"}).status_code == 401
    with server.client(headers={"authorization": f"Bearer {key}"}) as program:
        assert program.get("/v1/models").status_code == 401
    assert not (server.data_dir / "media" / job_id).exists()


def test_a_new_password_ends_the_other_sessions(bob: httpx.Client, server: Server) -> None:
    here, there = (_session(server, *BOB, f"203.0.113.{41 + n}") for n in range(2))
    wrong = here.put("/api/password", json={"current": "guess", "new": "Correct-horse-9"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "wrong_password")
    weak = here.put("/api/password", json={"current": BOB[1], "new": "aaaaaaaaaa"})
    assert (weak.json()["error"]["code"], weak.json()["error"]["param"]) == ("weak_password", "new")
    foreign = here.put("/api/password", json={}, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert here.put("/api/password", json={"current": BOB[1], "new": "Correct-horse-9"}).status_code == 204
    assert here.get("/api/me").json()["user"] == "bob"
    assert there.get("/api/me").status_code == 401
    assert bob.get("/api/me", headers={"x-forwarded-for": "203.0.113.43"}).status_code == 401
    here.close()
    there.close()


def test_keys_open_what_they_were_made_for(admin: httpx.Client, server: Server) -> None:
    made = admin.post("/api/keys", json={"name": "speech only", "scopes": ["speech"], "days": 1, "daily_minutes": 1})
    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith("sk-")
    listed = next(entry for entry in admin.get("/api/keys").json()["keys"] if entry["id"] == key["id"])
    assert "key" not in listed
    assert listed["last_used"] is None
    with server.client(headers={"authorization": f"Bearer {key['key']}"}) as program:
        assert program.get("/v1/models").status_code == 200
        for path in ("/api/jobs", "/metrics", "/api/keys", "/api/users", "/api/audit", "/"):
            refused = program.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "key_scope"), path
        clip = {"file": ("ten windows.wav", b"SPEECH 10 0.001")}  # 100 seconds
        assert program.post("/v1/audio/transcriptions", files=clip).status_code == 200
        spent = program.post("/v1/audio/transcriptions", files=clip)
        assert (spent.status_code, spent.json()["error"]["code"]) == (429, "daily_minutes_used")
        assert 0 < int(spent.headers["retry-after"]) <= 86400
        assert next(k for k in admin.get("/api/keys").json()["keys"] if k["id"] == key["id"])["last_used"]
        assert admin.delete(f"/api/keys/{key['id']}").status_code == 204
        assert program.get("/v1/models").status_code == 401
    unlimited = admin.post("/api/keys", json={"name": "all"}).json()
    with server.client(headers={"authorization": f"Bearer {unlimited['key']}"}) as program:
        assert program.get("/api/jobs").status_code == 200
        # A stolen key must not make more keys, nor lock the owner out.
        assert program.get("/api/keys").status_code == 403
        assert program.put("/api/password", json={"current": PASSWORD, "new": "Correct-horse-9"}).status_code == 403
    admin.delete(f"/api/keys/{unlimited['id']}")


def test_the_login_as_a_bearer_token(server: Server) -> None:
    with server.client(headers={"authorization": f"Bearer {USER}:{PASSWORD}"}) as program:
        assert program.get("/v1/models").status_code == 200


def test_the_audit_log_tells_who_did_what(admin: httpx.Client, bob: httpx.Client, server: Server) -> None:
    with server.client(headers={"x-forwarded-for": "203.0.113.50", "accept": "*/*"}) as stranger:
        stranger.post("/login", data={"username": "bob", "password": "wrong-one"})
        for _ in range(6):  # the second way in; from the fifth on they are turned away, which is not noted each time
            stranger.get("/v1/models", auth=("bob", "wrong-two"))
    lines = admin.get("/api/audit").json()["audit"]
    assert sum(line["address"] == "203.0.113.50" for line in lines) == 5
    assert ("bob", "login refused: wrong_password", "203.0.113.50") in [
        (line["actor"], line["event"], line["address"]) for line in lines
    ]
    assert (USER, "user added", "bob") in [(line["actor"], line["event"], line["subject"]) for line in lines]
    assert "wrong-one" not in str(lines)


def test_deleting_gives_no_minutes_back_and_repeating_costs_them(admin: httpx.Client, server: Server) -> None:
    made = admin.post(
        "/api/keys", json={"name": "two minutes", "scopes": ["jobs", "speech"], "daily_minutes": 2}
    ).json()
    with server.client(headers={"authorization": f"Bearer {made['key']}"}) as program:
        first = create(program, "SPEECH 9 0.001")  # 90 s
        ended(program, first)
        again = program.post(f"/api/jobs/{first}/rerun", json={})
        assert again.status_code == 202
        ended(program, again.json()["id"])
        for job_id in (first, again.json()["id"]):
            assert program.delete(f"/api/jobs/{job_id}").status_code == 204
        for path, files in (
            ("/api/jobs", {"file": b"SPEECH 1 0"}),
            ("/v1/audio/transcriptions", {"file": b"SPEECH 1 0"}),
            ("/asr", {"audio_file": b"SPEECH 1 0"}),
            ("/detect-language", {"audio_file": b"SPEECH 1 0"}),
        ):
            spent = program.post(path, files=files)
            assert (spent.status_code, spent.json()["error"]["code"]) == (429, "daily_minutes_used"), path
    admin.delete(f"/api/keys/{made['id']}")


def test_a_day_s_minutes_are_given_once(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path / "a.sqlite"))
    given_once([engine])
    engine.dispose()


def test_calls_at_once_go_over_a_key_s_minutes_by_one_recording_at_most(admin: httpx.Client, server: Server) -> None:
    """Each is 40 s long, which its few bytes do not tell: two fit into a minute, the second goes over it."""
    made = admin.post("/api/keys", json={"name": "one minute", "daily_minutes": 1}).json()

    def call(number: int) -> tuple[int, str]:
        with server.client(headers={"authorization": f"Bearer {made['key']}"}) as program:
            clip = {"file": (f"{number}.wav", b"SPEECH 4 0.01")}
            answer = program.post("/v1/audio/transcriptions", files=clip, data={"prompt": str(number)})
            return answer.status_code, answer.json().get("error", {}).get("code", "")

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(call, range(8)))
    assert answers == {(200, ""): 2, (429, "daily_minutes_used"): 6}
    admin.delete(f"/api/keys/{made['id']}")


def test_who_takes_a_removed_users_name_sees_nothing_of_theirs(server: Server) -> None:
    assert server.run("users", "add", "dave", given="Correct-horse-6\n").returncode == 0
    with server.client(auth=("dave", "Correct-horse-6")) as dave:
        job_id = create(dave, "SPEECH 1 0.01", "private.wav")
        ended(dave, job_id)
    removed = server.run("users", "remove", "dave")
    assert (removed.returncode, removed.stderr) == (
        0,
        "Removed; the running server deletes 1 recordings with their text.\n",
    )
    assert server.run("users", "add", "dave", given="Correct-horse-7\n").returncode == 0
    with server.client(auth=("dave", "Correct-horse-7"), headers={"x-forwarded-for": "203.0.113.61"}) as dave:
        assert dave.get("/api/jobs").json()["jobs"] == []
        assert dave.get(f"/api/jobs/{job_id}/media").status_code == 404
    server.run("users", "remove", "dave")


def test_the_audit_log_stays_bounded(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path / "a.sqlite"))
    store = AuthStore(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100999) "
            "INSERT INTO audit SELECT i, 'ann', 'e', '', '' FROM n"
        )
    store.forget_old(101_000.0)
    lines = store.audit_lines(200_000)
    assert (len(lines), lines[-1].at) == (100_001, 999.0)


def test_users_on_the_machine_itself(server: Server) -> None:
    assert server.run("users", "add", "carol", given="Correct-horse-4\n").returncode == 0
    with server.client(auth=("carol", "Correct-horse-4")) as carol:
        assert carol.get("/api/me").status_code == 200
        assert server.run("users", "set-password", "carol", given="Correct-horse-5\n").returncode == 0
        assert carol.get("/api/me", headers={"x-forwarded-for": "203.0.113.60"}).status_code == 401
    weak = server.run("users", "set-password", "carol", given="x\n")
    assert (weak.returncode, weak.stderr.count("\n")) == (1, 1)
    listed = server.run("users", "list").stdout
    assert "carol" in listed
    assert f"{USER} (administrator)" in listed
    assert server.run("users", "remove", "carol").returncode == 0
    assert server.run("users", "remove", USER).returncode == 1


def test_the_administrators_password_changed_on_the_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = AuthStore(connect(sqlite_url(tmp_path_factory.mktemp("auth") / "a.sqlite")))
    store.deployed("ann", "first")
    store.set_password("ann", "changed in the page", 0.0)
    session = store.add_session("ann", 0.0)
    store.deployed("ann", "first")  # a restart changes nothing
    assert store.login_facts("ann", "n", 0.0)[0] == "changed in the page"
    assert store.session_user(session, 1.0) == "ann"
    store.deployed("ann", "second")  # the console's operation wins
    assert store.login_facts("ann", "n", 0.0)[0] is None
    assert store.session_user(session, 1.0) is None


def test_the_administrators_name_changed_on_the_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The one before does not stay a user who may log in; those whom the administrator added do."""
    store = AuthStore(connect(sqlite_url(tmp_path_factory.mktemp("auth") / "a.sqlite")))
    store.deployed("ann", "first")
    store.set_password("ann", "changed in the page", 0.0)
    store.add_user("bob", "his", 0.0)
    sessions = {name: store.add_session(name, 0.0) for name in ("ann", "bob")}
    for _ in range(2):
        store.deployed("eve", "first")
        assert store.login_facts("ann", "n", 0.0)[0] is None
        assert {name: store.session_user(token, 1.0) for name, token in sessions.items()} == {"ann": None, "bob": "bob"}


def test_what_the_administrator_had_goes_along_to_the_new_name(tmp_path: Path) -> None:
    goes_along({"WHISPER_DATA_DIR": str(tmp_path)})


def test_strangers_slow_an_account_down_but_not_its_owner(server: Server) -> None:
    owner = {"x-forwarded-for": "198.51.100.1"}
    with server.client(headers={"accept": "*/*"}) as client:
        form = {"username": USER, "password": PASSWORD}
        assert client.post("/login", data=form, headers=owner).status_code == 303
        for number in range(ACCOUNT_ATTEMPTS + 1):
            guess = {**form, "password": f"guess {number}"}
            client.post("/login", data=guess, headers={"x-forwarded-for": f"198.51.101.{number}"})
        stranger = client.post("/login", data=form, headers={"x-forwarded-for": "198.51.102.1"})
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (429, "account_slowed")
        assert 0 < int(stranger.headers["retry-after"]) <= 60
        assert client.post("/login", data=form, headers=owner).status_code == 303


def test_one_customer_is_one_network() -> None:
    assert network_of("2001:db8:1:2:3::9") == network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("nonsense") == "nonsense"
