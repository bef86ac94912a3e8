"""python -m deploy logs [NAME] [--app | --script] [--node ID] [--lines N]"""

from __future__ import annotations

from typing import Any

from ..assistant import instances_of, run
from ..errors import Failure, Usage
from ..session import Session

_MOST = 10_000
_SECONDS = 60
# Cloud Assistant keeps the last 24 KB of what a command prints. Secrets are cut out on the instance.
_SCRIPT = """\
#!/bin/bash
set -u
root=${{WHISPER_ROOT:-}}
log=$root/var/log/whisper/{log}.log
[ -f "$log" ] || {{ echo "no $log yet"; exit 44; }}
. "$root/opt/whisper/current/scripts/lib.sh"
tail -n {lines} "$log" | without_secrets
"""
_NO_LOG = 44


def logs(session: Session) -> int:
    """The end of a log on the instance, the app's or the startup script's; on a cluster of each node."""
    args = session.args
    if not 1 <= args.lines <= _MOST:
        raise Usage(f"--lines {args.lines}: not possible", f"give 1 to {_MOST}", code="Lines")
    stack = session.find(args.name)
    instances = instances_of(session, stack)
    if args.node:
        if args.node not in instances:
            raise Usage(
                f"--node {args.node}: {stack.name} has no such node",
                f"choose one of {', '.join(instances)}",
                code="Node",
            )
        instances = [args.node]
    if len(instances) == 1:
        found = _read(session, instances[0])
        return session.done(found, found["lines"])
    nodes = [_read(session, instance) for instance in instances]
    lines = [line for node in nodes for line in (f"== {node['instance_id']} ==", *node["lines"])]
    return session.done({"log": args.log, "nodes": nodes}, lines)


def _read(session: Session, instance: str) -> dict[str, Any]:
    """The end of one instance's log. Raises `Failure`."""
    args = session.args
    script = _SCRIPT.format(log=args.log, lines=args.lines)
    done = run(session, instance, script, name="whisper-logs", timeout=_SECONDS)
    if done.exit_code == _NO_LOG:
        raise Failure(
            f"{done.output.strip()} on {instance}",
            "look at the other one: --script" if args.log == "app" else "wait until the instance has booted",
            code="NoLog",
        )
    if not done.succeeded:
        said = done.output.strip().splitlines()
        raise Failure(
            f"the log of {instance} cannot be read (exit code {done.exit_code})", code="NoLog", details=tuple(said[-5:])
        )
    if done.dropped:
        session.tell(f"{done.dropped} bytes before these were dropped: Cloud Assistant carries 24 KB")
    lines = done.output.splitlines()
    return {"instance_id": instance, "log": args.log, "dropped": done.dropped, "lines": lines}
