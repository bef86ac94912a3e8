"""Whose login the deployment's is: the settings name it at every start, and may name it anew."""

from __future__ import annotations

from .auth.store import AuthStore
from .database import connect
from .settings import Settings


def accounts_of(settings: Settings) -> AuthStore:
    """The accounts, with the administrator whom the settings name. Where that is another name than before, it is the
    same person's: recordings and keys go over to it, so that somebody who is given the former name finds none of them.
    Blocking."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = connect(settings.database)
    store = AuthStore(database)
    for name in store.administrators_before(settings.admin_user):
        from .jobs.figures import Figures  # half a second, for which no login shall wait at other starts

        # Before the accounts are told: should this break off, it is done at the next start.
        Figures(database).hand_over(name, settings.admin_user)
    store.deployed(settings.admin_user, settings.admin_password_hash.reveal())
    return store
