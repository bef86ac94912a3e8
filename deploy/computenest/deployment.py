"""The customer's side by program: create, list, status and delete with --via computenest.

service ─▶ its template and package ─▶ parameters ─▶ CreateServiceInstance ─▶ Created, Deploying, Deployed (已部署)
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import plan, templates
from ..catalog import CONFIG
from ..errors import Failure, Interrupted, Usage
from ..questions import choices
from ..secret import Secret
from ..session import Session
from ..stacks import StackPlan
from . import Customer, Instance, InstancePlan, Service

_GONE = ("Deleted", "")


def create(session: Session) -> int:
    """Deploys from a service; the last line that it prints is the login address."""
    args = session.args
    if not args.service_id:
        raise Usage("missing: --service-id", "python -m deploy service link shows it", code="Missing")
    customer = _customer(session)
    service = customer.service(args.service_id, args.service_version)
    template, package, fixed = _chosen(service, args.template, args.package)
    if "InstanceType" in fixed and not args.spec:
        args.spec = str(fixed["InstanceType"])
    if not (package or args.spec or session.interactive):
        there = [p["Name"] for p in template.get("PredefinedParameters", [])]
        raise Usage("missing: --package, or --spec", f"choose one of {', '.join(there)}", code="Missing")
    args.topology = _topology(template["Name"])
    if "Nodes" in fixed and args.nodes is None:
        args.nodes = int(fixed["Nodes"])
    chosen, password = choices(session, templates.of(args.topology))
    asked = plan.stack_plan(chosen, template="", client_token=uuid.uuid4().hex)
    wanted = InstancePlan(
        service=args.service_id,
        version=args.service_version,
        template=template["Name"],
        package=package,
        name=args.name,
        parameters={"RegionId": asked.region, **_offered(asked, template)},
        client_token=asked.client_token,
    )
    if args.dry_run:
        return session.done({"plan": _shown(wanted)}, [*session.pairs(_shown(wanted)), "nothing was sent"])
    if _named(customer, args.name):
        raise Failure(f"a service instance is named {args.name} already", "choose another --name", code="NameTaken")
    shown = password if args.generate_password else None
    if shown and not session.json:
        # Before anything is sent, or it is lost to somebody whose terminal closes before the end.
        session.tell(f"password of {chosen.user}: {shown.reveal()}  (only its hash is kept)")
    instance_id = customer.create(wanted)
    instance = Instance(instance_id, args.name, "Created", "", "")
    if args.wait:
        instance = _follow(session, customer, instance_id, "deployed")
        if instance.status != "Deployed":
            raise Failure(
                f"service instance {instance.name} failed ({instance.status}): {instance.reason or 'no reason given'}",
                f"remove it: {_command(session, 'delete', instance.name)}", code="DeployFailed",
            )  # fmt: skip
    data = {**_data(instance), "user": chosen.user, **({"password": shown.reveal()} if shown else {})}
    lines = [
        f"{instance.name} is {instance.status}",
        f"service instance {instance.id}",
        f"user           {chosen.user}",
    ]
    if shown:
        lines.append(f"password       {shown.reveal()}  (shown once: only its hash is kept)")
    return session.done(data, [*lines, f"login address  {instance.login_address}"])


def list(session: Session) -> int:  # noqa: A001 # a command's function has the command's name
    """All service instances, newest first."""
    instances = _customer(session).instances()
    if not instances:
        session.tell("no service instances")
    rows = [(i.name, i.status, i.created, i.id) for i in instances]
    table = session.table(("NAME", "STATUS", "CREATED", "ID"), rows) if rows else ()
    return session.done({"instances": [_data(instance) for instance in instances]}, table)


def status(session: Session) -> int:
    instance = _find(session, _customer(session))
    lines = [f"{instance.name}  {instance.status}" + (f"  {instance.reason}" if instance.reason else "")]
    if instance.login_address:
        lines.append(f"login address  {instance.login_address}")
    return session.done(_data(instance), lines)


def delete(session: Session) -> int:
    """Removes a service instance and everything in it, recordings included."""
    customer = _customer(session)
    instance = _find(session, customer)
    session.confirm(f"{instance.name} is deleted; all recordings and texts in it will be gone for good",
                    word=instance.name)  # fmt: skip
    customer.delete(instance.id)
    last = _follow(session, customer, instance.id, "deleted") if session.args.wait else instance
    if session.args.wait and last.status not in _GONE:
        raise Failure(f"{instance.name} could not be deleted: {last.reason or last.status}", "try again",
                      code="DeleteFailed")  # fmt: skip
    return session.done(_data(last), [f"{instance.name} is deleted"])


def _customer(session: Session) -> Customer:
    """Compute Nest's own place is its site; --region is where the resources go."""
    return session.connect(session.args.site).customer()


