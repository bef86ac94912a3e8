"""An openai-whisper checkpoint from a CTranslate2 Whisper folder: `python -m service_app.engine.convert SRC OUT.pt`.

So the reference engine runs from the weights of the fast one, without the network.

    model.bin ─▶ variables ─▶ dims + state dict ─▶ torch.save

model.bin (OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py, `ModelSpec._serialize`), little endian:

    u32 version (6) · str spec · u32 revision
    u32 count · { str name · u8 rank · u32 size × rank · u8 type · u32 bytes · data } × count
    u32 count · { str alias · str name } × count             str: u16 length with the closing NUL · bytes · NUL

A layer's projections are stacked there and apart in openai-whisper (openai/whisper, model.py): query, key and value of
self-attention in linear_0; key and value of cross-attention in linear_1. openai's key projection has no bias.
"""

from __future__ import annotations

import base64
import gzip
import json
import mmap
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

VERSION = 6
BFLOAT16 = 5  # numpy has none: its bits are the upper half of a float32's
TYPES: Final[Mapping[int, Any]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, 5: np.uint16}


class ConversionError(Exception):
    """The source cannot be converted; one line that says why."""


class _Reader:
    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data, self._at = memoryview(data), 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return int(value)

    def take(self, size: int) -> memoryview:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise ConversionError("the file ends too early")
        self._at += size
        return part

    def string(self) -> str:
        return bytes(self.take(self.number("H"))[:-1]).decode()

    def array(self) -> Array:
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind, size = self.number("B"), self.number("I")
        array = np.frombuffer(self.take(size), TYPES[kind]).reshape(shape)
        return (array.astype(np.uint32) << 16).view(np.float32) if kind == BFLOAT16 else array


