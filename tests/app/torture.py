"""`python -m tests.app.torture`: kill -9 at random moments, and what became of the jobs.

A real server (database, queue, HTTP; only speech is replaced by an engine that takes its time) gets jobs until all are
accepted, while it is killed and started again. Then every accepted job must have ended once, with each of its windows
once in the result, and at most one window for each place it was decoding must have been decoded again at every kill.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from service_app.auth.passwords import hash_password

from .conftest import PASSWORD, USER, Server, server_command

DEVICES = 2  # windows that the timed engine decodes at once


@dataclass
class Outcome:
    jobs: int = 0
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated: int = 0  # windows decoded more than once
    slowest_start: float = 0.0

    @property
    def good(self) -> bool:
        return not self.lost and not self.wrong and self.repeated <= self.kills * DEVICES

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs, {self.kills} kills: {len(self.lost)} lost, {len(self.wrong)} wrong, "
            f"{self.repeated} windows decoded again (at most {self.kills * DEVICES}), "
            f"slowest start {self.slowest_start:.1f} s"
        )


def torture(folder: Path, *, jobs: int, kills: int, chance: random.Random) -> Outcome:
    environment = {
        "WHISPER_DATA_DIR": str(folder / "data"),
        "WHISPER_ADMIN_USER": USER,
        "WHISPER_ADMIN_PASSWORD_HASH": hash_password(PASSWORD),
        "WHISPER_CANARY_MINUTES": "0",
        "WHISPER_USER_JOBS": "0",
    }
    server = Server(folder / "data", server_command(), environment)
    outcome = Outcome()
    accepted: dict[str, int] = {}
    _start(server, outcome)
    try:
        while len(accepted) < jobs or outcome.kills < kills:
            moment = time.monotonic() + chance.uniform(0.2, 1.5)
            wanted = jobs * (outcome.kills + 1) // kills
            with server.program() as client:
                while time.monotonic() < moment:
                    if len(accepted) < min(jobs, wanted):
                        windows = chance.randint(1, 6)
                        content = f"SPEECH {windows} {chance.uniform(0.01, 0.08):.3f}".encode()
                        answer = client.post("/api/jobs", files={"file": ("torture.wav", content)})
                        accepted[answer.raise_for_status().json()["id"]] = windows
            if outcome.kills < kills:
                server.end(signal.SIGKILL)
                outcome.kills += 1
                _start(server, outcome)
        _judge(server, accepted, outcome)
    finally:
        server.end(signal.SIGTERM)
    outcome.jobs = len(accepted)
    return outcome


def _start(server: Server, outcome: Outcome) -> None:
    began = time.monotonic()
    server.start()
    outcome.slowest_start = max(outcome.slowest_start, time.monotonic() - began)


def _judge(server: Server, accepted: dict[str, int], outcome: Outcome) -> None:
    deadline = time.monotonic() + 300
    with server.program() as client:
        for job_id, windows in accepted.items():
            answer = client.get(f"/api/jobs/{job_id}")
            while answer.status_code == 200 and answer.json()["state"] in ("queued", "running"):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
                answer = client.get(f"/api/jobs/{job_id}")
            if answer.status_code != 200:
                outcome.lost.append(job_id)
                continue
            expected = " ".join(f"window {n} <b>一</b>" for n in range(windows))
            segments = _segments(client, job_id)
            if answer.json()["state"] != "done" or answer.json()["text"] != expected or segments != windows:
                code = (answer.json()["error"] or {}).get("code", "")
                outcome.wrong.append(f"{job_id}: {answer.json()['state']} {code}, {segments} of {windows} windows")
    decoded = Counter((server.data_dir / "decoded.txt").read_text().splitlines())
    outcome.repeated = sum(count - 1 for count in decoded.values())


def _segments(client: httpx.Client, job_id: str) -> int:
    return len(client.get(f"/api/jobs/{job_id}/segments").json()["segments"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.app.torture", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        chance = random.Random(arguments.seed)
        outcome = torture(Path(folder), jobs=arguments.jobs, kills=arguments.kills, chance=chance)
    print(outcome)
    for problem in (*outcome.lost, *outcome.wrong):
        print(f"  {problem}")
    return int(not outcome.good)


if __name__ == "__main__":
    sys.exit(main())
