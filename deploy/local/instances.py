"""What stands for an ECS instance on this machine, and runs commands as Cloud Assistant does. Two kinds:

process   a private folder is the instance's root; every process that belongs to it carries its id in the
          environment, which is how it is found and ended
systemd   the image `systemd`: a booted Debian (booted.py)
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .booted import Booted, Command
from .errors import CancelError, ResourceError

LOCAL_ADDRESS = "127.0.0.1"  # where a process instance answers
SYSTEMD = "systemd"  # ImageId of booted instances
OUTPUT_BYTES = 24 * 1024  # Cloud Assistant keeps the end of longer output
TERM_GRACE_SECONDS = 5.0
# Exit codes by which a command asks for a restart of its instance, and to be run again after it ("Run Command" of the
# Cloud Assistant documentation).
REBOOT, REBOOT_AND_AGAIN = 193, 194
_MOST_REBOOTS = 10
MARK = "WHISPER_INSTANCE_ID"


@dataclass(frozen=True)
class Outcome:
    """What became of a command; `exit_code` is None when it was ended for taking too long."""

    exit_code: int | None
    output: str = field(repr=False)
    dropped: int = 0  # bytes of output that were not kept

    @property
    def good(self) -> bool:
        return self.exit_code in (0, REBOOT)

    def __str__(self) -> str:
        end = "took longer than its Timeout" if self.exit_code is None else f"ended with exit code {self.exit_code}"
        lines = [line.strip() for line in self.output.splitlines() if line.strip()][-5:]
        return f"{end}; last output: {' / '.join(lines)}" if lines else f"{end} without output"


class Instances:
    """The instances below one folder, started from the images below another. `signals` is the emulator's port, and the
    path there that booted instances may post to."""

    def __init__(
        self,
        folder: Path,
        images: Path,
        signals: tuple[int, str] = (0, ""),
        role: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`role` gives what an instance with a RAM role finds in its environment, in place of the metadata service."""
        self._folder, self._images, self._role = folder, images, role
        self._booted = Booted(images, signals)
        self._lock = threading.Lock()

    def create(self, instance_id: str, image_id: str, role_in: str = "") -> None:
        """Copies the image, symbolic links as links, and reserves a port. An image without a folder is `default`;
        `systemd` boots. `role_in` is the region of an instance that has a RAM role. Raises ResourceError."""
        if image_id == SYSTEMD:
            root = self._root(instance_id)
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._note(instance_id, {"image": image_id, "port": 0, "address": ""})  # so that a failed boot is removed
            address = self._booted.create(instance_id, root)
            self._note(instance_id, {"image": image_id, "port": 0, "address": address})
            return
        image = self._images / image_id
        if "/" in image_id or not image.is_dir():
            image = self._images / "default"
        root = self._root(instance_id)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if image.is_dir():
            shutil.copytree(image, root, symlinks=True, dirs_exist_ok=True)
        (root / "root").mkdir(mode=0o700, exist_ok=True)
        (root / "tmp").mkdir(mode=0o700, exist_ok=True)
        with self._lock:
            self._note(instance_id, {"image": image_id, "port": self._free_port(), "role_in": role_in})

    def address(self, instance_id: str) -> str:
        """Its public one."""
        return str(self._known(instance_id).get("address") or LOCAL_ADDRESS)

    def resume(self) -> None:
        """After the emulator was away: booted instances that are down come up again, as far as they can; what commands
        left is removed."""
        for record in self._folder.glob("*.json"):
            if self._is_booted(record.stem):
                self._booted.resume(self._root(record.stem))
        for folder in self._folder.glob("*/tmp/command-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def exists(self, instance_id: str) -> bool:
        return self._record(instance_id).is_file()

    def port(self, instance_id: str) -> int:
        """At which its app answers on 127.0.0.1."""
        return int(self._known(instance_id)["port"])

    def delete(self, instance_id: str) -> None:
        """Ends the instance's processes and removes its folder; an instance that is gone is no error."""
        if self._is_booted(instance_id):
            self._booted.delete(self._root(instance_id))
        else:
            end_marked(instance_id)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._root(instance_id))
        self._record(instance_id).unlink(missing_ok=True)

    def run(
        self, instance_id: str, script: str, timeout: float, working_dir: str, cancelled: Callable[[], bool]
    ) -> Outcome:
        """Runs `script` and waits for it: `sh -c FILE`, no input, output and errors merged. After `timeout` seconds
        only the command itself is ended, not what it started, as Cloud Assistant does. Exit codes 193 and 194 restart
        the instance (its processes end), 194 then runs the command again. Raises CancelError after ending the command
        when `cancelled` turns true."""
        for _ in range(_MOST_REBOOTS):
            outcome = self._run_once(instance_id, script, timeout, working_dir, cancelled)
            if outcome.exit_code in (REBOOT, REBOOT_AND_AGAIN):
                self._restart(instance_id)
            if outcome.exit_code != REBOOT_AND_AGAIN:
                return outcome
        raise ResourceError(f"The command asked {_MOST_REBOOTS} times to run again after a restart of {instance_id}")

    def _run_once(
        self, instance_id: str, script: str, timeout: float, working_dir: str, cancelled: Callable[[], bool]
    ) -> Outcome:
        if self._is_booted(instance_id):
            command = self._booted.command(self._root(instance_id), script, timeout, working_dir)
        else:
            command = self._process_command(instance_id, script, working_dir)
        try:
            with command as (arguments, options), tempfile.TemporaryFile() as sink:
                process = subprocess.Popen(
                    arguments, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                    start_new_session=True, umask=0o022, **options,
                )  # fmt: skip
                return Outcome(_wait(process, timeout, cancelled), *_tail(sink))
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ResourceError(f"The command could not be started on {instance_id}: {reason}") from None

    @contextlib.contextmanager
    def _process_command(self, instance_id: str, script: str, working_dir: str) -> Iterator[Command]:
        root = self._root(instance_id)
        folder = root / "tmp" / f"command-{time.time_ns()}"
        folder.mkdir(mode=0o700)
        try:
            file = folder / "script.sh"
            file.touch(mode=0o700)
            file.write_text(script, encoding="utf-8")
            options = {"cwd": root / working_dir.lstrip("/"), "env": self._environment(instance_id)}
            yield ("sh", "-c", str(file)), options
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _restart(self, instance_id: str) -> None:
        if self._is_booted(instance_id):
            self._booted.restart(self._root(instance_id))
        else:
            end_marked(instance_id)

    def _environment(self, instance_id: str) -> dict[str, str]:
        root = self._root(instance_id)
        known = self._known(instance_id)
        role_in = known.get("role_in")
        return {
            **({**self._role(), "WHISPER_CLOUD_REGION": role_in} if role_in else {}),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root / "root"),
            "LANG": "C.UTF-8",
            "WHISPER_ROOT": str(root),
            "WHISPER_PORT": str(known["port"]),
            MARK: instance_id,
        }

    def _free_port(self) -> int:
        taken = {json.loads(path.read_text())["port"] for path in self._folder.glob("*.json")}
        while (port := free_port()) in taken:
            pass
        return port

    def _root(self, instance_id: str) -> Path:
        return self._folder / instance_id

    def _record(self, instance_id: str) -> Path:
        return self._folder / f"{instance_id}.json"

    def _known(self, instance_id: str) -> dict[str, Any]:
        """What was noted of an instance; empty when there is none."""
        try:
            known = json.loads(self._record(instance_id).read_text())
        except FileNotFoundError:
            return {}
        assert isinstance(known, dict)
        return known

    def _note(self, instance_id: str, record: dict[str, Any]) -> None:
        self._record(instance_id).write_text(json.dumps(record))

    def _is_booted(self, instance_id: str) -> bool:
        return self._known(instance_id).get("image") == SYSTEMD


def free_port() -> int:
    """One of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_marked(owner: str, grace: float = TERM_GRACE_SECONDS) -> None:
    """Ends every process of an instance or a daemon: TERM, and KILL for what is still there after the grace in
    seconds; looks again for what was started meanwhile."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while living := list(marked(owner)):
        late = time.monotonic() > deadline
        for pid in living:
            if late or pid not in asked:
                asked.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.05)


def _wait(process: subprocess.Popen[bytes], timeout: float, cancelled: Callable[[], bool]) -> int | None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            return process.wait(min(0.1, max(0.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            if not cancelled() and time.monotonic() < deadline:
                continue
        process.kill()
        process.wait()
        if cancelled():
            raise CancelError
        return None


def _tail(output: BinaryIO) -> tuple[str, int]:
    """The end of the output that is kept, and how many bytes went before it."""
    dropped = max(0, output.seek(0, os.SEEK_END) - OUTPUT_BYTES)
    output.seek(dropped)
    return output.read().decode("utf-8", "replace"), dropped


def marked(owner: str) -> Iterator[int]:
    """This user's living processes that carry the id of an instance or a daemon."""
    mark = f"{MARK}={owner}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # gone meanwhile, or another user's
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)
