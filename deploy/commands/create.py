"""python -m deploy create

answers (options, standard input, questions) ─▶ template ─▶ plan ─▶ creation ─▶ login address
Nothing is sent before everything is known to be right, and the software password is hashed before anything is sent.
"""

from __future__ import annotations

import uuid
from typing import Any

from .. import templates
from ..creation import begin, check_free, take_up, wait
from ..errors import Failure, Usage
from ..outcome import plan_lines, stack_data
from ..plan import stack_plan
from ..questions import choices
from ..secret import Secret
from ..session import Session
from ..stacks import Stack
from ..target import SYSTEMD, make_image, missing_for_systemd


def create(session: Session) -> int:
    """Deploys Whisper; the last line that it prints is the login address."""
    if session.args.via == "computenest":
        from ..computenest import deployment

        return deployment.create(session)
    if session.args.resume:
        return _resume(session)
    return _create(session, uuid.uuid4().hex)


def _create(session: Session, client_token: str) -> int:
    template = templates.of(session.args.topology)
    systemd = session.args.instance == SYSTEMD
    if systemd:
        _require_systemd(session)
    chosen, password = choices(session, template)
    plan = stack_plan(chosen, template=template, client_token=client_token)
    if session.args.dry_run:
        return session.done({"plan": plan.shown()}, plan_lines(session, plan))
    check_free(session, plan.name)
    if systemd:
        make_image(session.state_dir, session.tell)
    shown = password if session.args.generate_password else None
    if shown and not session.json:
        # Before anything is sent, or it is lost to somebody whose terminal closes before the end.
        session.tell(f"password of {chosen.user}: {shown.reveal()}  (only its hash is kept)")
    stack_id = begin(session, plan, chosen)
    stack = Stack(stack_id, plan.name, "CREATE_IN_PROGRESS", "", plan.region, "")
    if not session.args.wait:
        return _begun(session, stack, chosen.user, shown)
    return _ready(session, wait(session, stack), chosen.user, shown)


def _require_systemd(session: Session) -> None:
    """Raises `Usage` or `Failure` that says what is missing; the image that boots becomes the stack's."""
    args = session.args
    if not args.local:
        raise Usage("--instance systemd: of the local target only", "add --local", code="Instance")
    if args.topology == "cluster":
        raise Usage("--instance systemd: of one instance only", "leave it out, or --topology", code="Instance")
    why, remedy = missing_for_systemd()
    if why:
        raise Failure(why, remedy, code="InstanceNotPossible")
    args.set = [*args.set, f"ImageId={SYSTEMD}"]


def _resume(session: Session) -> int:
    found = take_up(session, session.args.resume)
    if isinstance(found, Stack):
        return _ready(session, found, found.parameters.get("SoftwareUserName", ""), None)
    session.tell(f"{found.name} was never begun; asking for it again")
    for option, value in found.answers.items():
        setattr(session.args, option, value)
    return _create(session, found.client_token)


def _begun(session: Session, stack: Stack, user: str, shown: Secret | None) -> int:
    data = {"stack_id": stack.id, "name": stack.name, "status": stack.status}
    if shown:
        data |= {"user": user, "password": shown.reveal()}  # no later reply has it
    follower = session.command("create", "--resume", stack.name)
    return session.done({**data, "login_address": "", "api_address": "", "outputs": {}}, [stack.id, follower])


def _ready(session: Session, stack: Stack, user: str, shown: Secret | None) -> int:
    data: dict[str, Any] = {**stack_data(stack), "user": user}
    lines = [f"{stack.name} is ready", f"API address    {stack.api_address}", f"user           {user}"]
    if shown:
        # The one secret that a reply holds: there is no other way to learn it.
        data["password"] = shown.reveal()
        lines.append(f"password       {shown.reveal()}  (shown once: only its hash is kept)")
    return session.done(data, [*lines, f"login address  {stack.login_address}"])
