"""python -m deploy image ACTION

build (Compute Nest as config.yaml says, or OOS, or packer) ─▶ verify ─▶ distribute ─▶ list ─▶ retire
"""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from ..catalog import CONFIG, ROOT
from ..computenest import DRAFT, Artifact, Supplier
from ..computenest.builder import as_file, built, settings
from ..computenest.plan import differs
from ..computenest.project import Project
from ..computenest.publication import artifacts_of, make_artifact
from ..computenest.trial import transcribed
from ..errors import Failure, Usage
from ..secret import Secret
from ..session import Session
from ..templates import FOLDER as TEMPLATES
from ..templates import SINGLE


def image(session: Session) -> int:
    args = session.args
    if args.action == "build" and args.builder == "packer":
        return _packer(session)
    project = Project(Path(args.config) if args.config else CONFIG)
    keys = [key for key, wanted in project.artifacts.items() if wanted.get("ArtifactType") == "EcsImage"]
    if len(keys) != 1:
        raise Failure(f"config.yaml: Artifact: {len(keys)} are of type EcsImage", "name one", code="Config")
    if args.action == "build" and args.builder == "imagebuilder":
        return _imagebuilder(session, project, keys[0])
    actions: Mapping[str, Callable[[Session, Supplier, Project, str], int]] = {
        "build": _build, "verify": _verify, "distribute": _distribute, "list": _list, "retire": _retire,
    }  # fmt: skip
    return actions[args.action](session, session.connect(args.site).supplier(), project, keys[0])


