"""A booted instance: systemd as process 1 in systemd-nspawn, on a throw-away overlay.

Needs root and Linux with overlayfs, iproute2, nftables, slirp4netns and systemd-container; changes nothing of this
machine but namespaces, mounts and control groups of its own, all of which `stop` removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from .network import WITH_US, Network, run, wait_until

CGROUPS = Path("/sys/fs/cgroup")
REBOOT = 133  # systemd-nspawn's exit code when the instance asks for a reboot
BOOT_SECONDS = 120
TOOLS = ("systemd-nspawn", "slirp4netns", "ip", "nft", "nsenter", "mmdebstrap")
PACKAGES = "systemd-container slirp4netns iproute2 nftables mmdebstrap"  # Debian's, for TOOLS
GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRIPTS = "/usr/local/share/aliyun-assist/work/script"  # where Cloud Assistant puts commands


def missing() -> tuple[str, str]:
    """Why instances cannot be booted here and what to do about it; two empty texts if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "an instance with systemd needs root on Linux", "run it with sudo, or leave out --instance systemd"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return f"an instance with systemd needs {', '.join(absent)}", f"apt-get install {PACKAGES}"
    if not Path("/dev/net/tun").exists():
        return "an instance with systemd needs /dev/net/tun", "modprobe tun; in a container, pass the device in"
    return "", ""


