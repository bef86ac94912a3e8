"""Another name for the administrator, on any database."""

from __future__ import annotations

from collections.abc import Mapping

from service_app.administrator import accounts_of
from service_app.auth.store import AuthStore
from service_app.database import connect
from service_app.jobs.store import JobStore
from service_app.settings import Settings
from service_app.types import Job, JobState, Lane, Options

HASH = "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YQ"


def goes_along(environment: Mapping[str, str]) -> None:
    """Whoever is given the former name finds nothing of it, and what was a user's own password opens no more."""
    store, jobs = _started(environment, "ann")
    key = store.add_key("robot", "ann", 0.0)
    jobs.add(Job("j", "ann", "a.wav", JobState.DONE, Options(), Lane.BULK, 0.0))
    store.remember_network("ann", "192.0.2.0", 0.0)
    store.add_user("eve", "her own", 0.0)
    her_key, session = store.add_key("robot", "eve", 0.0), store.add_session("eve", 0.0)
    for _ in range(2):
        store, jobs = _started(environment, "eve")
        assert [job.id for job in jobs.history("eve", 9, "", None)] == ["j"]
        assert jobs.history("ann", 9, "", None) == []
        keys = [store.key(each, 1.0) for each in (key, her_key)]
        assert [(each.owner, each.name.split()[0]) for each in keys if each] == [("eve", "robot")] * 2
        assert store.list_keys("ann") == []
        assert store.login_facts("ann", "192.0.2.0", 0.0) == (None, False)
        assert (store.login_facts("eve", "n", 0.0)[0], store.session_user(session, 1.0)) == (None, None)


def _started(environment: Mapping[str, str], admin: str) -> tuple[AuthStore, JobStore]:
    login = {"WHISPER_ADMIN_USER": admin, "WHISPER_ADMIN_PASSWORD_HASH": HASH}
    settings = Settings.from_environment({**environment, **login})
    return accounts_of(settings), JobStore(connect(settings.database))
