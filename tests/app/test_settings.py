from __future__ import annotations

import sys
from pathlib import Path

import pytest

from service_app.auth.lockout import Lockout
from service_app.auth.store import ABSOLUTE_SECONDS, IDLE_SECONDS, AuthStore
from service_app.database import connect, sqlite_url
from service_app.settings import FIELDS, Settings, SettingsError, markdown

from .conftest import PASSWORD, ROOT, NewServer, Server


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("WHISPER_PORT", "70000", "WHISPER_PORT: should be a whole number from 1 to 65535, is '70000'"),
        ("WHISPER_DATA_DIR", "data", "WHISPER_DATA_DIR: should be an absolute path, is 'data'"),
        ("WHISPER_ADMIN_PASSWORD_HASH", "plain-password", r"hash-password` makes one\), is \*\*\*\*"),
        ("WHISPER_ENGINE", "kaldi", "one of auto, faster-whisper, openai-whisper"),
        ("WHISPER_DEVICE", "tpu", "auto, cpu, cuda or cuda:0,1"),
        ("WHISPER_ADMIN_USER", "a:b", "without a colon"),
        ("WHISPER_PRIVATE_NETWORKS", "10.0.0.0/8, x", "networks like 10.0.0.0/8"),
        ("WHISPER_DATABASE_URL", "mysql://u:secret@h/d", r"postgresql:// \(empty: SQLite\), is \*\*\*\*"),
        ("WHISPER_DATABASE_URL", "postgresql://u:sec/ret@h/d", r"/ as %2F.*, is \*\*\*\*$"),
        ("WHISPER_DATABASE_URL", "postgresql://u:sec@ret@h/d", r"@ as %40.*, is \*\*\*\*$"),
        ("WHISPER_DATABASE_URL", "postgresql://u:sec#ret@h/d", r"# as %23.*, is \*\*\*\*$"),
    ],
)
def test_wrong_values(variable: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as error:
        Settings.from_environment({variable: value})
    assert "plain-password" not in str(error.value)


def test_the_hash_never_shows(password_hash: str) -> None:
    settings = Settings.from_environment({"WHISPER_ADMIN_PASSWORD_HASH": password_hash})
    assert "argon2id" not in f"{settings} {settings!r} {settings.admin_password_hash}"
    assert settings.admin_password_hash.reveal() == password_hash


def test_the_list_names_every_setting(server: Server, password_hash: str) -> None:
    listed = server.run("settings")
    assert listed.returncode == 0
    for field in FIELDS:
        assert f"{field.variable}=" in listed.stdout
    assert password_hash not in listed.stdout


def test_the_page_of_settings_is_fresh() -> None:
    written = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert written == markdown(), "python -m service_app settings --markdown > docs/settings.md"


def test_a_hash_is_made_from_standard_input(server: Server) -> None:
    made = server.run("hash-password", given=PASSWORD + "\n")
    assert made.stdout.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    empty = server.run("hash-password", given="\n")
    assert (empty.returncode, empty.stderr) == (1, "error: password: should have 1 to 1024 bytes\n")


def test_keys_while_the_server_runs(server: Server) -> None:
    key = server.run("keys", "add", "robot", "--minutes", "5").stdout.strip()
    assert key.startswith("sk-")
    twice = server.run("keys", "add", "robot")
    assert (twice.returncode, twice.stdout) == (1, "")
    assert "exists already" in twice.stderr
    listed = server.run("keys", "list").stdout
    assert "robot" in listed
    assert key not in listed
    headers = {"authorization": f"Bearer {key}"}
    with server.client(headers=headers) as client:
        assert client.get("/v1/models").status_code == 200
        assert server.run("keys", "revoke", "robot").returncode == 0
        assert client.get("/v1/models").status_code == 401
    assert server.run("keys", "revoke", "robot").returncode == 1


def test_sessions_and_keys_expire(tmp_path: Path) -> None:
    store = AuthStore(connect(sqlite_url(tmp_path / "a.sqlite")))
    idle = store.add_session("ann", 0.0)
    assert store.session_user(idle, IDLE_SECONDS - 1.0) == "ann"
    assert store.session_user(idle, 2 * IDLE_SECONDS - 2.0) == "ann"
    assert store.session_user(idle, 3 * IDLE_SECONDS) is None
    used = store.add_session("ann", 0.0)
    now = 0.0
    while now < ABSOLUTE_SECONDS:
        assert store.session_user(used, now) == "ann"
        now += IDLE_SECONDS / 2
    assert store.session_user(used, ABSOLUTE_SECONDS + 1.0) is None
    key = store.add_key("k", "ann", 0.0, minutes=1)
    assert store.key(key, 59.0) is not None
    assert store.key(key, 60.0) is None


def test_the_lockout_doubles_and_ends() -> None:
    now = 0.0
    lockout = Lockout(lambda: now)
    for _ in range(4):
        lockout.failed("192.0.2.1")
    assert lockout.wait("192.0.2.1") == 0
    waits = []
    for _ in range(7):
        lockout.failed("192.0.2.1")
        waits.append(lockout.wait("192.0.2.1"))
        now += waits[-1]
        assert lockout.wait("192.0.2.1") == 0
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    assert lockout.wait("192.0.2.2") == 0
    lockout.succeeded("192.0.2.1")
    lockout.failed("192.0.2.1")
    assert lockout.wait("192.0.2.1") == 0


def test_a_second_server_in_the_same_folder_says_so(server: Server, new_server: NewServer) -> None:
    other = new_server(WHISPER_DATA_DIR=str(server.data_dir)).start(ready=False)
    with other.client() as client:
        while "starting" in client.get("/readyz").json()["reason"]:
            pass
        assert "in use by another server" in client.get("/readyz").json()["reason"]
    assert sys.platform == "linux"
