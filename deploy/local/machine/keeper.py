"""`python -m deploy.local.machine.keeper FOLDER` : boots the machine that FOLDER/machine.json describes and keeps it up
until SIGTERM; then nothing of it is left but its disk. It outlives the emulator, as instances outlive their console."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .image import locked
from .machine import Machine, leader

_CODE = Path(__file__).resolve().parents[3]
_END_SECONDS = 60.0


def describe(  # noqa: PLR0917
    folder: Path, name: str, layers: Sequence[Path], public_address: str, binds: Sequence[str], signals: tuple[int, str]
) -> None:
    """Writes what `keep` needs."""
    value = {"name": name, "layers": [str(layer) for layer in layers], "public_address": public_address,
             "binds": list(binds), "signals": list(signals)}  # fmt: skip
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "machine.json").write_text(json.dumps(value))


def place(folder: Path, path: str, text: str) -> None:
    """Writes a file of root's into the machine before it boots."""
    at = folder / "up"
    for part in ("", *Path(path).parent.parts):
        at /= part
        at.mkdir(exist_ok=True)
        at.chmod(0o755)  # whatever this process's umask is: it becomes the instance's folder
    (folder / "up" / path).write_text(text)


def machine_of(folder: Path) -> Machine:
    known = json.loads((folder / "machine.json").read_text())
    port, path = known["signals"]
    return Machine(
        known["name"], folder, [Path(layer) for layer in known["layers"]],
        public_address=known["public_address"], binds=known["binds"], signals=(port, path),
    )  # fmt: skip


def keep(folder: Path) -> None:
    """Starts the keeper where none runs, and returns when the machine is up. Raises RuntimeError that says why not."""
    if pid_of(folder):
        return
    machine_of(folder).stop(keep_disk=True)  # what one that was killed left
    path = os.pathsep.join(filter(None, (str(_CODE), os.environ.get("PYTHONPATH"))))
    log = folder / "keeper.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    assert process.stdout
    with process.stdout as said:
        ready = said.readline() == b"up\n"
    threading.Thread(target=process.wait, daemon=True).start()  # collected whenever it ends
    if not ready:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines else "it ended while booting")


def end(folder: Path) -> None:
    """Ends the machine and removes all of it. No error when it is gone."""
    pid = pid_of(folder)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        while pid_of(folder) == pid and time.monotonic() < deadline:
            time.sleep(0.05)
        if pid_of(folder) == pid:
            os.kill(pid, signal.SIGKILL)
    if (folder / "machine.json").exists():
        machine_of(folder).stop()


def leader_of(folder: Path) -> int:
    """Process 1 of the machine. Raises RuntimeError when it does not run."""
    try:
        return leader(int((folder / "container").read_text()))
    except (OSError, ValueError):
        raise RuntimeError("the instance is not running") from None


def pid_of(folder: Path) -> int:
    """Of the keeper; 0 when none runs. A number that another program has by now does not count."""
    try:
        pid = int((folder / "keeper").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return 0
    return pid if str(folder).encode() in words else 0


def main(folder: Path) -> int:
    os.umask(0o022)  # what is made here becomes the instance's
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    (folder / "keeper").write_text(str(os.getpid()))
    machine = machine_of(folder)
    with locked(machine.layers[0].parent, fcntl.LOCK_SH):
        if not machine.layers[0].exists():
            sys.stderr.write("the image of this instance is gone; delete the stack and create it again\n")
            return 1
        try:
            machine.boot()
        except (RuntimeError, TimeoutError, OSError) as error:
            sys.stderr.write(f"{' '.join(str(error).split())}\n")
            return 1
        os.write(1, b"up\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        ended.wait()
        machine.power_off()
        machine.stop(keep_disk=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
