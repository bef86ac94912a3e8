"""python -m deploy local serve|list|stop: the emulated cloud on this machine."""

from __future__ import annotations

from pathlib import Path

from ..errors import Failure, Usage
from ..session import Session


def local(session: Session) -> int:
    """`serve` runs it in the foreground, `list` says where it answers, `stop` ends it; stacks and their apps stay."""
    return {"serve": _serve, "list": _list, "stop": _stop}[session.args.action](session)


def _serve(session: Session) -> int:
    from ..local.__main__ import main
    from ..local.faults import FaultFileError, read_faults
    from ..target import prepare_image

    if not 0 <= session.args.port <= 65535:
        raise Usage(f"--port {session.args.port}: should be 0 to 65535", "leave it out to have a free one", code="Port")
    faults = []
    if session.args.faults:
        try:
            read_faults(Path(session.args.faults))
        except FaultFileError as error:
            message, _, remedy = str(error).partition("; ")
            raise Usage(message, remedy) from None
        faults = ["--faults", session.args.faults]
    prepare_image(session.state_dir)
    return main(["serve", "--state", str(session.state_dir), "--port", str(session.args.port), *faults])


def _list(session: Session) -> int:
    from ..target import local_endpoint

    try:
        endpoint = local_endpoint(session.state_dir, start=False)
    except Failure:
        session.tell(f"no local target runs for {session.state_dir}")
        return session.done({"running": False, "state_dir": str(session.state_dir)})
    data = {"running": True, "state_dir": str(session.state_dir), "endpoint": endpoint.host}
    return session.done(data, [f"http://{endpoint.host}  state in {session.state_dir}"])


def _stop(session: Session) -> int:
    from ..target import stop

    stopped = stop(session.state_dir)
    text = (
        "the local target is stopped; `local serve` brings its stacks back"
        if stopped
        else "no local target was running"
    )
    return session.done({"stopped": stopped, "state_dir": str(session.state_dir)}, [text])