def _build(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    found = artifacts_of(supplier, project)
    # The build fetches the package, so that comes first.
    stale = [name for name in project.artifacts if differs(project, name, found[name], supplier.fetch)]
    stale.sort(key=lambda name: name == key)
    if session.args.dry_run:
        told = [f"to be made: {project.artifacts[name]['ArtifactName']}" for name in stale] or ["nothing is to be made"]
        return session.done({"artifacts": stale, "dry_run": True}, [*told, "nothing was changed"])
    for name in stale:
        make_artifact(supplier, project, name, found[name], tell=session.tell, pause=session.pause)
    made = _versions(session, supplier, project, key)[0]
    data = {**asdict(made), "built": key in stale}
    return session.done(data, [f"{_name(project, key)} {made.version}  {made.properties.get('ImageId', '')}"])


def _imagebuilder(session: Session, project: Project, key: str) -> int:
    """By OOS. `--dry-run` prints what `computenest-cli build-image --file-path` takes."""
    args = session.args
    supplier = session.connect(args.site).supplier()
    found = artifacts_of(supplier, project)
    names = {project.artifacts[name]["ArtifactName"]: name for name in project.artifacts if name != key}

    def address(name: str) -> str:
        """Of an artifact's file, which is uploaded first where that is to be done."""
        if name not in names:
            raise Failure(f"config.yaml: Artifact: none is named {name}", "correct the build's commands", code="Config")
        place = names[name]
        if differs(project, place, found[place], supplier.fetch):
            if args.dry_run:
                return f"(the address of {name} once it is uploaded)"
            make_artifact(supplier, project, place, found[place], tell=session.tell, pause=session.pause)
            found.update(artifacts_of(supplier, project))
        made = found[place]
        return str(made.properties.get("Url", "")) if made else ""

    spec = session.catalog.find_spec(args.spec) if args.spec else session.catalog.specs[0]
    wanted = settings(project, key, spec.id, address)
    if args.dry_run:
        return session.done({"image_builder": wanted, "dry_run": True}, [as_file(wanted)])
    account = session.connect(wanted["RegionId"])
    template = (TEMPLATES / SINGLE).read_text(encoding="utf-8")
    zones = [args.zone] if args.zone else account.ros().allowed(template, {"InstanceType": spec.id}, "ZoneId")
    if not zones:
        raise Failure(f"{spec.id} is out of stock in {wanted['RegionId']}", "choose another --spec", code="OutOfStock")
    image_id = built(account.oos(), wanted, zones[0], tell=session.tell, pause=session.pause)
    place = f"ArtifactProperty: {{RegionId: {wanted['RegionId']}, ImageId: {image_id}}}"
    session.tell(
        f"to use it, in config.yaml, Artifact/{key}: {place} instead of ArtifactBuildType, ArtifactBuildProperty"
    )
    return session.done({"image_id": image_id, "region": wanted["RegionId"]}, [image_id])


def _packer(session: Session) -> int:
    """`packer init`, then `packer build`, in packer/."""
    given = {text.partition("=")[0]: text.partition("=")[2] for text in session.args.var}
    wrong = [text for text in session.args.var if "=" not in text]
    if wrong:
        raise Usage(f"--var {wrong[0]}: not KEY=VALUE", "write it like region=cn-shanghai", code="Variable")
    variables = [word for name, value in given.items() for word in ("-var", f"{name}={value}")]
    commands = [["packer", "init", "."], ["packer", "build", *variables, "."]]
    if session.args.dry_run:
        lines = [f"in packer/: {shlex.join(command)}" for command in commands]
        return session.done({"commands": commands, "dry_run": True}, [*lines, "nothing was changed"])
    for command in commands:
        try:
            done = subprocess.run(command, cwd=ROOT / "packer", env=session.environ, stdout=session.stderr, check=False)
        except FileNotFoundError:
            raise Failure("packer is not installed", "install packer 1.7 or newer, or build --with computenest",
                          code="Packer") from None  # fmt: skip
        if done.returncode:
            told = f"{' '.join(command[:2])} ended with {done.returncode}"
            old = "it takes packer 1.7 or newer" if command[1] == "init" else "its output above tells why"
            raise Failure(told, old, code="Packer")
    return session.done({"built": True}, ["built"])


def _verify(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    """A stack of the image: the startup's own gate transcribes, then we do, from outside."""
    from ..cli import run as command

    args = session.args
    region = project.artifacts[key].get("ArtifactBuildProperty", {}).get("RegionId", args.site)
    image_id = args.image_id or str(_versions(session, supplier, project, key)[0].properties.get("ImageId", ""))
    name = f"image-check-{uuid.uuid4().hex[:8]}"
    if args.dry_run:
        return session.done({"image_id": image_id, "dry_run": True}, [f"{image_id} is deployed, tried and removed"])
    if not args.local and not args.client_cidr:
        raise Usage(
            "missing: --client-cidr", "the address from which this machine reaches the instance", code="Missing"
        )
    place = ["--local", "--state-dir", str(session.state_dir)] if args.local else ["--region", region]
    place += ["--profile", args.profile] if args.profile else []
    network = [] if args.local else ["--client-cidr", args.client_cidr, "--zone", args.zone or "auto"]
    spec = args.spec or session.catalog.specs[0].id
    out = io.StringIO()
    # On this machine an image's id stands for this checkout; booted, it is the image that scripts/install.sh bakes.
    image = ["--instance", args.instance] if args.instance != "process" else ["--set", f"ImageId={image_id}"]
    words = ["create", "--spec", spec, "--name", name, "--generate-password", *image, "--json"]

    def deploy(words: list[str], stdout: io.StringIO) -> int:
        return command([*words, *place], stdin=session.stdin, stdout=stdout, stderr=session.stderr,
                       environ=session.environ)  # fmt: skip

    try:
        code = deploy([*words, *network], out)
        reply = json.loads(out.getvalue())
        if code:
            raise Failure(f"image {image_id}: {reply['error']['message']}", reply["error"]["remedy"], code="ImageBad")
        made = reply["data"]
        text = transcribed(made["api_address"], made["user"], Secret(made["password"]), _fingerprint(made["outputs"]))
    finally:
        deploy(["delete", name, "--yes", "--json"], io.StringIO())
    return session.done({"image_id": image_id, "text": text}, [f"{image_id} transcribes: {text}"])


def _fingerprint(outputs: Mapping[str, str]) -> str:
    return outputs.get("CertificateFingerprint", "") if outputs.get("Certificate") == "self-signed" else ""


def _distribute(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    made = _versions(session, supplier, project, key)[0]
    wanted = session.args.regions or list(project.artifacts[key].get("SupportRegionIds", []))
    for region in wanted:
        session.catalog.find_region(region)
    missing = sorted(set(wanted) - set(made.regions))
    data = {"artifact_id": made.id, "regions": wanted, "added": missing}
    if not missing:
        return session.done(data, [f"{_name(project, key)} is in {', '.join(wanted)} already"])
    if not session.args.dry_run:
        fields = {**project.artifacts[key], "SupportRegionIds": sorted({*made.regions, *wanted})}
        supplier.make_artifact(fields, made.id, draft=made.version == DRAFT)
    return session.done(data, [f"{_name(project, key)} is copied to {', '.join(missing)}"])


def _list(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    versions = _versions(session, supplier, project, key, needed=False)
    rows = [(v.version, v.status, str(v.properties.get("ImageId", "")), ",".join(v.regions)) for v in versions]
    table = session.table(("VERSION", "STATUS", "IMAGE", "REGIONS"), rows) if rows else ()
    if not rows:
        session.tell(f"no image yet; build it: {session.command('image', 'build')}")
    return session.done({"versions": [asdict(version) for version in versions]}, table)


def _retire(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    wanted = session.args.image_version
    versions = _versions(session, supplier, project, key)
    if not wanted or wanted not in {version.version for version in versions}:
        there = ", ".join(version.version for version in versions)
        raise Usage(f"--image-version {wanted or '?'}: no such version", f"choose one of {there}", code="Version")
    data = {"artifact_id": versions[0].id, "version": wanted}
    if session.args.dry_run:
        return session.done({**data, "dry_run": True}, [f"version {wanted} is deleted", "nothing was changed"])
    session.confirm(f"version {wanted} of the image is deleted; services that use it cannot be deployed any more")
    supplier.delete_artifact(versions[0].id, wanted)
    if session.args.local:
        from ..target import stop_if_idle

        stop_if_idle(session.state_dir)
    return session.done(data, [f"version {wanted} is deleted"])


def _versions(
    session: Session, supplier: Supplier, project: Project, key: str, *, needed: bool = True
) -> list[Artifact]:
    """Draft first, then the newest."""
    found = artifacts_of(supplier, project)[key]
    if found is None and needed:
        raise Failure("the image was never built", f"build it: {session.command('image', 'build')}", code="NoImage")
    versions = supplier.artifact_versions(found.id) if found else []
    return sorted(versions, key=lambda v: (v.version != DRAFT, -int(v.version) if v.version.isdigit() else 0))


def _name(project: Project, key: str) -> str:
    return str(project.artifacts[key]["ArtifactName"])
