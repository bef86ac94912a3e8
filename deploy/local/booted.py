"""`systemd` instances: a Debian 12 with the image of this checkout, booted on this machine; in it everything is as on
ECS. Its public address is one of 127.77.0.0/16, where this machine's browser reaches ports 80 and 443 of it."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ResourceError
from .machine import keeper
from .machine.image import image
from .machine.machine import SCRIPTS, as_assistant, inside, missing
from .machine.network import WEB_PORTS

Command = tuple[tuple[str, ...], dict[str, Any]]  # arguments, and options of Popen
_TRIES = 50
_BOOT_SECONDS = 120.0


class Booted:
    def __init__(self, images: Path, signals: tuple[int, str]) -> None:
        self._images, self._signals = images, signals

    def create(self, instance_id: str, root: Path) -> str:
        """Boots an instance, after making the image where there is none yet; returns its public address. Raises
        ResourceError."""
        why, remedy = missing()
        if why:
            raise ResourceError(f"{why}: {remedy}")
        address = _free_address(instance_id)
        packages = root.parent.parent / "packages"  # for `deploy upgrade --package FILE`
        packages.mkdir(mode=0o700, exist_ok=True)
        with self.image() as layers:
            keeper.describe(root, instance_id, layers, address, [f"{packages}:{packages}"], self._signals)
            # No authority would give a certificate for an address of this machine; none is asked.
            keeper.place(root, "etc/whisper/acme-directory", "https://127.0.0.1:9/none\n")
            self._keep(root)
        return address

    @contextlib.contextmanager
    def image(self) -> Iterator[tuple[Path, ...]]:
        default = self._images / "default" / "opt" / "whisper"
        package, weights = (default / "current" / "scripts").resolve().parent, default / "models"
        try:
            with image(package, weights.resolve() if weights.is_dir() else None) as made:
                yield made.layers
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise ResourceError(f"The image could not be made: {error}") from None

    def delete(self, root: Path) -> None:
        """Raises OSError when something of it is still in use."""
        keeper.end(root)

    def resume(self, root: Path) -> None:
        with contextlib.suppress(ResourceError):  # told when a command is to run
            self._keep(root)

    def restart(self, root: Path) -> None:
        """Returns when it has booted again."""
        before = (root / "container").read_text()
        subprocess.run((*inside(keeper.leader_of(root)), "systemctl", "reboot"), check=False, capture_output=True)
        deadline = time.monotonic() + _BOOT_SECONDS
        while (root / "container").read_text() == before or not _runs(root):
            if time.monotonic() > deadline:
                raise ResourceError("The instance did not come back after a restart")
            time.sleep(0.1)

    @contextlib.contextmanager
    def command(self, root: Path, script: str, timeout: float, working_dir: str) -> Iterator[Command]:
        """How to run a script in it; afterwards nothing of it is left. Raises RuntimeError when it is not up."""
        self._keep(root)
        path = f"{SCRIPTS}/t-{time.time_ns()}.sh"
        into = inside(keeper.leader_of(root))
        words = as_assistant(root / "root", path, script, timeout, {"LANG": "C.UTF-8"}, working_dir=working_dir)
        try:
            yield (*into, *words), {}
        finally:
            unit = f"command-{Path(path).stem}.service"
            # Only its main process, and only if it was cut short: what it started lives on.
            subprocess.run((*into, "systemctl", "kill", "--kill-whom=main", unit), check=False, capture_output=True)
            (root / "root" / path.lstrip("/")).unlink(missing_ok=True)

    def _keep(self, root: Path) -> None:
        try:
            keeper.keep(root)
        except (RuntimeError, OSError, ValueError) as error:
            raise ResourceError(f"The instance did not boot: {error}") from None


def _runs(root: Path) -> bool:
    try:
        asked = (*inside(keeper.leader_of(root)), "systemctl", "is-system-running")
    except RuntimeError:
        return False
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return done.stdout.strip() in ("running", "degraded")


def _free_address(instance_id: str) -> str:
    """One on which both web ports are free. Raises ResourceError when there is none."""
    start = int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[:2])
    for number in range(start, start + _TRIES):
        address = f"127.77.{number // 254 % 256}.{number % 254 + 1}"
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in WEB_PORTS:
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
            return address
    raise ResourceError("Ports 80 and 443 are taken on this machine: end what listens on them, on all addresses")
