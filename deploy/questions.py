"""Gets the answers that `create` needs: from options, from standard input, or by asking on a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TypeVar

from . import formats, parameters, passwords, plan
from .errors import Usage
from .plan import LOCAL_CLIENTS, Choices, check_timeout, local_zone, model_or_default
from .secret import Secret
from .session import Session
from .stock import zone_in_stock

Answer = TypeVar("Answer")


AUTO = "auto"
# Where nothing is created, the plan's secrets stand for themselves.
_NO_PASSWORD = Secret("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


def choices(session: Session, template: str) -> tuple[Choices, Secret]:
    """The answers for a stack of `template`, and the software password itself, for showing it when it was generated.
    Raises `Usage` that names every missing option at once when nobody can be asked."""
    args, catalog = session.args, session.catalog
    name = formats.check_stack_name(args.name)
    user = formats.check_user(args.user)
    model = model_or_default(catalog, args.model, local=args.local)
    timeout = check_timeout(args.timeout)
    payment = plan.payment(args.pay, args.period, args.unit)
    network = plan.network(args.existing_vpc, args.existing_vswitch)
    cluster = _is_cluster(session)
    tags = plan.tags(args.tags)
    more = parameters.further(args.set, parameters.declared(template))
    if not session.interactive:
        _nothing_missing(session)
    spec = _answer(session, args.spec, _spec_question(session), catalog.find_spec)
    region = session.region
    zone, second_zone = local_zone(region), local_zone(region, "b")
    clients = LOCAL_CLIENTS
    if args.zone or not args.local:
        question = f"Zone (such as {zone}, or auto: one that has it in stock): "
        zone = _answer(
            session, args.zone, question, lambda text: text if text == AUTO else formats.check_zone(text, region)
        )
    if cluster and (args.second_zone or not args.local):
        given = args.second_zone or (AUTO if zone == AUTO else None)
        question = "Another zone, for the case that the first one is lost: "
        second_zone = _answer(
            session, given, question, lambda text: text if text == AUTO else formats.check_zone(text, region)
        )
    if zone == AUTO:
        zone = zone_in_stock(session, template, spec, payment)
    if second_zone == AUTO:
        second_zone = zone_in_stock(session, template, spec, payment, but=zone)
    if cluster and second_zone == zone:
        raise Usage(f"--second-zone {zone}: it is the first one", "give another zone of the region", code="Zone")
    if args.client_cidr or not args.local:
        question = "Who may connect (your public IPv4 address, or a range): "
        clients = _answer(session, args.client_cidr, question, formats.client_cidr)
    password = _software_password(session, user)
    instance_password = passwords.generate()
    if args.instance_password_stdin:
        instance_password = piped(session, "--instance-password-stdin")
        formats.check_instance_password(instance_password.reveal())
    return (
        Choices(
            name=name,
            region=region,
            zone=zone,
            spec=spec,
            model=model,
            user=user,
            password_hash=passwords.hashed(password) if password else _NO_PASSWORD,
            instance_password=instance_password,
            clients=clients,
            timeout_minutes=timeout,
            payment=payment,
            network=network,
            cluster=plan.Cluster(
                nodes=plan.check_nodes(2 if args.nodes is None else args.nodes, 2),
                second_zone=second_zone,
                certificate=args.certificate or "",
                database_password=passwords.for_database(),
            )
            if cluster
            else None,
            rollback=args.on_failure == "rollback",
            protected=args.protect,
            tags=tags,
            more=more,
        ),
        password or _NO_PASSWORD,
    )


def _is_cluster(session: Session) -> bool:
    """Raises `Usage` for options of the other topology."""
    args = session.args
    if args.topology == "cluster":
        if args.nodes is not None:
            plan.check_nodes(args.nodes, 2)
        if args.existing_vpc or args.existing_vswitch:
            raise Usage(
                "a cluster makes its own network", "leave out --existing-vpc and --existing-vswitch", code="Topology"
            )
        if args.pay != "postpaid":
            raise Usage("nodes of a cluster are paid by use", "leave out --pay prepaid", code="Topology")
        return True
    for option in ("nodes", "second_zone", "certificate"):
        if getattr(args, option) is not None:
            raise Usage(
                f"--{option.replace('_', '-')} is of a cluster",
                "add --topology cluster, or leave it out",
                code="Topology",
            )
    return False


def _nothing_missing(session: Session) -> None:
    """Judges what was given before it names what is missing: a wrong name is what somebody has just typed."""
    args = session.args
    if args.spec:
        session.catalog.find_spec(args.spec)
    if args.region:
        session.catalog.find_region(args.region)
    if args.client_cidr:
        formats.client_cidr(args.client_cidr)
    missing = [] if args.spec else ["--spec"]
    if not (args.password_stdin or args.generate_password or args.dry_run):
        missing.append("--password-stdin")
    if not args.local:
        if not (args.region or session.environ.get("ALIBABA_CLOUD_REGION_ID")):
            missing.append("--region")
        missing += [f"--{option}" for option in ("zone", "client-cidr") if not getattr(args, option.replace("-", "_"))]
    if missing:
        raise Usage(f"missing: {' '.join(missing)}", f"see: python -m deploy {session.verb} --help", code="Missing")


def _answer(session: Session, given: str | None, question: str, check: Callable[[str], Answer]) -> Answer:
    """Options fail at once; people may try again."""
    if given:
        return check(given)
    while True:
        try:
            return check(_ask(session, question))
        except Usage as wrong:
            session.tell(f"{wrong}")


def _ask(session: Session, question: str) -> str:
    session.stderr.write(session.say(question))
    session.stderr.flush()
    line = session.stdin.readline()
    if not line:
        raise Usage("standard input ended before all questions were answered", "give the options instead")
    return line.strip()


def _spec_question(session: Session) -> str:
    lines = [
        f"  {spec.id}  {spec.cpus} vCPU, {spec.memory} GiB, {spec.gpus} x {spec.gpu}" for spec in session.catalog.specs
    ]
    return "\n".join(["Instance type, or part of its name:", *lines, "> "])


def _software_password(session: Session, user: str) -> Secret | None:
    """None where none is needed: nothing is going to be created."""
    args = session.args
    if args.dry_run and not args.password_stdin:
        return None
    if args.generate_password:
        return passwords.generate()
    if args.password_stdin:
        password = piped(session, "--password-stdin")
        formats.check_software_password(password.reveal(), user)
        return password
    while True:
        first = Secret(getpass.getpass(f"Password for {user}: ", session.stderr))
        try:
            formats.check_software_password(first.reveal(), user)
        except Usage as weak:
            session.tell(f"{weak}")
            continue
        if first == Secret(getpass.getpass("Once more: ", session.stderr)):
            return first
        session.tell("the two are not the same; try again")


def piped(session: Session, option: str) -> Secret:
    """The next line of standard input, for `option`. Raises `Usage` when there is none."""
    line = session.stdin.readline().rstrip("\r\n")
    if not line:
        raise Usage(
            f"{option}: standard input is empty", "pipe the password in, followed by a newline", code="Password"
        )
    return Secret(line)
