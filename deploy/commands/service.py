"""python -m deploy service ACTION

plan ─▶ publish ─▶ prelaunch ─▶ submit ─▶ (review, about three working days) ─▶ launch ─▶ link
Every action looks at the service first: one that is done already is said to be done, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..catalog import CONFIG, ROOT
from ..computenest import ServiceVersion, Supplier
from ..computenest.documents import Page
from ..computenest.plan import PublishPlan, with_versions
from ..computenest.project import Project
from ..computenest.publication import find, look, publish, release_artifacts
from ..errors import Failure, Usage
from ..session import Session

# What to do next, by the status of the newest version.
_NEXT = {
    "Draft": "prelaunch",
    "Beta": "submit",
    "Submitted": "",
    "Approved": "launch",
    "Launching": "",
    "Online": "link",
    "Offline": "publish",
}
_DOCUMENTS = {"zh-CN": "docs/zh/customer.md", "en-US": "docs/en/customer.md"}


def service(session: Session) -> int:
    args = session.args
    actions: Mapping[str, Callable[[Session, Supplier, Project], int]] = {
        "plan": _plan, "publish": _publish, "prelaunch": _prelaunch, "submit": _submit, "launch": _launch,
        "withdraw": _withdraw, "versions": _versions, "status": _status, "link": _link, "share": _share,
        "documents": _documents, "delete": _delete,
    }  # fmt: skip
    project = Project(Path(args.config) if args.config else CONFIG)
    return actions[args.action](session, session.connect(args.site).supplier(), project)


def _plan(session: Session, supplier: Supplier, project: Project) -> int:
    plan, _ = look(supplier, project, session.args.service_id)
    return session.done({"plan": plan.shown()}, _plan_lines(plan))


def _publish(session: Session, supplier: Supplier, project: Project) -> int:
    if session.args.dry_run:
        return _plan(session, supplier, project)
    plan, service_id = publish(supplier, project, service_id=session.args.service_id, tell=session.tell,
                               pause=session.pause)  # fmt: skip
    said = {
        "create": "was created",
        "draft": "has a new draft",
        "update": "was updated",
        "nothing": "is as it should be",
    }
    return session.done({"service_id": service_id, "did": plan.target, "plan": plan.shown()},
                        [f"{service_id} {said[plan.target]}"])  # fmt: skip


def _prelaunch(session: Session, supplier: Supplier, project: Project) -> int:
    version = _having(session, supplier, project, "Draft", done=("Beta", "Submitted", "Approved"))
    return _step(session, version, "Draft", "Beta", lambda: supplier.prelaunch(version.id))


def _submit(session: Session, supplier: Supplier, project: Project) -> int:
    version = _having(session, supplier, project, "Beta", "Draft", done=("Submitted", "Approved"))

    def submit() -> None:
        current = supplier.service(version.id, version.version)
        released = release_artifacts(supplier, current, session.tell)
        fields: dict[str, Any] = {"DeployMetadata": dict(current.metadata["DeployMetadata"])}
        supplier.update(version.id, version.version, with_versions(fields, released))
        session.tell(f"registration {supplier.register(version.id)}")

    before = version.status if version.status in ("Beta", "Draft") else "Beta"
    return _step(session, version, before, "Submitted", submit)


def _launch(session: Session, supplier: Supplier, project: Project) -> int:
    version = _having(session, supplier, project, "Approved", "Launching", done=("Online",))
    if session.args.dry_run or version.status == "Online":
        return _step(session, version, "Approved", "Online", lambda: None)
    if version.status == "Approved":
        supplier.launch(version.id, version.version)
    while True:
        online = [v for v in find(supplier, project.name, version.id) if v.default]
        if online and online[0].status != "Launching":
            break
        session.pause()
    status = online[0].status
    if status != "Online":
        raise Failure(f"version {online[0].version}: {status}", f"see: {session.command('service', 'versions')}")
    data = {"service_id": version.id, "version": online[0].version, "status": status}
    return session.done(data, [f"{version.id} version {online[0].version} is online"])


def _withdraw(session: Session, supplier: Supplier, project: Project) -> int:
    version = _having(session, supplier, project, "Online", done=("Offline",))
    if version.status == "Online" and not session.args.dry_run:
        session.confirm(f"{version.name} {version.version} can no longer be deployed; instances that run stay")
    return _step(session, version, "Online", "Offline", lambda: supplier.withdraw(version.id, version.version))


def _versions(session: Session, supplier: Supplier, project: Project) -> int:
    versions = find(supplier, project.name, session.args.service_id)
    rows = [(v.version, v.status, v.label, v.updated, "default" if v.default else "") for v in versions]
    table = session.table(("VERSION", "STATUS", "NAME", "UPDATED", ""), rows) if rows else ()
    if not rows:
        session.tell(f"{project.name} is not published yet")
    return session.done({"versions": [asdict(version) for version in versions]}, table)


def _status(session: Session, supplier: Supplier, project: Project) -> int:
    versions = find(supplier, project.name, session.args.service_id)
    if not versions:
        follower = session.command("service", "publish")
        return session.done({"service_id": "", "status": "", "next": "publish"}, ["not published", f"next: {follower}"])
    version = versions[0]
    follow = _NEXT.get(version.status, "")
    lines = [f"{version.id}  {version.name}", f"version {version.version}  {version.status}"]
    lines.append(f"next: {session.command('service', follow)}" if follow else "next: wait")
    data = {"service_id": version.id, "version": version.version, "status": version.status, "next": follow}
    return session.done(data, lines)


def _link(session: Session, supplier: Supplier, project: Project) -> int:
    from ..computenest.links import links

    version = _any(session, supplier, project)
    found = links(version.id, version.name)
    rows = [(name, address) for name, address in found.items()]
    return session.done({"service_id": version.id, "links": found}, session.table(("SITE", "ADDRESS"), rows))


def _share(session: Session, supplier: Supplier, project: Project) -> int:
    args = session.args
    fields = {
        key: value for key, value in {"ShareType": args.share_type, "ApprovalType": args.approval}.items() if value
    }
    if not fields:
        raise Usage("missing: --share-type or --approval", "see: python -m deploy service --help", code="Missing")
    version = _any(session, supplier, project)
    if not args.dry_run:
        supplier.update(version.id, version.version, fields)
    told = [f"{version.id} {key}: {value}" for key, value in fields.items()]
    return session.done({"service_id": version.id, **fields}, _dry(session, told))


def _documents(session: Session, supplier: Supplier, project: Project) -> int:
    version = _having(session, supplier, project, "Draft", "Beta", done=())
    current = supplier.service(version.id, version.version)
    infos, told = [dict(info) for info in current.infos], []
    for info in infos:
        name = _DOCUMENTS.get(str(info.get("Locale")))
        if not name:
            continue
        page = Page(ROOT / name, session.args.docs_url)
        told.append(f"{info['Locale']}: {name}")
        if not session.args.dry_run:
            info["LongDescriptionUrl"] = page.upload(supplier, session.tell)
    if not session.args.dry_run:
        supplier.update(version.id, version.version, {"ServiceInfo": infos})
    return session.done({"service_id": version.id, "documents": told}, _dry(session, told))


def _delete(session: Session, supplier: Supplier, project: Project) -> int:
    version = _any(session, supplier, project)
    which = session.args.service_version
    what = f"version {which}" if which else "with all its versions"
    if session.args.dry_run:
        return session.done({"service_id": version.id, "version": which}, _dry(session, [f"{version.id} {what}"]))
    session.confirm(f"{version.name} is deleted, {what}; instances that customers run stay")
    supplier.delete(version.id, which)
    if session.args.local:
        from ..target import stop_if_idle

        stop_if_idle(session.state_dir)
    return session.done({"service_id": version.id, "version": which}, [f"{version.id} {what} is deleted"])


def _any(session: Session, supplier: Supplier, project: Project) -> ServiceVersion:
    versions = find(supplier, project.name, session.args.service_id)
    if not versions:
        raise Failure(f"{project.name} is not published yet", f"publish it: {session.command('service', 'publish')}",
                      code="NotPublished")  # fmt: skip
    return versions[0]


def _having(
    session: Session, supplier: Supplier, project: Project, *wanted: str, done: tuple[str, ...]
) -> ServiceVersion:
    """The version in one of the wanted states, or else one that is past them. Raises `Failure`."""
    _any(session, supplier, project)
    chosen = session.args.service_version
    versions = [v for v in find(supplier, project.name, session.args.service_id) if chosen in ("", v.version)]
    for states in (wanted, done):
        for version in versions:
            if version.status in states:
                return version
    there = ", ".join(f"{version.version}: {version.status}" for version in versions) or "none"
    raise Failure(f"no version is in {' or '.join(wanted)} ({there})", f"see: {session.command('service', 'status')}",
                  code="WrongState")  # fmt: skip


def _step(session: Session, version: ServiceVersion, before: str, after: str, act: Callable[[], None]) -> int:
    """One change of state, unless it is behind already."""
    data = {"service_id": version.id, "version": version.version, "status": after}
    if version.status != before:
        return session.done({**data, "status": version.status}, [f"{version.id} is {version.status} already"])
    if session.args.dry_run:
        return session.done({**data, "dry_run": True}, _dry(session, [f"{version.id} {before} -> {after}"]))
    act()
    return session.done(data, [f"{version.id}: {after}"])


def _plan_lines(plan: PublishPlan) -> list[str]:
    head = {
        "create": "a new service is created",
        "draft": f"{plan.service} gets a new draft",
        "update": f"{plan.service} version {plan.version} is changed",
        "nothing": f"{plan.service} is as config.yaml says",
    }
    changed = [change.line() for change in plan.changes]
    return [head[plan.target], *(f"artifact {key}" for key in plan.artifacts), *changed]


def _dry(session: Session, lines: list[str]) -> list[str]:
    return [*lines, "nothing was changed"] if session.args.dry_run else lines