def _chosen(service: Service, template: str, package: str) -> tuple[Mapping[str, Any], str, Mapping[str, Any]]:
    """The template and the package that begin with the texts, and the parameters that the package fixes. Without
    texts the service's first template, and no package. Raises `Usage`."""
    configs = service.metadata.get("DeployMetadata", {}).get("TemplateConfigs", [])
    found = [config for config in configs if config["Name"].startswith(template)]
    if not found:
        names = ", ".join(config["Name"] for config in configs)
        raise Usage(f"--template {template}: no such template", f"choose one of {names}", code="Template")
    if not package:
        return found[0], "", {}
    offered = [(config, each) for config in found for each in config.get("PredefinedParameters", [])]
    matches = [pair for pair in offered if pair[1]["Name"] == package]
    matches = matches or [pair for pair in offered if pair[1]["Name"].startswith(package)]
    if len(matches) != 1:
        names = ", ".join(each["Name"] for _, each in offered)
        raise Usage(f"--package {package}: no such package", f"choose one of {names}", code="Package")
    config, each = matches[0]
    return config, each["Name"], each.get("Parameters", {})


def _topology(template: str) -> str:
    """Of our template that the service calls so. Raises `Failure`."""
    import yaml

    ours = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["Service"]["DeployMetadata"]["TemplateConfigs"]
    for config in ours:
        if config["Name"] == template:
            return Path(config["Url"]).stem
    raise Failure(f"the service's template {template} is not one of config.yaml", "deploy it in the console",
                  code="Template")  # fmt: skip


def _offered(asked: StackPlan, template: Mapping[str, Any]) -> dict[str, str | Secret]:
    hidden = set(template.get("HiddenParameterKeys", []))
    return {key: value for key, value in asked.parameters.items() if key not in hidden}


def _named(customer: Customer, name: str) -> Instance | None:
    return next((instance for instance in customer.instances() if name in (instance.name, instance.id)), None)


def _find(session: Session, customer: Customer) -> Instance:
    found = _named(customer, session.args.name)
    if found is None:
        raise Failure(f"no service instance is named {session.args.name}", f"see: {_command(session, 'list')}",
                      code="InstanceNotFound")  # fmt: skip
    return customer.instance(found.id)


def _follow(session: Session, customer: Customer, instance_id: str, until: str) -> Instance:
    """Tells each state once; returns the instance when nothing more happens."""
    try:
        last = Instance(instance_id, "", "", "", "")
        for last in _states(session, customer, instance_id, until):
            session.tell(f"{last.name}  {last.status}")
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; service instance {instance_id} goes on", f"see: {_command(session, 'status', instance_id)}"
        ) from None
    return last


def _states(session: Session, customer: Customer, instance_id: str, until: str) -> Iterator[Instance]:
    seen = ""
    while True:
        instance = customer.instance(instance_id)
        if instance.status != seen:
            seen = instance.status
            yield instance
        if not instance.busy and (until == "deployed" or seen != "Deployed"):
            return
        session.pause()


def _data(instance: Instance) -> dict[str, Any]:
    return {
        "service_instance_id": instance.id,
        "name": instance.name,
        "status": instance.status,
        "created": instance.created,
        "login_address": instance.login_address,
        "outputs": dict(instance.outputs),
    }


def _shown(wanted: InstancePlan) -> dict[str, Any]:
    from ..secret import masked

    parameters = masked(dict(wanted.parameters))
    return {"service": wanted.service, "template": wanted.template, "package": wanted.package, "name": wanted.name,
            "parameters": parameters}  # fmt: skip


def _command(session: Session, *words: str) -> str:
    return session.command(*words, "--via", "computenest")
