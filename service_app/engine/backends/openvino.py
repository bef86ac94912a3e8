"""Whisper's encoder in OpenVINO, built in memory from the variables of a CTranslate2 folder: nothing to download.

    features [batch, mels, frames] ─▶ two convolutions ─▶ positions ─▶ attention and MLP, by block
        ─▶ [batch, frames/2, state]

On processors with bfloat16 units it is several times faster than CTranslate2's encoder, which has none for it. The
layout of the network: openai-whisper, model.py, `AudioEncoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
EPSILON = 1e-5


def wanted(device: str) -> bool:
    """Whether this encoder is the best one for the device: installed, a processor, and one with bfloat16 units."""
    if device != "cpu" or find_spec("openvino") is None:
        return False
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Network:
    """Encodes features on the processor, from openai-whisper's dims and state dict."""

    def __init__(self, dims: Mapping[str, int], state: Mapping[str, Array], threads: int) -> None:
        import openvino

        model = _graph(dims, state)
        core = openvino.Core()
        self.precision = "bfloat16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "float32"
        self._compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._request = self._compiled.create_infer_request()

    def __call__(self, features: Array) -> Array:
        """The encoder's output for [batch, mels, frames]; frames is even and at most 3,000."""
        found: Array = self._request.infer([features], share_inputs=True, share_outputs=False)[0]
        return found


def _graph(dims: Mapping[str, int], state: Mapping[str, Array]) -> Any:
    import openvino
    from openvino import opset13 as ops

    def constant(value: Array) -> Any:
        # Kept in float16, as they are stored; OpenVINO converts them once to what it computes in.
        return ops.convert(ops.constant(value.astype(np.float16)), "f32")

    def shape(*sizes: int) -> Any:
        return ops.constant(np.array(sizes, np.int64))

    def linear(value: Any, name: str) -> Any:
        product = ops.matmul(value, constant(state[f"{name}.weight"]), False, True)
        bias = state.get(f"{name}.bias")
        return product if bias is None else ops.add(product, constant(bias))

    def norm(value: Any, name: str) -> Any:
        even = ops.mvn(value, shape(-1), True, EPSILON, "inside_sqrt")
        return ops.add(ops.multiply(even, constant(state[f"{name}.weight"])), constant(state[f"{name}.bias"]))

    def convolution(value: Any, name: str, stride: int) -> Any:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        made = ops.convolution(value, constant(weight), [stride], [1], [1], [1])
        return ops.gelu(ops.add(made, constant(bias[None, :, None])), "erf")

    heads, size = dims["n_audio_head"], dims["n_audio_state"]

    def split(value: Any) -> Any:
        return ops.transpose(ops.reshape(value, shape(0, 0, heads, size // heads), True), shape(0, 2, 1, 3))

    features = ops.parameter([-1, dims["n_mels"], -1], np.float32, name="features")
    hidden = convolution(convolution(features, "encoder.conv1", 1), "encoder.conv2", 2)
    hidden = ops.transpose(hidden, shape(0, 2, 1))
    length = ops.gather(ops.shape_of(hidden), shape(1), ops.constant(np.int64(0)))
    positions = ops.slice(constant(state["encoder.positional_embedding"]), shape(0), length, shape(1), shape(0))
    hidden = ops.add(hidden, positions)
    for layer in range(dims["n_audio_layer"]):
        block = f"encoder.blocks.{layer}"
        even = norm(hidden, f"{block}.attn_ln")
        parts = [split(linear(even, f"{block}.attn.{part}")) for part in ("query", "key", "value")]
        seen = ops.scaled_dot_product_attention(*parts)
        joined = ops.reshape(ops.transpose(seen, shape(0, 2, 1, 3)), shape(0, 0, size), True)
        hidden = ops.add(hidden, linear(joined, f"{block}.attn.out"))
        grown = ops.gelu(linear(norm(hidden, f"{block}.mlp_ln"), f"{block}.mlp.0"), "erf")
        hidden = ops.add(hidden, linear(grown, f"{block}.mlp.2"))
    return openvino.Model([norm(hidden, "encoder.ln_post")], [features], "encoder")
