"""python -m deploy specs"""

from __future__ import annotations

from dataclasses import asdict

from ..session import Session


def specs(session: Session) -> int:
    """The instance types of the catalog."""
    found = session.catalog.specs
    rows = [
        (spec.id, str(spec.cpus), str(spec.memory), f"{spec.gpus} x {spec.gpu}", str(spec.gpu_memory)) for spec in found
    ]
    lines = session.table(("SPEC", "vCPU", "GiB", "GPU", "GB PER GPU"), rows)
    return session.done({"specs": [asdict(spec) for spec in found]}, lines)