def read_variables(binary: Path) -> dict[str, Array]:
    """All variables of a model.bin, aliases resolved; their data stays in the file until it is used. Raises
    ConversionError."""
    try:
        with binary.open("rb") as file:
            reader = _Reader(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        version, spec = reader.number("I"), reader.string()
        if version != VERSION or spec != "WhisperSpec":
            raise ConversionError(f"holds a {spec} of version {version}, not a WhisperSpec of version {VERSION}")
        reader.number("I")
        variables = {reader.string(): reader.array() for _ in range(reader.number("I"))}
        variables |= {reader.string(): variables[reader.string()] for _ in range(reader.number("I"))}
    except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise ConversionError(f"{binary}: is no CTranslate2 model: {error}") from error
    except ConversionError as error:
        raise ConversionError(f"{binary}: {error}") from None
    return variables


class _Mapping:
    """Fills openai-whisper's state dict from CTranslate2's variables."""

    def __init__(self, variables: Mapping[str, Array]) -> None:
        self._variables = variables
        self.state: dict[str, npt.NDArray[np.float32]] = {}

    def value(self, name: str) -> npt.NDArray[np.float32]:
        value = self._variables[name].astype(np.float32)
        scale = self._variables.get(f"{name}_scale")  # int8: one for each row; int16: one for all
        if scale is None:
            return value
        return value / np.asarray(scale, np.float32).reshape([-1] + [1] * (value.ndim - 1 if scale.ndim else 0))

    def copy(self, source: str, target: str) -> None:
        self.state[target] = self.value(source)

    def norm(self, source: str, target: str) -> None:
        self.copy(f"{source}/gamma", f"{target}.weight")
        self.copy(f"{source}/beta", f"{target}.bias")

    def linear(self, source: str, *targets: str) -> None:
        weights = np.split(self.value(f"{source}/weight"), len(targets))
        biases = np.split(self.value(f"{source}/bias"), len(targets))
        for target, weight, bias in zip(targets, weights, biases, strict=True):
            self.state[f"{target}.weight"] = weight
            if not target.endswith(".key"):
                self.state[f"{target}.bias"] = bias

    def block(self, source: str, target: str) -> None:
        self.norm(f"{source}/self_attention/layer_norm", f"{target}.attn_ln")
        self.linear(f"{source}/self_attention/linear_0", *(f"{target}.attn.{p}" for p in ("query", "key", "value")))
        self.linear(f"{source}/self_attention/linear_1", f"{target}.attn.out")
        if f"{source}/attention/linear_0/weight" in self._variables:  # the decoder's look at the audio
            self.norm(f"{source}/attention/layer_norm", f"{target}.cross_attn_ln")
            self.linear(f"{source}/attention/linear_0", f"{target}.cross_attn.query")
            self.linear(f"{source}/attention/linear_1", f"{target}.cross_attn.key", f"{target}.cross_attn.value")
            self.linear(f"{source}/attention/linear_2", f"{target}.cross_attn.out")
        self.norm(f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
        self.linear(f"{source}/ffn/linear_0", f"{target}.mlp.0")
        self.linear(f"{source}/ffn/linear_1", f"{target}.mlp.2")

    def blocks(self, side: str) -> None:
        for layer in range(_layers(self._variables, side)):
            self.block(f"{side}/layer_{layer}", f"{side}.blocks.{layer}")

    def encoder(self) -> None:
        for part in ("conv1", "conv2"):
            self.copy(f"encoder/{part}/weight", f"encoder.{part}.weight")
            self.copy(f"encoder/{part}/bias", f"encoder.{part}.bias")
        self.copy("encoder/position_encodings/encodings", "encoder.positional_embedding")
        self.norm("encoder/layer_norm", "encoder.ln_post")
        self.blocks("encoder")


def _layers(variables: Mapping[str, Array], side: str) -> int:
    return sum(f"{side}/layer_{layer}/ffn/linear_0/weight" in variables for layer in range(len(variables)))


def convert(variables: Mapping[str, Array]) -> tuple[dict[str, int], dict[str, npt.NDArray[np.float32]]]:
    """openai-whisper's dims and state dict (float32) for CTranslate2's variables. Raises ConversionError."""
    mapping = _Mapping(variables)
    try:
        mapping.encoder()
        mapping.copy("decoder/position_encodings/encodings", "decoder.positional_embedding")
        mapping.copy("decoder/embeddings/weight", "decoder.token_embedding.weight")
        mapping.norm("decoder/layer_norm", "decoder.ln")
        mapping.blocks("decoder")
    except KeyError as error:
        raise ConversionError(f"variable {error} is missing: not a Whisper model") from error
    return dimensions(variables), mapping.state


def dimensions(variables: Mapping[str, Array]) -> dict[str, int]:
    """openai-whisper's dims, from the shapes alone. Raises ConversionError."""
    try:
        state, mels, _ = variables["encoder/conv1/weight"].shape
        vocabulary, text_state = variables["decoder/embeddings/weight"].shape
        return {
            "n_mels": mels,
            "n_audio_ctx": len(variables["encoder/position_encodings/encodings"]),
            "n_audio_state": state,
            "n_audio_head": int(variables["encoder/num_heads"]),
            "n_audio_layer": _layers(variables, "encoder"),
            "n_vocab": vocabulary,
            "n_text_ctx": len(variables["decoder/position_encodings/encodings"]),
            "n_text_state": text_state,
            "n_text_head": int(variables["decoder/num_heads"]),
            "n_text_layer": _layers(variables, "decoder"),
        }
    except KeyError as error:
        raise ConversionError(f"variable {error} is missing: not a Whisper model") from error


def encoder_state(variables: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
    """openai-whisper's state dict of the encoder alone. Raises ConversionError."""
    mapping = _Mapping(variables)
    try:
        mapping.encoder()
    except KeyError as error:
        raise ConversionError(f"variable {error} is missing: not a Whisper model") from error
    return mapping.state


def alignment_heads(pairs: Sequence[Sequence[int]], dims: Mapping[str, int]) -> str:
    """(layer, head) pairs as `Whisper.set_alignment_heads` takes them: base85 of a gzipped mask of booleans."""
    mask = np.zeros((dims["n_text_layer"], dims["n_text_head"]), bool)
    for layer, head in pairs:
        mask[layer, head] = True
    return base64.b85encode(gzip.compress(mask.tobytes(), mtime=0)).decode("ascii")


def write_checkpoint(source: Path, target: Path) -> None:
    """Convert the folder `source` to the checkpoint `target`, in float16 as openai's own. Raises ConversionError."""
    import torch

    binary = source / "model.bin"
    if not binary.is_file():
        raise ConversionError(f"{source}: no model.bin in this folder")
    dims, state = convert(read_variables(binary))
    checkpoint: dict[str, Any] = {
        "dims": dims,
        "model_state_dict": {name: torch.from_numpy(value.astype(np.float16)) for name, value in state.items()},
    }
    config = source / "config.json"
    if config.is_file() and (pairs := json.loads(config.read_text(encoding="utf-8")).get("alignment_heads")):
        checkpoint["alignment_heads"] = alignment_heads(pairs, dims)  # for word times; openai-whisper ignores the key
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    torch.save(checkpoint, unfinished)
    unfinished.replace(target)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m service_app.engine.convert FOLDER_WITH_MODEL_BIN OUT.pt\n")
        return 2
    try:
        write_checkpoint(Path(arguments[0]), Path(arguments[1]))
    except (ConversionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{arguments[1]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
