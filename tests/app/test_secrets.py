"""Nothing that opens anything is stored as it is, printed or logged; and what is stored is for the app's user alone."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service_app.auth.passwords import matches

from .conftest import PASSWORD, USER, NewServer, Server, create, ended

BOB = ("bob", "Correct-horse-2")
NEW = "Correct-horse-8"


@dataclass(frozen=True)
class Used:
    """A server on which everything secret has been made and used."""

    server: Server
    key: str
    session: str
    webhook: str

    @property
    def secrets(self) -> set[str]:
        hashed = self.server.environment["WHISPER_ADMIN_PASSWORD_HASH"]
        return {
            PASSWORD,
            NEW,
            BOB[1],
            hashed,
            self.key,
            self.session,
            self.webhook,
            self.webhook.removeprefix("whsec_"),
        }


@pytest.fixture(scope="module")
def used(new_server: NewServer) -> Iterator[Used]:
    server = new_server().start()
    with server.program() as client:
        ended(client, create(client, "SPEECH 1 0", "board meeting.wav"))
        assert client.post("/api/users", json={"name": BOB[0], "password": BOB[1]}).status_code == 201
        key = client.post("/api/keys", json={"name": "robot"}).json()["key"]
        webhook = client.get("/api/webhook-secret").json()["secret"]
    with server.client() as browser:
        for password in ("guess", BOB[1]):
            browser.post("/login", data={"username": BOB[0], "password": password})
        session = browser.cookies["sid"]
        changed = browser.put("/api/password", json={"current": BOB[1], "new": NEW})
        assert changed.status_code == 204
    with server.client(headers={"authorization": f"Bearer {key}"}) as program:
        assert program.get("/api/jobs").status_code == 200
        revoked = server.run("keys", "add", "short-lived").stdout.strip()
        assert server.run("keys", "revoke", "short-lived").returncode == 0
        assert program.get("/v1/models", headers={"authorization": f"Bearer {revoked}"}).status_code == 401
    yield Used(server, key, session, webhook)


def test_keys_sessions_and_passwords_are_stored_as_hashes(used: Used) -> None:
    files = [path for path in used.server.data_dir.rglob("*") if path.is_file()]
    assert any(path.name == "whisper.sqlite" for path in files)
    stored = b"".join(path.read_bytes() for path in files)
    assert [secret for secret in used.secrets if secret.encode() in stored] == []
    with contextlib.closing(sqlite3.connect(used.server.data_dir / "whisper.sqlite")) as database:
        (key,) = database.execute("SELECT key_hash FROM api_keys WHERE name = 'robot'").fetchone()
        (session,) = database.execute("SELECT token_hash FROM sessions").fetchone()
        (password,) = database.execute("SELECT password_hash FROM users WHERE name = 'bob'").fetchone()
    assert (key, session) == tuple(hashlib.sha256(each.encode()).hexdigest() for each in (used.key, used.session))
    assert re.match(r"\$argon2id\$v=19\$m=65536,t=3,p=1\$", password)
    assert matches(password, NEW)


def test_the_data_is_for_the_app_s_user_alone(used: Used) -> None:
    folder = used.server.data_dir
    for path in (folder, folder / "media", *(folder / "media").glob("[!.]*")):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    "command",
    ["settings", "keys list", "users list", "jobs --limit 50", "doctor", "backup FILE"],
    ids=lambda command: command.split()[0],
)
def test_no_command_prints_a_secret(used: Used, tmp_path: Path, command: str) -> None:
    ran = used.server.run(*command.replace("FILE", str(tmp_path / "b.tar")).split())
    told = ran.stdout + ran.stderr
    assert ran.returncode == 0 or command == "doctor", told
    assert len(told) > 10
    hashes = {hashlib.sha256(each.encode()).hexdigest() for each in (used.key, used.session)}
    assert [secret for secret in {*used.secrets, *hashes, "board meeting", "window 0"} if secret in told] == []


@pytest.mark.parametrize(
    "command",
    ["keys add robot", "keys revoke nothing", "users add ann", "users remove nobody", "restore FILE", "hash-password"],
)
def test_no_refusal_repeats_what_was_typed_in(used: Used, tmp_path: Path, command: str) -> None:
    (tmp_path / "b.tar").write_bytes(b"no archive")
    typed = "x" * 2000
    ran = used.server.run(*command.replace("FILE", str(tmp_path / "b.tar")).split(), given=f"{typed}\n")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1), ran.stderr
    assert typed not in ran.stderr


def test_what_is_asked_is_answered_without_hashes_or_others_secrets(used: Used) -> None:
    with used.server.program() as client:
        paths = ("keys", "users", "audit", "me", "usage", "jobs")
        told = "".join(client.get(f"/api/{path}").text for path in paths) + client.get("/metrics").text
    assert "robot" in told and "bob" in told
    assert [secret for secret in used.secrets if secret in told] == []
    assert "argon2id" not in told and "_hash" not in told


def test_the_audit_log_has_every_change_of_who_may_come_in(used: Used) -> None:
    with used.server.program() as client:
        lines = [(line["actor"], line["event"], line["subject"]) for line in client.get("/api/audit").json()["audit"]]
    for expected in (
        (USER, "user added", "bob"),
        (USER, "key added", "robot"),
        ("bob", "login refused: wrong_password", ""),
        ("bob", "logged in", ""),
        ("bob", "password changed", "bob"),
    ):
        assert expected in lines


def test_the_audit_log_has_what_was_done_on_the_machine(used: Used) -> None:
    users = ("users add eve", "users set-password eve", "users remove eve")
    commands = ("keys add backups", "keys revoke backups", *users)
    for command in commands:
        ran = used.server.run(*command.split(), given="Correct-horse-7\n")
        assert ran.returncode == 0, ran.stderr
    assert used.server.run("keys", "revoke", "backups").returncode == 1
    with used.server.program() as client:
        lines = [line for line in client.get("/api/audit").json()["audit"] if line["address"] == "command line"]
    key = next(line["subject"] for line in lines if line["event"] == "key revoked")
    assert re.fullmatch(f"[0-9a-f]{{8}} of {USER}", key)
    assert [(line["actor"], line["event"], line["subject"]) for line in reversed(lines)][-len(commands) :] == [
        ("", "key added", f"backups of {USER}"),
        ("", "key revoked", key),
        ("", "user added", "eve"),
        ("", "password set", "eve"),
        ("", "user removed", "eve"),
    ]


def test_the_log_holds_none_of_it(used: Used) -> None:
    log = used.server.log.read_text()
    assert '"code": "wrong_password"' in log or '"message": "refused"' in log
    private = {*used.secrets, "board meeting", "window 0", "guess"}
    assert [each for each in private if each in log] == []
