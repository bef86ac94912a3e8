"""PostgreSQL of Debian's package, which stands for RDS: a server of its own for each instance, with TLS."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

from .daemons import Daemons, program, until
from .errors import ResourceError
from .instances import free_port

HOST = "127.0.0.1"
_USER = "postgres"  # of the package; the server does not run as root
_OWNER = "postgres"  # the database's own super user


class Postgres:
    def __init__(self, daemons: Daemons) -> None:
        self._daemons = daemons

    def create(self, server: str) -> int:
        """Makes and starts a server and returns its port. Raises ResourceError."""
        initdb, postgres = _tool("initdb"), _tool("postgres")
        self._daemons.remove(server)  # what an interrupted creation left
        user = _USER if os.geteuid() == 0 else ""
        folder = self._daemons.make_folder(server, user)
        data, log, words, port = folder / "data", folder / "log", folder / "password", free_port()
        password = secrets.token_urlsafe(24)
        words.touch(mode=0o600)
        words.write_text(password)
        if user:
            os.chown(words, folder.stat().st_uid, folder.stat().st_gid)
        self._daemons.keep(server, port=port, password=password)
        _run(
            _as(user, initdb, "-D", str(data), "-U", _OWNER, "-A", "scram-sha-256", f"--pwfile={words}",
                "-E", "UTF8", "--locale=C", "--no-sync"),
        )  # fmt: skip
        words.unlink()
        key, certificate = data / "server.key", data / "server.crt"
        _run(
            _as(user, program("openssl", "openssl", "ALIYUN::RDS::DBInstance"), "req", "-x509", "-newkey", "ec",
                "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj", "/CN=127.0.0.1",
                "-keyout", str(key), "-out", str(certificate)),
        )  # fmt: skip
        settings = {"listen_addresses": HOST, "port": port, "ssl": "on", "unix_socket_directories": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log.touch()
        self._daemons.start(server, _as(user, postgres, "-D", str(data), *options), log=log)
        until(lambda: self._answers(server), "PostgreSQL", log)
        return port

    def account(self, server: str, name: str, password: str) -> None:
        """An account that may make databases, or a new password of one that is there."""
        there = self._sql(server, f"SELECT 1 FROM pg_roles WHERE rolname = {_text(name)}")  # noqa: S608 # quoted
        verb = "ALTER" if there else "CREATE"
        self._sql(server, f"{verb} ROLE {_name(name)} LOGIN CREATEDB PASSWORD {_text(password)}")

    def database(self, server: str, name: str) -> None:
        """A database that every account may fill."""
        there = self._sql(server, f"SELECT 1 FROM pg_database WHERE datname = {_text(name)}")  # noqa: S608 # quoted
        if not there:
            self._sql(server, f"CREATE DATABASE {_name(name)} ENCODING 'UTF8'")
        self._sql(server, "GRANT ALL ON SCHEMA public TO PUBLIC", database=name)
        self._sql(server, f"GRANT ALL ON DATABASE {_name(name)} TO PUBLIC")

    def exists(self, server: str) -> bool:
        return bool(self._daemons.record(server)) and self._answers(server)

    def remove(self, server: str) -> None:
        self._daemons.remove(server)

    def _answers(self, server: str) -> bool:
        try:
            return self._sql(server, "SELECT 1") == "1"
        except ResourceError:
            return False

    def _sql(self, server: str, statement: str, database: str = "postgres") -> str:
        """The answer of one statement, which comes on standard input: it may hold a password."""
        record = self._daemons.record(server)
        command = [_tool("psql"), "-h", HOST, "-p", str(record["port"]), "-U", _OWNER, "-d", database, "-AtqX",
                   "-v", "ON_ERROR_STOP=1"]  # fmt: skip
        environ = {"PATH": os.environ.get("PATH", os.defpath), "PGPASSWORD": record["password"], "PGSSLMODE": "require"}
        done = subprocess.run(
            command, input=statement, capture_output=True, text=True, check=False, env=environ, cwd="/"
        )
        if done.returncode:
            raise ResourceError(f"PostgreSQL: {done.stderr.strip() or 'it did not answer'}")
        return done.stdout.strip()


def _tool(name: str) -> str:
    """Of the newest version that is installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4))
    return program(name, "postgresql", "ALIYUN::RDS::DBInstance", versions[::-1])


def _as(user: str, *command: str) -> list[str]:
    if not user:
        return [*command]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--", *command]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ResourceError(f"PostgreSQL could not be set up: {said[-1] if said else f'exit code {done.returncode}'}")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
