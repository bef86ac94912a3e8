"""The rows of the table: each measure runs engines in turn, several rounds, and gives ratios of medians."""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service_app.engine.devices import MAX_CPU_WORKERS

from . import corpus, processes, serving, shares
from .peers import ALONE, BATCHED, OPENAI, OURS, OURS_REFERENCE, PINNED, SEQUENTIAL, SPLIT, Peer, Run
from .words import Comparison, compare, spoken, total, words

WORDS_SECONDS, WORDS_SEEDS = 180.0, (1, 2, 3, 4)
SHORT_CLIP = 5
PROBES = 40  # short clips asked for while a long file runs
CLIENTS = 8
ENOUGH_SECONDS = 45.0


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
        if name.startswith(OURS):
            return Peer(name, self.models, self.device)
        return Peer(name, self.checkpoint if name == OPENAI else self.weights, self.device)

    def clips(self, times: int = 1) -> list[corpus.Clip]:
        """So many times as many, of the same lengths, no two of them equal."""
        return corpus.clips(self.folder, ((5, 8, 12, 20) if self.short else corpus.CLIP_SECONDS) * times)


def long_recording(bench: Bench) -> Iterator[Row]:
    """One recording, one request: speed, first text, and every word."""
    clip = corpus.recording(bench.folder, bench.seconds)
    names = (OPENAI, BATCHED, SEQUENTIAL, OURS_REFERENCE, OURS)
    runs = {name: [run[0] for run in rounds] for name, rounds in _interleaved(bench, names, [clip.path]).items()}
    wall = {name: _median([run.seconds for run in found]) for name, found in runs.items()}
    cpu = {name: _median([run.cpu for run in found]) for name, found in runs.items()}
    work = f"{clip.seconds:g}-second recording"
    for peer, goal in ((OPENAI, 11.0), (BATCHED, 1.5)):
        detail = f"{wall[peer]:.1f} s / {wall[OURS]:.1f} s; processor time {cpu[peer] / cpu[OURS]:.1f}×; "
        detail += f"runs: {len(runs[peer])} / {len(runs[OURS])}"
        yield Row(work, peer, wall[peer] / wall[OURS], goal, detail=detail)
    first = {name: _median([run.first for run in runs[name]]) for name in (SEQUENTIAL, OURS)}
    detail = f"{first[OURS]:.2f} s / {first[SEQUENTIAL]:.2f} s"
    yield Row("the same, first text", SEQUENTIAL, first[OURS] / first[SEQUENTIAL], 1.2, low=True, detail=detail)
    detail = f"{wall[OPENAI]:.1f} s / {wall[OURS_REFERENCE]:.1f} s; "
    detail += f"processor time {cpu[OPENAI] / cpu[OURS_REFERENCE]:.1f}×"
    yield Row("the same, our openai-whisper engine", OPENAI, wall[OPENAI] / wall[OURS_REFERENCE], 2.0, detail=detail)
    yield from _quality(work, [(clip.text, {name: found[0].text for name, found in runs.items()})])


def every_word(bench: Bench) -> Iterator[Row]:
    """What is heard of several recordings, together: on one of them a word is a third of a point."""
    seconds, seeds = (60.0, (1,)) if bench.short else (WORDS_SECONDS, WORDS_SEEDS)
    clips = [corpus.recording(bench.folder, seconds, seed) for seed in seeds]
    names = (OPENAI, SEQUENTIAL, OURS_REFERENCE, OURS)
    runs = _interleaved(replace(bench, rounds=1), names, [clip.path for clip in clips])
    heard = [(clip.text, {name: runs[name][0][at].text for name in names}) for at, clip in enumerate(clips)]
    yield from _quality(f"{len(clips)} recordings of {seconds:g} s", heard)


def devices(bench: Bench) -> Iterator[Row]:
    """One recording over all devices and over one; processors pose as devices, each worker on a core of its own."""
    clip = corpus.recording(bench.folder, bench.seconds)
    runs = _interleaved(bench, (ALONE, PINNED), [clip.path])
    one, all_of_them = (_median([run[0].seconds for run in runs[name]]) for name in (ALONE, PINNED))
    detail = f"{one:.1f} s / {all_of_them:.1f} s"
    yield Row(f"{clip.seconds:g}-second recording, all devices", "one device", one / all_of_them, 1.6, detail=detail)
    lost = compare(words(runs[ALONE][0][0].text), words(runs[PINNED][0][0].text))
    yield Row("the same, words that differ", "one device", 100 * lost.error_rate, 0, " %", low=True)