class Machine:
    """One instance. `layers` are read-only root file systems, the first on top; `binds` are OUTSIDE:INSIDE paths;
    `signals` as in `Network`."""

    def __init__(
        self,
        name: str,
        folder: Path,
        layers: Sequence[Path],
        *,
        public_address: str = "203.0.113.10",
        binds: Sequence[str] = (),
        signals: tuple[int, str] | None = None,
    ) -> None:
        self.name, self.folder, self.layers = f"wl-{name}", folder, layers
        self.root, self.changes = folder / "root", folder / "up"
        self.network = Network(self.name, folder, public_address, signals)
        self.binds = tuple(f"--bind-ro={bind}" for bind in binds)
        self._container: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._boots = 0
        self._stopping = False

    # --- life

    def boot(self) -> Self:
        """Returns when systemd says that the system runs; a disk that is there already is used again. Raises
        RuntimeError or TimeoutError with the console's end when it does not."""
        try:
            self._mount()
            self.network.connect()
            for group in self._groups():
                group.mkdir(exist_ok=True)
            self.power_on()
        except BaseException:
            self.stop(keep_disk=True)
            raise
        return self

    def power_on(self) -> None:
        """After `power_off`, from the same disk."""
        self._stopping = False
        boots = self._boots
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()
        wait_until(lambda: self._up(boots + 1), BOOT_SECONDS, f"boot of {self.name}; console: {self.console()}")

    def reboot(self) -> None:
        boots = self._boots
        self.execute("systemctl", "reboot", check=False)
        wait_until(lambda: self._up(boots + 1), BOOT_SECONDS, f"reboot of {self.name}; console: {self.console()}")

    def power_off(self) -> None:
        """Clean shutdown; the disk stays, `power_on` boots it again."""
        self._stopping = True
        if self._container:
            self._container.send_signal(signal.SIGTERM)
        if self._supervisor:
            self._supervisor.join(30)
        if self._container and self._container.poll() is None:
            self._container.kill()
            self._container.wait()

    def freeze(self) -> Path:
        """Powers off and gives the changes as a layer for other instances; `stop` still removes them."""
        self.power_off()
        run("umount", self.root)
        return self.changes

    def stop(self, *, keep_disk: bool = False) -> None:
        """Pulls the plug and removes everything. Safe to call twice, after a failed boot, and for what a process that
        was killed left behind."""
        self._stopping = True
        if self._container and self._container.poll() is None:
            with contextlib.suppress(OSError, RuntimeError):
                os.kill(self.leader(), signal.SIGKILL)  # of a process namespace: all in it end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._container.wait(10)
        self._end_left()
        self.power_off()
        self.network.close()
        for group in self._groups():
            _remove_group(group)
        for _ in range(50):
            if not os.path.ismount(self.root) or run("umount", self.root, check=False).returncode == 0:
                break
            time.sleep(0.1)
        if not keep_disk and not os.path.ismount(self.root):
            shutil.rmtree(self.folder, ignore_errors=True)

    def console(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "console.log").read_text(errors="replace")[-2000:]
        return ""

    # --- what is done inside it

    def execute(
        self, *command: str | Path, check: bool = True, text_in: str | None = None, timeout: float = 45
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside, as root, outside any unit. Raises on failure unless `check` is False."""
        stdin: dict[str, object] = {"stdin": subprocess.DEVNULL} if text_in is None else {"input": text_in}
        return run(*inside(self.leader()), *command, check=check, timeout=timeout, **stdin)

    def run_command(
        self, script: str, timeout: float = 300, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script as Cloud Assistant does and waits for it."""
        path = f"{SCRIPTS}/t-{time.monotonic_ns()}.sh"
        command = as_assistant(self.root, path, script, timeout, environment or {})
        done = self.execute(*command, check=False, timeout=timeout + 30)
        self.path(path).unlink()
        return done

    def path(self, path: str) -> Path:
        """The file of the instance, to read or write from here."""
        return self.root / path.lstrip("/")

    def leader(self) -> int:
        """The instance's process 1, as this machine numbers it. Raises RuntimeError when it does not run."""
        if not self._container:
            raise RuntimeError(f"{self.name} is not booted")
        return leader(self._container.pid)

    # --- parts

    def _end_left(self) -> None:
        """The container of a process that was killed: it halts by itself, but a new one finds its files in use until
        then, so it is ended at once."""
        for _ in range(100):
            pid = self._left()
            if not pid:
                return
            with contextlib.suppress(OSError, RuntimeError):
                os.kill(leader(pid), signal.SIGKILL)
            time.sleep(0.1)

    def _left(self) -> int:
        """The process of systemd-nspawn that somebody else started for this machine and that still runs; 0: none."""
        try:
            pid = int((self.folder / "container").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        own = self._container is not None and self._container.pid == pid
        return pid if not own and str(self.root).encode() in words else 0

    def _mount(self) -> None:
        for part in (self.root, self.changes, self.folder / "work"):
            part.mkdir(parents=True, exist_ok=True)
        layers = ":".join(str(layer) for layer in self.layers)
        # metacopy: a hard link to a file of a layer, as an upgrade makes thousands, need not copy its contents.
        options = f"lowerdir={layers},upperdir={self.changes},workdir={self.folder / 'work'},metacopy=on"
        run("mount", "-t", "overlay", self.name, "-o", options, self.root)
        etc = self.root / "etc"
        if (self.changes / "etc" / "machine-id").exists():
            return  # booted before
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("nameserver 10.0.2.3\n")
        (etc / "machine-id").write_text("")

    def _groups(self) -> list[Path]:
        if (CGROUPS / "cgroup.controllers").exists():
            return [CGROUPS / self.name]
        return [CGROUPS / tree / self.name for tree in ("unified", "systemd", "memory") if (CGROUPS / tree).is_dir()]

    def _supervise(self) -> None:
        code = REBOOT
        while code == REBOOT and not self._stopping:
            self._container = self._spawn()
            (self.folder / "container").write_text(str(self._container.pid))
            self._boots += 1
            code = self._container.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        into_groups = 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
        command = (
            *WITH_US, "sh", "-c", into_groups, "sh", *map(str, self._groups()), "--",
            "systemd-nspawn", "--quiet", "-D", str(self.root), "--boot", f"--machine={self.name}", "--register=no",
            "--keep-unit", f"--network-namespace-path=/run/netns/{self.name}", "--capability=CAP_NET_ADMIN",
            "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe", *self.binds,
        )  # fmt: skip
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (self.folder / "console.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def _up(self, boots: int) -> bool:
        if self._boots < boots:
            return False
        if self._container and self._container.poll() not in (None, REBOOT):
            raise RuntimeError(f"{self.name} ended while booting: {self.console()}")
        try:
            state = self.execute("systemctl", "is-system-running", check=False).stdout.strip()
        except (RuntimeError, OSError, ValueError):
            return False
        return state in ("running", "degraded")


def leader(container: int) -> int:
    """Process 1 of the container of this process of systemd-nspawn. Raises RuntimeError when there is none."""
    try:
        children = Path(f"/proc/{container}/task/{container}/children").read_text().split()
    except OSError:
        children = []
    if not children:
        raise RuntimeError("the instance is not running")
    return int(children[-1])


def inside(leader: int) -> tuple[str, ...]:
    """What to put before a command so that it runs inside, as root, outside any unit."""
    enter = ("nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--")
    return (*enter, "env", "-i", f"PATH={GUEST_PATH}", "HOME=/root", "LANG=C.UTF-8")


def as_assistant(
    root: Path, path: str, script: str, timeout: float, environment: dict[str, str], *, working_dir: str = "/root"
) -> tuple[str, ...]:
    """Writes the script to `path` below `root` and gives the command that runs it inside as Cloud Assistant does: a
    0755 file, `sh -c FILE`, no standard input, merged output, and at the time-out only its main process is killed."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o700)
    file.write_text(script)
    file.chmod(0o755)
    properties = ("KillMode=process", f"RuntimeMaxSec={timeout}", f"WorkingDirectory={working_dir}", "UMask=0022")
    options = [word for item in properties for word in ("-p", item)]
    options += [f"-E{name}={value}" for name, value in ({"HOME": "/root"} | environment).items()]
    unit = f"--unit=command-{file.stem}"
    return ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", unit, *options, "sh", "-c", f"{path} 2>&1")


def _remove_group(group: Path) -> None:
    for child in [*sorted(group.rglob("*"), reverse=True), group]:
        if child.is_dir():
            with contextlib.suppress(OSError):
                child.rmdir()
