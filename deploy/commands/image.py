"""python -m deploy image ACTION

build (Compute Nest runs config.yaml's build, or packer here) ─▶ verify ─▶ distribute ─▶ list ─▶ retire
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from ..catalog import CONFIG, ROOT
from ..computenest import DRAFT, Artifact, Supplier
from ..computenest.plan import differs
from ..computenest.project import Project
from ..computenest.publication import artifacts_of, make_artifact
from ..errors import Failure, Usage
from ..session import Session

_CLIP = ROOT / "service_app" / "assets" / "clips" / "demo-en.wav"


def image(session: Session) -> int:
    args = session.args
    if args.action == "build" and args.builder == "packer":
        return _packer(session)
    project = Project(Path(args.config) if args.config else CONFIG)
    keys = [key for key, wanted in project.artifacts.items() if wanted.get("ArtifactType") == "EcsImage"]
    if len(keys) != 1:
        raise Failure(f"config.yaml: Artifact: {len(keys)} are of type EcsImage", "name one", code="Config")
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
    made = _versions(supplier, project, key)[0]
    data = {**asdict(made), "built": key in stale}
    return session.done(data, [f"{_name(project, key)} {made.version}  {made.properties.get('ImageId', '')}"])


def _packer(session: Session) -> int:
    command = ["packer", "build", "."]
    if session.args.dry_run:
        return session.done({"command": command, "dry_run": True}, [f"in packer/: {' '.join(command)}"])
    try:
        done = subprocess.run(command, cwd=ROOT / "packer", stdout=session.stderr, check=False)
    except FileNotFoundError:
        raise Failure(
            "packer is not installed", "apt-get install packer, or --with computenest", code="Packer"
        ) from None
    if done.returncode:
        raise Failure(f"packer ended with {done.returncode}", "its output above tells why", code="Packer")
    return session.done({"built": True}, ["built"])


def _verify(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    """A stack of the image: the startup's own gate transcribes, then we do, from outside."""
    from ..cli import run as command

    args = session.args
    region = project.artifacts[key].get("ArtifactBuildProperty", {}).get("RegionId", args.site)
    image_id = args.image_id or str(_versions(supplier, project, key)[0].properties.get("ImageId", ""))
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
    words = ["create", "--spec", spec, "--name", name, "--generate-password", "--set", f"ImageId={image_id}", "--json"]

    def deploy(words: list[str], stdout: io.StringIO) -> int:
        return command([*words, *place], stdin=session.stdin, stdout=stdout, stderr=session.stderr,
                       environ=session.environ)  # fmt: skip

    try:
        code = deploy([*words, *network], out)
        reply = json.loads(out.getvalue())
        if code:
            raise Failure(f"image {image_id}: {reply['error']['message']}", reply["error"]["remedy"], code="ImageBad")
        text = _transcribed(reply["data"]["api_address"], reply["data"]["user"], reply["data"]["password"])
    finally:
        deploy(["delete", name, "--yes", "--json"], io.StringIO())
    return session.done({"image_id": image_id, "text": text}, [f"{image_id} transcribes: {text}"])


def _distribute(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    made = _versions(supplier, project, key)[0]
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
    versions = _versions(supplier, project, key, needed=False)
    rows = [(v.version, v.status, str(v.properties.get("ImageId", "")), ",".join(v.regions)) for v in versions]
    table = session.table(("VERSION", "STATUS", "IMAGE", "REGIONS"), rows) if rows else ()
    if not rows:
        session.tell(f"no image yet; build it: {session.command('image', 'build')}")
    return session.done({"versions": [asdict(version) for version in versions]}, table)


def _retire(session: Session, supplier: Supplier, project: Project, key: str) -> int:
    wanted = session.args.image_version
    versions = _versions(supplier, project, key)
    if not wanted or wanted not in {version.version for version in versions}:
        there = ", ".join(version.version for version in versions)
        raise Usage(f"--image-version {wanted or '?'}: no such version", f"choose one of {there}", code="Version")
    data = {"artifact_id": versions[0].id, "version": wanted}
    if session.args.dry_run:
        return session.done({**data, "dry_run": True}, [f"version {wanted} is deleted", "nothing was changed"])
    session.confirm(f"version {wanted} of the image is deleted; services that use it cannot be deployed any more")
    supplier.delete_artifact(versions[0].id, wanted)
    return session.done(data, [f"version {wanted} is deleted"])


def _versions(supplier: Supplier, project: Project, key: str, *, needed: bool = True) -> list[Artifact]:
    """Draft first, then the newest."""
    found = artifacts_of(supplier, project)[key]
    if found is None and needed:
        raise Failure("the image was never built", "python -m deploy image build", code="NoImage")
    versions = supplier.artifact_versions(found.id) if found else []
    return sorted(versions, key=lambda v: (v.version != DRAFT, -int(v.version) if v.version.isdigit() else 0))


def _name(project: Project, key: str) -> str:
    return str(project.artifacts[key]["ArtifactName"])


def _transcribed(api: str, user: str, password: str) -> str:
    """What the API makes of the bundled clip. Raises `Failure`."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
    body = head.encode() + _CLIP.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": f"multipart/form-data; boundary={mark}"}
    request = urllib.request.Request(f"{api}/audio/transcriptions", body, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 # the stack's own address
            text = str(json.load(answer).get("text", "")).strip()
    except (OSError, ValueError) as error:
        raise Failure(
            f"{api} does not transcribe ({error})", "python -m deploy logs tells more", code="ImageBad"
        ) from None
    if not text:
        raise Failure("the image transcribes nothing", "look at the app's log", code="ImageBad")
    return text
