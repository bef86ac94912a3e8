"""The rows of the table: each measure runs engines in turn, several rounds, and gives ratios of medians."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import corpus, processes, serving
from .peers import BATCHED, OPENAI, OURS, OURS_REFERENCE, SEQUENTIAL, Peer, Run
from .words import Comparison, compare, words

SHORT_CLIP = 5
PROBES = 8  # short clips asked for while a long file runs


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against its goal; `low` says that less is better."""

    work: str
    against: str
    value: float
    goal: float
    unit: str = "×"
    low: bool = False
    detail: str = ""

    @property
    def reached(self) -> bool:
        return self.value <= self.goal if self.low else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how much; `say` tells progress."""

    folder: Path
    weights: Path  # CTranslate2 folder
    models: Path  # models folder that has both engines' weights
    device: str
    rounds: int
    short: bool
    seconds: float  # of the long recording
    say: Callable[[str], None]

    @property
    def checkpoint(self) -> Path:
        (found,) = self.models.glob("openai-whisper/*.pt")
        return found

    def peer(self, name: str) -> Peer:
        weights = {OURS: self.models, OURS_REFERENCE: self.models, OPENAI: self.checkpoint}.get(name, self.weights)
        return Peer(name, weights, self.device)

    def clips(self) -> list[corpus.Clip]:
        return corpus.clips(self.folder, (5, 8, 12, 20) if self.short else corpus.CLIP_SECONDS)


def long_recording(bench: Bench) -> Iterator[Row]:
    """One recording, one request: speed, first text, and every word."""
    clip = corpus.recording(bench.folder, bench.seconds)
    names = (OPENAI, BATCHED, SEQUENTIAL, OURS_REFERENCE, OURS)
    runs = {name: [run[0] for run in rounds] for name, rounds in _interleaved(bench, names, [clip.path]).items()}
    wall = {name: _median([run.seconds for run in found]) for name, found in runs.items()}
    cpu = {name: _median([run.cpu for run in found]) for name, found in runs.items()}
    work = f"{clip.seconds:g}-second recording"
    for peer, goal in ((OPENAI, 11.0), (BATCHED, 1.5)):
        detail = f"{wall[peer]:.1f} s / {wall[OURS]:.1f} s; processor time {cpu[peer] / cpu[OURS]:.1f}×"
        yield Row(work, peer, wall[peer] / wall[OURS], goal, detail=detail)
    first = {name: _median([run.first for run in runs[name]]) for name in (SEQUENTIAL, OURS)}
    detail = f"{first[OURS]:.2f} s / {first[SEQUENTIAL]:.2f} s"
    yield Row("the same, first text", SEQUENTIAL, first[OURS] / first[SEQUENTIAL], 1.2, low=True, detail=detail)
    detail = f"{wall[OPENAI]:.1f} s / {wall[OURS_REFERENCE]:.1f} s; "
    detail += f"processor time {cpu[OPENAI] / cpu[OURS_REFERENCE]:.1f}×"
    yield Row("the same, our openai-whisper engine", OPENAI, wall[OPENAI] / wall[OURS_REFERENCE], 2.0, detail=detail)
    yield from _quality(clip.text, runs)


def _quality(said: str, runs: dict[str, list[Run]]) -> Iterator[Row]:
    heard = {name: words(found[0].text) for name, found in runs.items()}
    for name in (OURS, OURS_REFERENCE):
        reference = compare(words(said), heard[SEQUENTIAL if name == OURS else OPENAI])
        mine = compare(words(said), heard[name])
        worse = 100 * (mine.error_rate - reference.error_rate)
        detail = f"{_percent(mine.error_rate)} / {_percent(reference.error_rate)} of what is said"
        yield Row(f"{name}: word errors", "sequential", worse, 0.5, " points", low=True, detail=detail)
        lost = compare(heard[SEQUENTIAL if name == OURS else OPENAI], heard[name])
        detail = f"{_percent(mine.deletion_rate)} of what is said, at most {_gap(mine)} in a row; "
        detail += f"in the sequential transcript {_percent(reference.deletion_rate)}, {_gap(reference)}"
        yield Row(f"{name}: words deleted", "sequential", 100 * lost.deletion_rate, 2.0, " %", True, detail)
        yield Row(f"{name}: longest invention", "what is said", _invented(words(said), heard[name]), 4, " words", True)


def clips_over_http(bench: Bench) -> Iterator[Row]:
    """Many short recordings at once, in many formats, through the server."""
    clips = bench.clips()
    audio = sum(clip.seconds for clip in clips)
    peer = bench.peer(SEQUENTIAL)
    try:
        with serving.serving(bench.folder / "serve", bench.models, bench.device) as server:
            serving.load(server, clips[:2], 2)  # warm
            alone, together, one_by_one = [], [], []
            for turn in range(bench.rounds):
                bench.say(f"clips, round {turn + 1} of {bench.rounds}")
                one_by_one.append(sum(run.seconds for run in peer.run(*(clip.path for clip in clips))))
                together.append(serving.load(server, clips, 8))
                alone.append(serving.load(server, clips, 1))
            yield Row("server ready after its start", "", server.ready_seconds, 20, " s", low=True)
            yield from _clips(clips, audio, one_by_one, together, alone)
    finally:
        peer.close()


def many_clients(bench: Bench) -> Iterator[Row]:
    """From 1 to 64 clients."""
    with serving.serving(bench.folder / "serve", bench.models, bench.device) as server:
        yield from _many_clients(bench, server, bench.clips())


def short_beside_long(bench: Bench) -> Iterator[Row]:
    """Who asks for little does not wait for who asks for much."""
    with serving.serving(bench.folder / "serve", bench.models, bench.device) as server:
        yield from _beside_a_long_file(bench, server)


def _clips(
    clips: Sequence[corpus.Clip],
    audio: float,
    one_by_one: Sequence[float],
    together: Sequence[serving.Load],
    alone: Sequence[serving.Load],
) -> Iterator[Row]:
    ours, theirs = _median([load.seconds for load in together]), _median(one_by_one)
    detail = f"{audio / ours:.0f} / {audio / theirs:.0f} × realtime"
    yield Row(f"{len(clips)} clips, 8 clients, HTTP", "faster-whisper, one by one", theirs / ours, 2.8, detail=detail)
    slow, quick = (_median([_p95(load.latencies) for load in loads]) for loads in (together, alone))
    yield Row("the same, p95", "one client", slow / quick, 4.0, low=True, detail=f"{slow:.2f} s / {quick:.2f} s")
    probes = [probe for load in together for probe in load.probes]
    p99 = sorted(probes)[int(0.99 * len(probes))]
    detail = f"worst {1000 * max(probes):.0f} ms of {len(probes)}"
    yield Row("/healthz under that load, p99", "", 1000 * p99, 50, " ms", low=True, detail=detail)
    yield Row("memory under that load", "", max(load.peak_mib for load in together), 1135, " MiB", low=True)
    used = {name: sum(load.cpu[name] for load in together) for name in ("model", "other")}
    share = 100 * used["other"] / sum(used.values())
    yield Row("processor time outside the model", "total", share, 10, " %", low=True)
    wrong = [name for load in (*together, *alone) for name in load.errors]
    bad = [
        clip.path.name
        for clip in clips
        if compare(words(clip.text), words(together[0].texts.get(clip.path.name, ""))).deletion_rate > 0.2
    ]
    yield Row("clips without their text", "", len(set(wrong + bad)), 0, "", low=True, detail=", ".join(wrong + bad))


def _many_clients(bench: Bench, server: serving.Server, clips: Sequence[corpus.Clip]) -> Iterator[Row]:
    """Every count of clients has the same work, so that the figures compare."""
    work = list(clips) * (1 if bench.short else 4)
    speeds, memory = {}, {}
    for clients in (1, 4, 8, 16, 64) if not bench.short else (4, 8):
        bench.say(f"{clients} clients")
        seen = serving.load(server, work, clients)
        speeds[clients] = sum(clip.seconds for clip in work) / seen.seconds
        memory[clients] = seen.peak_mib
    listed = ", ".join(f"{clients}: {speed:.0f}×" for clients, speed in speeds.items())
    off = max(abs(speed / speeds[8] - 1) for clients, speed in speeds.items() if clients >= 4)
    yield Row("throughput from 4 clients on", "8 clients", 100 * off, 10, " % off", low=True, detail=listed)
    listed = ", ".join(f"{clients}: {mib:.0f}" for clients, mib in memory.items())
    yield Row("memory, most clients", "8 clients", max(memory.values()) / memory[8], 1.1, low=True, detail=listed)


def _beside_a_long_file(bench: Bench, server: serving.Server) -> Iterator[Row]:
    (short,) = corpus.clips(bench.folder, (SHORT_CLIP,))
    long = corpus.recording(bench.folder, 120 if bench.short else 3600)
    bench.say(f"a {SHORT_CLIP}-second clip beside a recording of {long.seconds:g} s")
    probes = 3 if bench.short else PROBES
    idle = serving.load(server, [short] * probes, 1)
    running = threading.Thread(target=serving.load, args=(server, [long], 1))
    running.start()
    start = processes.cpu_by_module(server.pid)["model"]
    while running.is_alive() and processes.cpu_by_module(server.pid)["model"] < start + 2:
        time.sleep(0.1)  # until it is being decoded
    busy = serving.load(server, [short] * probes, 1)
    valid = running.is_alive()
    running.join()
    slow, quick = _p95(busy.latencies), _p95(idle.latencies)
    detail = f"{slow:.2f} s / {quick:.2f} s" + ("" if valid else "; the long file ended too early")
    yield Row(f"{SHORT_CLIP}-second clip beside a long file, p95", "idle", slow / quick, 2.5, low=True, detail=detail)


def _interleaved(bench: Bench, names: Sequence[str], media: Sequence[Path]) -> dict[str, list[list[Run]]]:
    """Every engine once in each round, so that a busy moment of the machine meets all of them."""
    engines = {name: bench.peer(name) for name in names}
    found: dict[str, list[list[Run]]] = {name: [] for name in names}
    try:
        for turn in range(bench.rounds):
            for name in names:
                bench.say(f"{name}, round {turn + 1} of {bench.rounds}")
                found[name].append(engines[name].run(*media))
    finally:
        for peer in engines.values():
            peer.close()
    return found


def _invented(said: Sequence[str], heard: Sequence[str]) -> int:
    """The longest run of words that were heard and not said."""
    return compare(heard, said).longest_gap


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gap(found: Comparison) -> int:
    return found.longest_gap


MEASURES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "long": long_recording,
    "clips": clips_over_http,
    "clients": many_clients,
    "beside": short_beside_long,
}
