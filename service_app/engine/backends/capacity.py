"""How many windows a device decodes together, and in which numbers: from its memory, when its worker starts.

A window costs its keys and values in every layer of the decoder: of the audio (1,500 positions) once, of the text (up
to 448 positions) once for each beam. The weights count twice: where the text is poor, a second copy of the model
samples.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import Capacity, Setup

BEAMS = 5
RESERVE = 1 << 30  # bytes of a GPU: CUDA's own, features, the encoder's and the output layer's intermediate values
MOST = 32  # windows; the A10 gains little beyond
MOST_ON_CPU = 4  # one thread gains little from batches, and who waits gains from small ones
SHARE = 0.5  # of a processor's free memory
FEWEST = 8  # windows for which a GPU's weights stay in float16


def capacity(dims: Mapping[str, int], setup: Setup) -> Capacity:
    """For the device as it is now, or as it was when its first worker started: a text shall not depend on which worker
    is its device's second."""
    if setup.capacity:
        return setup.capacity
    if setup.device == "cuda":
        return on_gpu(dims, _gpu_memory())
    return Capacity("int8", on_cpu(dims, _free_memory() // max(1, setup.neighbours)))


def on_gpu(dims: Mapping[str, int], memory: int) -> Capacity:
    """float16 where a good batch fits, else weights of 8 bits; `memory` in bytes, free before the model is loaded."""
    weights = parameters(dims)
    for compute_type, size in (("float16", 2), ("int8_float16", 1)):
        batch = int((memory - RESERVE - 2 * size * weights) // window_bytes(dims, 2))
        if batch >= FEWEST or compute_type != "float16":
            break
    return Capacity(compute_type, _even(batch, MOST))


def on_cpu(dims: Mapping[str, int], memory: int) -> int:
    """`memory` in bytes, free for this worker."""
    return _even(int((memory * SHARE - 2 * parameters(dims)) // window_bytes(dims, 4)), MOST_ON_CPU)


def window_bytes(dims: Mapping[str, int], size: int) -> int:
    """Keys and values of one window, in numbers of `size` bytes."""
    positions = dims["n_audio_ctx"] + BEAMS * dims["n_text_ctx"]
    return 2 * dims["n_text_layer"] * dims["n_text_state"] * positions * size


def parameters(dims: Mapping[str, int]) -> int:
    """About; a block has 12 matrices of state × state, the decoder's 4 more for its look at the audio."""
    encoder = 12 * dims["n_audio_layer"] * dims["n_audio_state"] ** 2
    decoder = 16 * dims["n_text_layer"] * dims["n_text_state"] ** 2
    return encoder + decoder + dims["n_vocab"] * dims["n_text_state"]


def _even(batch: int, most: int) -> int:
    """At least one; powers of two and one and a half of them, as kernels like them."""
    steps = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    return max((step for step in steps if step <= min(batch, most)), default=1)


def _free_memory() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _gpu_memory() -> int:
    """Free bytes of the one GPU that this process sees; 0 when nobody can tell, which gives the smallest batch."""
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    command = ["nvidia-smi", f"--id={gpu}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        return int(answer.split()[0]) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0