def splits(bench: Bench) -> Iterator[Row]:
    """One recording for each way to share the processor's cores out: workers times threads."""
    clip = corpus.recording(bench.folder, bench.seconds)
    cores = len(os.sched_getaffinity(0))
    names = {workers: SPLIT + str(workers) for workers in range(1, cores + 1) if cores % workers == 0}
    runs = _interleaved(bench, tuple(names.values()), [clip.path])
    taken = {workers: _median([run[0].seconds for run in runs[name]]) for workers, name in names.items()}
    default = min(cores, MAX_CPU_WORKERS)
    for workers, seconds in taken.items():
        work = f"{clip.seconds:g}-second recording, {workers} workers of {cores // workers} threads"
        yield Row(work, f"{default} workers", seconds / taken[default], 1.0, detail=f"{seconds:.1f} s")


def _quality(work: str, heard: Sequence[tuple[str, dict[str, str]]]) -> Iterator[Row]:
    """`heard`: what is said in a recording, and what each engine made of it."""
    for name, peer in ((OURS, SEQUENTIAL), (OURS_REFERENCE, OPENAI)):
        reference = total(compare(words(said), words(texts[peer])) for said, texts in heard)
        mine = total(compare(words(said), words(texts[name])) for said, texts in heard)
        worse = 100 * (mine.error_rate - reference.error_rate)
        detail = f"{_percent(mine.error_rate)} / {_percent(reference.error_rate)} of what is said"
        yield Row(f"{work}, {name}: word errors", peer, worse, 0.5, " points", low=True, detail=detail)
        lost = total(compare(spoken(words(said), words(texts[peer])), words(texts[name])) for said, texts in heard)
        raw = total(compare(words(texts[peer]), words(texts[name])) for _, texts in heard)
        detail = f"of {lost.reference} words that it wrote and somebody said; {_percent(raw.deletion_rate)} with its "
        detail += f"{raw.reference - lost.reference} invented ones; {_percent(mine.deletion_rate)} of what is said, "
        detail += f"at most {_gap(mine)} in a row; in the sequential transcript {_percent(reference.deletion_rate)}, "
        detail += f"{_gap(reference)}"
        yield Row(f"{work}, {name}: words deleted", peer, 100 * lost.deletion_rate, 2.0, " %", True, detail)
        yield Row(f"{work}, {name}: longest sentence lost", "what is said", mine.longest_gap, 4, " words", True)
        invented = max(_invented(words(said), words(texts[name])) for said, texts in heard)
        yield Row(f"{work}, {name}: longest invention", "what is said", invented, 4, " words", True)


def clips_over_http(bench: Bench) -> Iterator[Row]:
    """Many short recordings at once, in many formats, through the server."""
    clips = bench.clips()
    audio = sum(clip.seconds for clip in clips)
    peer = bench.peer(SEQUENTIAL)
    try:
        with serving.serving(bench.models, bench.device) as server:
            serving.load(server, clips[:2], 2)  # warm
            alone, together, watched, one_by_one = [], [], [], []
            for turn in range(bench.rounds):
                bench.say(f"clips, round {turn + 1} of {bench.rounds}")
                one_by_one.append(sum(run.seconds for run in peer.run(*(clip.path for clip in clips))))
                together.append(serving.load(server, clips, CLIENTS))
                alone.append(serving.load(server, clips, 1))
                watched.append(serving.load(server, clips, CLIENTS, watched=True))
            yield Row("server ready after its start", "", server.ready_seconds, 20, " s", low=True)
            yield from _clips(clips, audio, one_by_one, together, alone)
            yield from _watched(watched)
            long = corpus.recording(bench.folder, bench.seconds)
            bench.say(f"a recording of {long.seconds:g} s")
            loads = [serving.load(server, [long], 1) for _ in range(bench.rounds)]
            yield _outside(f"{long.seconds:g}-second recording, HTTP", [long], loads)
    finally:
        peer.close()


def many_clients(bench: Bench) -> Iterator[Row]:
    """From 1 to 64 clients."""
    with serving.serving(bench.models, bench.device) as server:
        yield from _many_clients(bench, server)


def short_beside_long(bench: Bench) -> Iterator[Row]:
    """Who asks for little does not wait for who asks for much."""
    with serving.serving(bench.models, bench.device) as server:
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
    yield Row(
        f"{len(clips)} clips, {CLIENTS} clients, HTTP", "faster-whisper, one by one", theirs / ours, 2.8, detail=detail
    )
    slow, quick = (_median([_p95(load.latencies) for load in loads]) for loads in (together, alone))
    yield Row("the same, p95", "one client", slow / quick, 4.0, low=True, detail=f"{slow:.2f} s / {quick:.2f} s")
    yield _outside("the same", clips, together)
    wrong = [name for load in (*together, *alone) for name in load.errors]
    bad = [
        clip.path.name
        for clip in clips
        if compare(words(clip.text), words(together[0].texts.get(clip.path.name, ""))).deletion_rate > 0.2
    ]
    yield Row("clips without their text", "", len(set(wrong + bad)), 0, "", low=True, detail=", ".join(wrong + bad))


