"""Compute Nest on the local target: the provider's side (supplier 2021-05-21), the customer's (2021-06-01), and the
object store to which files are uploaded.

supplier: services ─▶ draft ─▶ beta ─▶ review ─▶ online      artifacts ─▶ created ─▶ released     test cases ─▶ tasks
user:     service instances, each of which is a stack of the engine next door
objects:  PUT and GET with OSS's own signatures, by credentials that are good for one object
"""

from __future__ import annotations

from collections.abc import Mapping

from ..actions import Action
from ..engine import Engine
from .artifacts import ArtifactActions, has_image
from .cases import CaseActions
from .objects import BUCKET, Objects
from .services import Services
from .supplier import SupplierActions
from .tasks import TaskActions
from .user import UserActions

__all__ = ["BUCKET", "Objects", "has_work", "resume_tests", "services_of"]
SUPPLIER, USER = "2021-05-21", "2021-06-01"


def has_work(engine: Engine) -> bool:
    """Somebody's service or image is kept here, so the state must stay though no stack is left."""
    return bool(Services(engine.store).all()) or has_image(engine.store)


def services_of(engine: Engine, objects: Objects) -> Mapping[str, Mapping[str, Action]]:
    """Actions by version."""
    services = Services(engine.store)
    cases = CaseActions(engine.store, services, objects)
    return {
        SUPPLIER: {
            **SupplierActions(engine, services, objects).actions(),
            **ArtifactActions(engine.store, objects).actions(),
            **cases.actions(),
            **TaskActions(engine, cases).actions(),
        },
        USER: UserActions(engine, services, objects).actions(),
    }


def resume_tests(engine: Engine, objects: Objects) -> None:
    """Goes on with the test tasks that an earlier emulator had begun; after the engine has gone on."""
    TaskActions(engine, CaseActions(engine.store, Services(engine.store), objects)).resume()
