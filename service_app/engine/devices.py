"""Which devices there are, without loading any library: one worker for each GPU, or a few for the processor's cores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import Unavailable

MAX_CPU_WORKERS = 8  # each holds its own copy of the weights
# What CTranslate2's build for AVX-512 needs (OpenNMT/CTranslate2, CMakeLists.txt).
AVX512 = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"})


@dataclass(frozen=True, slots=True)
class Device:
    name: str  # "cpu:0", "cuda:1"
    kind: str  # "cpu" or "cuda"
    threads: int
    neighbours: int  # workers that share its memory, this one among them
    environment: Mapping[str, str]  # of the worker process


def find(
    device: str,
    workers: int | None,
    *,
    cores: int | None = None,
    dev: Path = Path("/dev"),
    cpuinfo: Path = Path("/proc/cpuinfo"),
) -> tuple[Device, ...]:
    """The devices for "auto", "cpu", "cuda" (all GPUs) or "cuda:0,2". Raises Unavailable (`no_gpu`) if there is none.

    Two one-thread workers decode faster than one of two threads; small models gain little from threads. A GPU gains
    from batches, not from workers.
    """
    kind, _, wanted = device.partition(":")
    gpus = _gpus(dev) if kind != "cpu" else []
    if wanted:
        gpus = [gpus[int(n)] for n in wanted.split(",") if n and int(n) < len(gpus)]
    if gpus:
        return tuple(Device(f"cuda:{n}", "cuda", 4, 1, {"CUDA_VISIBLE_DEVICES": gpu}) for n, gpu in enumerate(gpus))
    if kind == "cuda":
        raise Unavailable(
            "no_gpu",
            zh="没有找到 NVIDIA GPU。请检查驱动（nvidia-smi），或设置 WHISPER_DEVICE=cpu。",
            en="No NVIDIA GPU found. Check the driver (nvidia-smi) or set WHISPER_DEVICE=cpu.",
        )
    cores = cores or len(os.sched_getaffinity(0))
    count = workers or min(cores, MAX_CPU_WORKERS)
    threads = max(1, cores // count)
    # A waiting OpenMP thread that spins steals the core from its neighbour.
    environment = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": ""}
    if _instructions(cpuinfo) >= AVX512 and "CT2_FORCE_CPU_ISA" not in os.environ:
        environment["CT2_FORCE_CPU_ISA"] = "AVX512"  # CTranslate2 takes AVX2 by itself; this is up to a fifth faster
    return tuple(Device(f"cpu:{n}", "cpu", threads, count, environment) for n in range(count))


def _instructions(cpuinfo: Path) -> frozenset[str]:
    for line in cpuinfo.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return frozenset(line.split())
    return frozenset()


def _gpus(dev: Path) -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu.strip() for gpu in visible.split(",") if gpu.strip() not in ("", "-1")]
    return sorted((f.name.removeprefix("nvidia") for f in dev.glob("nvidia[0-9]*")), key=int)
