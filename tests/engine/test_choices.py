"""Which weights and which devices are chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_app.engine.backends import Capacity, Setup
from service_app.engine.backends.capacity import capacity, on_cpu, on_gpu
from service_app.engine.devices import find
from service_app.engine.models import catalog, choose, installed
from service_app.errors import Unavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("faster-whisper/large-v2/model.bin", "openai-whisper/large-v2.pt", "openai-whisper/base.pt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "faster-whisper" / "unfinished").mkdir()
    return tmp_path


def test_auto_takes_the_fast_engine_where_its_weights_are(folder: Path) -> None:
    assert choose(folder, "large-v2", "auto").engine == "faster-whisper"
    assert choose(folder, "large-v2", "openai-whisper").engine == "openai-whisper"
    assert choose(folder, "base", "auto").engine == "openai-whisper"
    assert choose(folder, "auto", "auto").name == "large-v2"


@pytest.mark.parametrize(("model", "engine"), [("tiny", "auto"), ("base", "faster-whisper"), ("unfinished", "auto")])
def test_a_missing_model_names_what_is_there(folder: Path, model: str, engine: str) -> None:
    with pytest.raises(Unavailable) as caught:
        choose(folder, model, engine)
    assert caught.value.code == "model_not_installed"
    assert "large-v2 (faster-whisper), base (openai-whisper), large-v2 (openai-whisper)" in caught.value.failure.en


def test_the_catalog_lists_each_model_once(folder: Path) -> None:
    models = {model.name: model for model in catalog(folder, choose(folder, "large-v2", "auto"))}
    assert models["large-v2"].engines == ("faster-whisper", "openai-whisper")
    assert models["large-v2"].default
    assert not models["base"].default


@pytest.mark.weights
def test_the_demo_weights_serve_where_nothing_else_is(tmp_path: Path, folder: Path) -> None:
    (demo,) = installed(tmp_path / "empty")
    assert (demo.name, demo.engine, demo.multilingual) == ("tiny.en", "faster-whisper", False)
    assert demo.name not in [weights.name for weights in installed(folder)]


def test_two_cores_have_two_workers_of_one_thread(tmp_path: Path) -> None:
    devices = find("auto", None, cores=2, dev=tmp_path)
    assert [(d.name, d.threads) for d in devices] == [("cpu:0", 1), ("cpu:1", 1)]
    assert [d.threads for d in find("cpu", None, cores=64, dev=tmp_path)] == [8] * 8
    assert [d.threads for d in find("cpu", 1, cores=4, dev=tmp_path)] == [4]


def test_each_gpu_has_a_worker_that_sees_only_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidia2", "nvidiactl"):
        (tmp_path / name).touch()
    devices = find("auto", None, dev=tmp_path)
    assert [d.name for d in devices] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert [d.environment["CUDA_VISIBLE_DEVICES"] for d in devices] == ["0", "1", "2", "10"]
    assert [d.environment["CUDA_VISIBLE_DEVICES"] for d in find("cuda:1,2", None, dev=tmp_path)] == ["1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert [d.environment["CUDA_VISIBLE_DEVICES"] for d in find("cuda", None, dev=tmp_path)] == ["2"]


@pytest.mark.parametrize("wanted", ["cuda", "cuda:7"])
def test_a_gpu_that_is_not_there(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(Unavailable, match="nvidia-smi"):
        find(wanted, None, dev=tmp_path)


LARGE = {  # large-v2
    "n_mels": 80, "n_vocab": 51_865, "n_audio_ctx": 1500, "n_audio_state": 1280, "n_audio_head": 20,
    "n_audio_layer": 32, "n_text_ctx": 448, "n_text_state": 1280, "n_text_head": 20, "n_text_layer": 32,
}  # fmt: skip


@pytest.mark.parametrize(
    ("gib", "chosen"),
    [
        (24, Capacity("float16", 24)),  # an A10, as benchmarks/plan.md has it
        (12, Capacity("float16", 8)),
        (8, Capacity("int8_float16", 6)),
        (2, Capacity("int8_float16", 1)),  # it may yet fit: trying costs nothing
        (0, Capacity("int8_float16", 1)),
    ],
)
def test_numbers_and_batch_come_from_the_gpus_memory(gib: int, chosen: Capacity) -> None:
    assert on_gpu(LARGE, gib << 30) == chosen


def test_a_processor_takes_small_batches_and_smaller_ones_without_memory() -> None:
    assert [on_cpu(LARGE, gib << 30) for gib in (64, 12, 1)] == [4, 2, 1]


def test_what_was_chosen_for_a_device_is_kept_for_its_next_worker() -> None:
    kept = Capacity("int8_float16", 3)
    setup = Setup("faster-whisper", Path("/nonexistent"), "cuda", 4, multilingual=True, capacity=kept)
    assert capacity(LARGE, setup) == kept
