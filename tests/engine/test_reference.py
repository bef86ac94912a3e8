"""openai-whisper, the reference, from converted weights: both engines say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.words import compare
from service_app.engine import Engine
from service_app.engine.backends import Decode
from service_app.engine.convert import ConversionError, main, read_variables
from service_app.engine.models import installed
from service_app.types import Options
from tests.support import recordings

from . import sounds
from .conftest import text, transcribe, words

pytestmark = pytest.mark.weights


def test_both_engines_hear_the_same_words(fast: Engine, reference: Engine, tmp_path: Path) -> None:
    paths = [path for path, _ in recordings.librivox()]
    media = sounds.write_wav(tmp_path / "media", sounds.joined(paths, pause=1.0))
    plan, heard = transcribe(fast, media)
    other_plan, other = transcribe(reference, media)
    assert plan == other_plan
    said = [word for _, spoken in recordings.librivox() for word in words(spoken)]
    for spoken in (heard, other):
        found = compare(said, words(text(spoken)))
        assert found.longest_gap <= 1
        assert found.error_rate <= 0.1  # the weights hear "old-sposed" for ill-disposed, and write Mr. for mister


def test_the_reference_hears_a_recording_with_word_times(reference: Engine, beckett: Path) -> None:
    _, results = transcribe(reference, beckett, Options(word_timestamps=True))
    assert text(results) == recordings.BECKETT_TEXT
    (segment,) = results[0].segments
    assert "".join(word.text for word in segment.words) == segment.text
    assert segment.words[-1].end == pytest.approx(8.8, abs=0.5)


def test_the_converted_weights_give_the_same_greedy_tokens(reference_models: Path) -> None:
    import ctranslate2
    import torch
    import whisper
    from faster_whisper import WhisperModel
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer

    audio = sounds.read_wav(recordings.beckett()).astype(np.float32) / 32768
    fast = WhisperModel(str(installed(Path("/nonexistent"))[0].path), device="cpu", compute_type="float32")
    features = pad_or_trim(fast.feature_extractor(audio)[..., :-1])
    start = Tokenizer(fast.hf_tokenizer, False).sot_sequence
    states = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None]))
    (ours,) = fast.model.generate(states, [start], beam_size=1)
    slow = whisper.load_model(str(reference_models / "openai-whisper" / "tiny.en.pt"), device="cpu")
    theirs = whisper.decode(slow, torch.from_numpy(features), whisper.DecodingOptions(fp16=False, language="en"))
    assert list(ours.sequences_ids[0]) == theirs.tokens


def test_bad_sources_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "out.pt")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}: no model.bin in this folder\n"
    (tmp_path / "model.bin").write_bytes(b"\6\0\0\0\4\0abc\0rest")
    with pytest.raises(ConversionError, match=r"model\.bin: holds a abc"):
        read_variables(tmp_path / "model.bin")
    (tmp_path / "model.bin").write_bytes(b"\6\0")
    with pytest.raises(ConversionError, match="is no CTranslate2 model"):
        read_variables(tmp_path / "model.bin")
    assert main([]) == 2
    assert not (tmp_path / "out.pt").exists()


def test_a_multilingual_model_detects_and_translates(tmp_path: Path, beckett: Path) -> None:
    """Made-up weights: the code path, not the quality."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(1)
    dims = ModelDimensions(80, 1500, 16, 2, 1, 51865, 448, 16, 2, 1)
    folder = tmp_path / "openai-whisper"
    folder.mkdir()
    weights = Whisper(dims).state_dict()
    # The package leaves its values as it finds them in memory, not-a-number among them.
    torch.nn.init.normal_(weights["decoder.positional_embedding"])
    torch.save({"dims": vars(dims), "model_state_dict": weights}, folder / "made-up.pt")
    engine = Engine(models_dir=tmp_path, model="made-up", workers=1)
    engine.start()
    try:
        options = Options(task="translate", temperature=(0.0,), beam_size=1)
        plan, results = transcribe(engine, beckett, options)
        assert plan.language
        assert 0 < plan.language_probability < 1
        assert len(results) == len(plan.windows)
        assert engine.plan(beckett, Options(language="zh")).language_probability == 1.0
        assert engine.models()[0].multilingual
    finally:
        engine.stop()


def test_equal_ways_to_decode_are_equal() -> None:
    how = Decode("en", "transcribe", (1, 2), 5, 0.0)
    assert len({how, Decode("en", "transcribe", (1, 2), 5, 0.0), Decode("en", "translate", (1, 2), 5, 0.0)}) == 2
