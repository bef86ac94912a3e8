"""The product's machine, with what tests need beside it: a stack that is told, and the outside world to act from."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deploy.local.machine.machine import CGROUPS, missing
from deploy.local.machine.machine import Machine as Booted
from deploy.local.machine.network import AUTHORITY_ADDRESS, run, wait_until

__all__ = ["AUTHORITY_ADDRESS", "Machine", "missing", "run", "wait_until"]
SIGNAL_PATH = "/signal"


class Machine(Booted):
    def __init__(self, name: str, folder: Path, layers: Sequence[Path], *, binds: Sequence[str] = ()) -> None:
        self._told: list[dict[str, str]] = []
        told = self._told

        class Stack(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                right = self.path == SIGNAL_PATH and self.headers["x-token"] == "t"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if right:
                    told.append(json.loads(body))
                self.send_response(200 if right else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._stack = ThreadingHTTPServer(("127.0.0.1", 0), Stack)
        threading.Thread(target=self._stack.serve_forever, args=(0.05,), daemon=True).start()
        port = self.signal_port = self._stack.server_port
        self.signal_command = f"curl -X POST -H 'x-token: t' 'http://127.0.0.1:{port}{SIGNAL_PATH}'"
        super().__init__(name, folder, layers, binds=binds, signals=(port, SIGNAL_PATH))

    def stop(self, *, keep_disk: bool = False) -> None:
        self._stack.shutdown()
        self._stack.server_close()
        super().stop(keep_disk=keep_disk)

    def signals(self) -> list[dict[str, str]]:
        """What the instance signalled to its stack so far."""
        return list(self._told)

    @property
    def public_address(self) -> str:
        return self.network.public_address

    @property
    def outside(self) -> str:
        """The network namespace from where the instance has its public address."""
        return self.network.outside

    def move_to(self, public_address: str) -> None:
        self.network.move_to(public_address)

    def outside_execute(
        self, *command: str | Path, check: bool = True, timeout: float = 45
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of the host in the outside namespace."""
        return run("ip", "netns", "exec", self.outside, *command, check=check, timeout=timeout)

    def host_pid(self, pid: int) -> int:
        """A process of the instance, as this machine numbers it."""
        ours = Path(f"/proc/{self.leader()}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                numbers = (process / "status").read_text().partition("NSpid:")[2].partition("\n")[0].split()
                if numbers[-1:] == [str(pid)] and (process / "ns/pid").readlink() == ours:
                    return int(process.name)
        raise RuntimeError(f"no process {pid} in {self.name}")

    @contextlib.contextmanager
    def starving(self, pids: Sequence[int]) -> Iterator[None]:
        """Leaves these processes of the instance no more memory than they have: whatever they ask for next, the kernel
        kills them, as on a machine whose memory is used up. All have to have ended at the end."""
        v2 = (CGROUPS / "cgroup.controllers").exists()
        group = (CGROUPS if v2 else CGROUPS / "memory") / f"{self.name}-starved"
        group.mkdir()
        (group / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text("0")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(self.host_pid(pid)))
        try:
            yield
        finally:
            for process in (group / "cgroup.procs").read_text().split():
                os.kill(int(process), signal.SIGKILL)
            wait_until(lambda: not (group / "cgroup.procs").read_text(), 20, f"{group} is empty")
            group.rmdir()
