"""Silero's speech detector, which comes with faster-whisper, run as a stream: memory does not grow with the recording.

The network takes 512 new samples behind the 64 before them, and carries its state (h, c) from call to call
(github.com/snakers4/silero-vad). OpenVINO runs it in a third of ONNX Runtime's time, where it is installed, with the
same probabilities to six digits.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

STEP = 512
CONTEXT = 64
BLOCK = 128 * STEP  # 4 s: one call of the network for many steps, and not much memory that a fork has to copy

Network = Callable[[dict[str, npt.NDArray[np.float32]]], list[Any]]  # input, h, c → probabilities, h, c


def model_path() -> Path:
    """The bundled network. Raises FileNotFoundError when faster-whisper is not installed."""
    spec = find_spec("faster_whisper")
    found = sorted((Path(spec.origin).parent / "assets").glob("silero_vad*.onnx")) if spec and spec.origin else []
    if not found:
        raise FileNotFoundError("no speech detector: install the package faster-whisper")
    return found[-1]


def on_onnxruntime(path: Path) -> Network:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], sess_options=options)
    return lambda inputs: list(session.run(None, inputs))


def on_openvino(path: Path) -> Network:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 0,  # in the thread that calls: a fork has no other
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    return lambda inputs: list(request.infer(inputs, share_inputs=True, share_outputs=False).values())


def load() -> Network:
    """By whichever library is quicker and installed. Raises FileNotFoundError as `model_path` does."""
    return (on_openvino if find_spec("openvino") else on_onnxruntime)(model_path())


class Detector:
    """Gives one probability (0..1) of speech for every 512 samples at 16 kHz."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network or load()
        self._state = [np.zeros((1, 1, 128), np.float32) for _ in range(2)]
        self._context = np.zeros(CONTEXT, np.float32)
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._count = 0

    def feed(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take samples in pieces of any length; gives the probabilities of the blocks that they complete."""
        self._waiting.append(samples)
        self._count += len(samples)
        return self._run() if self._count >= BLOCK else np.empty(0, np.float32)

    def finish(self) -> npt.NDArray[np.float32]:
        """The probabilities of what still waits; the last step may be incomplete."""
        self._waiting.append(np.zeros(-self._count % STEP, np.float32))
        return self._run()

    def _run(self) -> npt.NDArray[np.float32]:
        samples = np.concatenate(self._waiting)
        whole = len(samples) // STEP * STEP
        self._waiting, self._count = [samples[whole:]], len(samples) - whole
        if not whole:
            return np.empty(0, np.float32)
        steps = samples[:whole].reshape(-1, STEP)
        contexts = np.vstack([self._context, steps[:-1, -CONTEXT:]])
        self._context = steps[-1, -CONTEXT:].copy()
        output, *self._state = self._network(
            {"input": np.hstack([contexts, steps]), "h": self._state[0], "c": self._state[1]}
        )
        return np.asarray(output, np.float32).reshape(-1)
