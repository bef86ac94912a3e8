"""python -m deploy upgrade [NAME] --package FILE|URL [--sha256 SUM] | --back

package on the instance (fetched there, SHA-256 checked) ─▶ scripts/upgrade.sh ─▶ its last line: SUCCESS or FAILURE
The script keeps the old version until the new one passes the gate, and goes back to it by itself.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path
from typing import Any

from ..assistant import instances_of, run
from ..errors import Failure, Usage
from ..session import Session
from ..stacks import Stack

_SECONDS = 3600
_SCRIPT = """\
set -eu
root=${{WHISPER_ROOT:-}}
upgrade=$root/opt/whisper/current/scripts/upgrade.sh
[ -x "$upgrade" ] || {{ echo "FAILURE no_upgrade | 此版本没有升级脚本 | this version has no upgrade script"; exit 1; }}
{steps}
"""
_FETCH = """\
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curl -fsSL --proto =https,http --retry 5 --max-time 1800 -o "$work/package.tar.gz" -- {url} ||
    {{ echo "FAILURE fetch | 升级包无法下载 | the package could not be fetched"; exit 1; }}
"$upgrade" "$work/package.tar.gz" {sha256}
"""


def upgrade(session: Session) -> int:
    """Installs another version beside the one in use and switches to it if it works; jobs and logins stay. A cluster is
    upgraded node by node: each drains, is upgraded, passes its check and works again before the next one begins."""
    steps = _steps(session)
    stack = session.find(session.args.name)
    instances = instances_of(session, stack)
    warning = f"the app of {stack.name} {session.where} stands still for a moment while it switches"
    if len(instances) > 1:
        warning = f"the {len(instances)} nodes of {stack.name} {session.where} are upgraded one after another"
    session.confirm(warning)
    log: list[str] = []
    release = ""
    for number, instance in enumerate(instances):
        session.tell(f"upgrading {instance}; this takes minutes")
        left = f"{number} of {len(instances)} nodes are upgraded" if len(instances) > 1 else ""
        # When an earlier command stopped halfway the nodes have two versions: all come to the first one's.
        to = f" {shlex.quote(release)}" if release and session.args.back else ""
        said, release = _upgrade(session, stack, instance, steps + to, left)
        log += said
    data: dict[str, Any] = {"stack_id": stack.id, "instance_id": instances[0], "log": log, "release": release}
    lines = [*log, f"{stack.name} runs version {release}"]
    if len(instances) > 1:
        data["nodes"] = instances
        session.tell("nodes that join later have the version of the stack's image: give the stack that version's, too")
    return session.done(data, lines)


def _upgrade(session: Session, stack: Stack, instance: str, steps: str, left: str) -> tuple[list[str], str]:
    """What one instance said, and the version that it runs. Raises `Failure`; `left` tells how far a cluster came."""
    done = run(session, instance, _SCRIPT.format(steps=steps), name="whisper-upgrade", timeout=_SECONDS)
    *log, last = done.output.strip().splitlines() or [""]
    verdict, _, rest = last.partition(" ")
    if done.succeeded and verdict == "SUCCESS":
        return log, rest
    code, _, texts = rest.partition(" | ") if verdict == "FAILURE" else ("unknown", "", last)
    chinese, _, english = texts.rpartition(" | ")
    reason = english or f"exit code {done.exit_code}"
    if left and code == "same_version":  # from an earlier time; its text ends in the version
        return log, chinese.rpartition(" ")[2]
    if left:
        raise Failure(
            f"node {instance} was not upgraded, {left}: {reason} ({code})",
            f"mend the cause and type it again, or go back: {session.command('upgrade', stack.name, '--back')}",
            code="UpgradeFailed",
            details=tuple(log[-20:]),
        )
    raise Failure(
        f"{stack.name} was not upgraded: {reason} ({code})",
        f"see: {session.command('logs', stack.name, '--app')}",
        code="UpgradeFailed",
        details=tuple(log[-20:]),
    )


def _steps(session: Session) -> str:
    """What the instance is to do. Raises `Usage`."""
    args = session.args
    if args.back:
        return '"$upgrade" --back'
    if args.sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", args.sha256):
        raise Usage(f"--sha256 {args.sha256}: not a SHA-256", "give its 64 hexadecimal digits", code="Sha256")
    wanted = (args.sha256 or "").lower()
    if re.match(r"https?://", args.package):
        if not wanted:
            raise Usage("missing: --sha256", "the instance checks what it fetches", code="Missing")
        return _FETCH.format(url=shlex.quote(args.package), sha256=wanted)
    path = Path(args.package).absolute()
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Usage(f"--package {path}: cannot be read ({error.strerror})", "give a file or a URL") from None
    if wanted and wanted != found:
        raise Failure(f"{path}: its SHA-256 is {found}", "get the package again, or correct --sha256", code="Sha256")
    if not args.local:
        raise Usage(
            f"--package {args.package}: the instance cannot read a file of this machine",
            f"put it where the instance can fetch it, such as a signed OSS URL, and give that with --sha256 {found}",
            code="Package",
        )
    from ..target import keep_package

    return f'"$upgrade" {shlex.quote(str(keep_package(session.state_dir, path, found)))} {found}'