def _watched(loads: Sequence[serving.Load]) -> Iterator[Row]:
    """The same load once more in each round: to watch it costs the processors what the other rows would miss."""
    probes = [probe for load in loads for probe in load.probes]
    detail = f"worst {1000 * max(probes):.0f} ms of {len(probes)}"
    yield Row("/healthz under that load, p99", "", 1000 * _p99(probes), 50, " ms", low=True, detail=detail)
    memory = max(load.peak_mib for load in loads)
    yield Row("memory under that load", "the tuned best peer server", memory, 1135, " MiB", low=True)


def _outside(work: str, clips: Sequence[corpus.Clip], loads: Sequence[serving.Load]) -> Row:
    """Reading files, features, queue, HTTP and JSON; not the two networks: Whisper and the speech detector."""
    server, readers, workers = (
        sum(load.cpu[part] for load in loads) / len(loads) for part in ("server", "readers", "workers")
    )
    detector, spectrograms = shares.detecting(clips), shares.features(clips)
    used = server + readers + workers
    detail = f"of {used:.1f} s: server {server:.1f}, readers {readers - detector:.1f}, features {spectrograms:.1f}; "
    detail += f"the speech detector, {detector:.1f}, is a model"
    outside = 100 * (server + readers - detector + spectrograms) / used
    return Row(f"{work}, processor time outside the models", "total", outside, 10, " %", low=True, detail=detail)


def _many_clients(bench: Bench, server: serving.Server) -> Iterator[Row]:
    """Every count of clients has the same work, so that the figures compare."""
    work = bench.clips(1 if bench.short else 4)
    serving.load(server, work[:2], 2)  # warm
    speeds, memory, probes = {}, {}, {}
    for clients in (1, 4, 8, 16, 64) if not bench.short else (4, 8):
        bench.say(f"{clients} clients")
        seen = serving.load(server, work, clients, watched=True)
        speeds[clients] = sum(clip.seconds for clip in work) / seen.seconds
        memory[clients], probes[clients] = seen.peak_mib, 1000 * _p99(seen.probes)
    listed = ", ".join(f"{clients}: {speed:.0f}×" for clients, speed in speeds.items())
    off = max(abs(speed / speeds[8] - 1) for clients, speed in speeds.items() if clients >= 4)
    yield Row("throughput from 4 clients on", "8 clients", 100 * off, 10, " % off", low=True, detail=listed)
    listed = ", ".join(f"{clients}: {mib:.0f}" for clients, mib in memory.items())
    yield Row("memory, most clients", "8 clients", max(memory.values()) / memory[8], 1.1, low=True, detail=listed)
    listed = ", ".join(f"{clients}: {probe:.0f}" for clients, probe in probes.items())
    yield Row("/healthz, most clients, p99", "", max(probes.values()), 50, " ms", low=True, detail=listed)


def _beside_a_long_file(bench: Bench, server: serving.Server) -> Iterator[Row]:
    (short,) = corpus.clips(bench.folder, (SHORT_CLIP,))
    long = corpus.recording(bench.folder, 120 if bench.short else 3600)
    bench.say(f"a {SHORT_CLIP}-second clip beside a recording of {long.seconds:g} s")
    probes = 3 if bench.short else PROBES
    serving.load(server, [short], 1)  # warm
    idle = serving.load(server, [short] * probes, 1)
    running = threading.Thread(target=serving.load, args=(server, [long], 1))
    running.start()
    start = processes.cpu_by_part(server.pid)["workers"]
    while running.is_alive() and processes.cpu_by_part(server.pid)["workers"] < start + 2:
        time.sleep(0.1)  # until it is being decoded
    busy = serving.load(server, [short] * probes, 1)
    valid = running.is_alive()
    running.join()
    slow, quick = _p95(busy.latencies), _p95(idle.latencies)
    detail = f"{slow:.2f} s / {quick:.2f} s" + ("" if valid else "; the long file ended too early")
    yield Row(f"{SHORT_CLIP}-second clip beside a long file, p95", "idle", slow / quick, 2.5, low=True, detail=detail)


def _interleaved(bench: Bench, names: Sequence[str], media: Sequence[Path]) -> dict[str, list[list[Run]]]:
    """Every engine once in each round, so that a busy moment of the machine meets all of them. An engine that has had
    its `ENOUGH_SECONDS` is not asked again: a run that long is its own average."""
    engines = {name: bench.peer(name) for name in names}
    found: dict[str, list[list[Run]]] = {name: [] for name in names}
    try:
        for turn in range(bench.rounds):
            for name in names:
                if sum(run.seconds for runs in found[name] for run in runs) < ENOUGH_SECONDS:
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
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gap(found: Comparison) -> int:
    return found.longest_gap


MEASURES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "long": long_recording,
    "words": every_word,
    "devices": devices,
    "splits": splits,
    "clips": clips_over_http,
    "clients": many_clients,
    "beside": short_beside_long,
}
