"""What a fleet asks of everything beside its GPUs, and which of it gives way first."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Outcome, Service

# Processor seconds of PostgreSQL 15, by `python -m benchmarks.fleet --measure` (2026-11-25, Xeon with AVX-512).
SAVE = 1.0e-3  # a window's text, its claim and the job's progress, in one transaction
CLAIM = 1.3e-3  # some windows of a job, this node's share of them
READ = 0.5e-3  # the smallest question
LOOK = 0.5e-3  # the list of jobs with free windows …
LOOK_JOB = 0.6e-6  # … and for each of them
# service_app/jobs: how often a node asks, how many jobs it runs at once.
POLLS = 1.0 * 3  # a second: the queue of jobs (every second, three statements)
LOOKS = 1.0  # a second without news; one more for every window that ends
CLAIMED_AT_ONCE = 8
SLOTS = 32
# Alibaba Cloud, "Limits" of Apsara File Storage NAS, general-purpose file systems outside the mainland, 2024-03-22.
NAS_READ, NAS_WRITE, NAS_MOUNTS = 10e9, 1e9, 1000  # bytes a second, nodes
# A second of audio as it is uploaded (MP3, 128 kbit/s) and as the engine reads it (16 kHz, 16 bit).
UPLOADED, SAMPLES = 16_000, 32_000
NODE_CORES = 16  # of gn7i-c16g1.4xlarge, one GPU each
DATABASE_CORES = 16  # of the database, of which half is used in earnest


@dataclass(frozen=True)
class Need:
    """`share` is what is needed of what there is: above 1 it does not go."""

    what: str
    needed: str
    share: float


def posted(seen: Outcome) -> float:
    """Jobs on the board at its longest: a node posts the windows of those that it runs, the others are queued."""
    return min(seen.open_jobs, SLOTS * seen.devices)


def needs(seen: Outcome, service: Service, board: float = 0.0) -> list[Need]:
    """While all devices are busy, with the longest board that was seen, or `board` jobs where that is more. One GPU a
    node."""
    nodes = seen.devices
    audio = nodes * service.realtime
    windows = audio / service.window_seconds
    waiting = max(board, posted(seen))
    saving = windows * (SAVE + CLAIM / CLAIMED_AT_ONCE)
    looking = (nodes * LOOKS + windows) * (2 * READ + LOOK + LOOK_JOB * waiting)
    polling = nodes * POLLS * READ
    half = DATABASE_CORES / 2
    written, read = audio * (UPLOADED + SAMPLES), audio * (UPLOADED + SAMPLES)
    return [
        Need("database: saving windows", f"{saving:.2f} cores ({windows:.0f} a second)", saving / half),
        Need("database: looking for windows", f"{looking:.2f} cores ({waiting:.0f} jobs)", looking / half),
        Need("database: polls of idle nodes", f"{polling:.2f} cores", polling / half),
        Need("media: written", f"{written / 1e6:.0f} MB/s", written / NAS_WRITE),
        Need("media: read", f"{read / 1e6:.0f} MB/s", read / NAS_READ),
        Need("media: mounts", f"{nodes}", nodes / NAS_MOUNTS),
        Need("a node: reading recordings", f"{service.realtime / service.reading:.2f} cores",
             service.realtime / service.reading / NODE_CORES),
    ]  # fmt: skip
