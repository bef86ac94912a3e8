"""A booted Debian 12 on this machine: systemd as process 1 in systemd-nspawn, on a throw-away overlay, in network
namespaces of its own, with the world around it that an ECS instance has.

    outside namespace                      instance namespace
    100.100.100.200  metadata service ──── md0 100.100.100.201
    203.0.113.1      certificate authority
    203.0.113.10     the public address: translated to 100.100.100.201, as the cloud does; not on any interface inside
                                           tap0 10.0.2.100 ── slirp4netns ── package mirrors

Needs root and Linux with overlayfs, iproute2, nftables, slirp4netns and systemd-container; changes nothing of the host
but its own namespaces, mounts and control groups, all of which `stop` removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
METADATA_ADDRESS = "100.100.100.200"
INSIDE_ADDRESS = "100.100.100.201"
AUTHORITY_ADDRESS = "203.0.113.1"
REBOOT = 133  # systemd-nspawn's exit code when the instance asks for a reboot
TOOLS = ("systemd-nspawn", "slirp4netns", "ip", "nft", "nsenter", "mmdebstrap")
PACKAGES = "systemd-container slirp4netns iproute2 nftables mmdebstrap"  # Debian's, for TOOLS
WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")  # a test run that is killed leaves no instance running
GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> str:
    """Why instances cannot be booted here; empty if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return (
            f"{', '.join(absent)} missing: apt-get install systemd-container slirp4netns iproute2 nftables mmdebstrap"
        )
    return ""


def run(*command: str | Path, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done  # type: ignore[no-any-return]


def wait_until(true: object, seconds: float, what: str, every: float = 0.1) -> None:
    """Raises `TimeoutError` naming `what` when the callable `true` stays false for so long."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Machine:
    """One instance. `layers` are read-only root file systems, the first on top; `binds` are OUTSIDE:INSIDE paths."""

    def __init__(self, name: str, folder: Path, layers: Sequence[Path], *, binds: Sequence[str] = ()) -> None:
        self.name, self.folder, self.layers = f"wl-{name}", folder, layers
        self.root, self.changes = folder / "root", folder / "up"
        self.outside = f"{self.name}-out"
        self.public_address = "203.0.113.10"
        self.binds = tuple(f"--bind-ro={bind}" for bind in binds)
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._container: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._boots = 0
        self._stopping = False

    # --- life

    def boot(self) -> Machine:
        """Returns when systemd says that the system runs. Raises with the console's end when it does not."""
        try:
            self._mount()
            self._connect()
            self._control_groups()
            self._supervisor = threading.Thread(target=self._supervise, daemon=True)
            self._supervisor.start()
            wait_until(lambda: self._up(1), 120, f"boot of {self.name}; console: {self.console()}")
        except BaseException:
            self.stop()
            raise
        return self

    def reboot(self) -> None:
        boots = self._boots
        self.execute("systemctl", "reboot", check=False)
        wait_until(lambda: self._up(boots + 1), 120, f"reboot of {self.name}; console: {self.console()}")

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

    def power_on(self) -> None:
        self._stopping = False
        boots = self._boots
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()
        wait_until(lambda: self._up(boots + 1), 120, f"start of {self.name}; console: {self.console()}")

    def freeze(self) -> Path:
        """Powers off and gives the changes as a layer for other instances; `stop` still removes them."""
        self.power_off()
        run("umount", self.root)
        return self.changes

    def stop(self) -> None:
        """Pulls the plug and removes everything. Safe to call twice and after a failed boot."""
        self._stopping = True
        if self._container and self._container.poll() is None:
            with contextlib.suppress(OSError, RuntimeError):
                os.kill(self._leader(), signal.SIGKILL)  # of a process namespace: all in it end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._container.wait(10)
        self.power_off()
        for helper in self._helpers:
            helper.terminate()
            helper.wait()
        self._helpers.clear()
        for group in self._groups():
            for child in sorted(group.rglob("*"), reverse=True):
                if child.is_dir():
                    with contextlib.suppress(OSError):
                        child.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
        for namespace in (self.name, self.outside):
            run("ip", "netns", "del", namespace, check=False)
        for _ in range(20):
            if not os.path.ismount(self.root) or run("umount", self.root, check=False).returncode == 0:
                break
            time.sleep(0.2)
        if not os.path.ismount(self.root):
            shutil.rmtree(self.folder, ignore_errors=True)

    def console(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "console.log").read_text(errors="replace")[-2000:]
        return ""

    # --- what is done inside and around it

    def execute(
        self, *command: str | Path, check: bool = True, text_in: str | None = None, timeout: float = 45
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside, as root, outside any unit. Raises on failure unless `check` is False."""
        enter = ("nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--")
        environment = ("env", "-i", f"PATH={GUEST_PATH}", "HOME=/root", "LANG=C.UTF-8")
        stdin: dict[str, object] = {"stdin": subprocess.DEVNULL} if text_in is None else {"input": text_in}
        return run(*enter, *environment, *command, check=check, timeout=timeout, **stdin)

    def run_command(
        self, script: str, timeout: float = 300, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script as Cloud Assistant does: a 0755 file, `sh -c FILE`, in /root, no standard input, merged output,
        and at the time-out only its main process is killed."""
        path = f"/usr/local/share/aliyun-assist/work/script/t-{time.monotonic_ns()}.sh"
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script)
        file.chmod(0o755)
        properties = ("KillMode=process", f"RuntimeMaxSec={timeout}", "WorkingDirectory=/root", "UMask=0022")
        options = [word for item in properties for word in ("-p", item)]
        options += [f"-E{name}={value}" for name, value in ({"HOME": "/root"} | (environment or {})).items()]
        done = self.execute(
            "systemd-run", "--quiet", "--wait", "--pipe", "--collect", *options, "sh", "-c", f"{path} 2>&1",
            check=False, timeout=timeout + 30,
        )  # fmt: skip
        file.unlink()
        return done

    def outside_execute(
        self, *command: str | Path, check: bool = True, timeout: float = 45
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of the host in the outside namespace, from where the instance has its public address."""
        return run("ip", "netns", "exec", self.outside, *command, check=check, timeout=timeout)

    def path(self, path: str) -> Path:
        """The file of the instance, to read or write from here."""
        return self.root / path.lstrip("/")

    def move_to(self, public_address: str) -> None:
        """Gives the instance another public address, as a stop and start does."""
        self.public_address = public_address
        rules = f"""flush ruleset
table ip nat {{
    chain output {{
        type nat hook output priority -100
        ip daddr {public_address} dnat to {INSIDE_ADDRESS}
    }}
}}
"""
        run("ip", "netns", "exec", self.outside, "nft", "-f", "-", input=rules)
        self._write_metadata()

    def signals(self) -> list[dict[str, str]]:
        """What the instance signalled to its stack so far."""
        file = self.folder / "signals.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    # --- parts

    def _mount(self) -> None:
        for part in (self.root, self.changes, self.folder / "work"):
            part.mkdir(parents=True)
        layers = ":".join(str(layer) for layer in self.layers)
        options = f"lowerdir={layers},upperdir={self.changes},workdir={self.folder / 'work'}"
        run("mount", "-t", "overlay", self.name, "-o", options, self.root)
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("nameserver 10.0.2.3\n")
        (etc / "machine-id").write_text("")

    def _connect(self) -> None:
        for namespace in (self.name, self.outside):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run(
            "ip", "link", "add", "md0", "netns", self.name, "type", "veth", "peer", "name", "md0", "netns", self.outside
        )
        for namespace, address in ((self.outside, METADATA_ADDRESS), (self.name, INSIDE_ADDRESS)):
            run("ip", "-n", namespace, "addr", "add", f"{address}/31", "dev", "md0")
            run("ip", "-n", namespace, "link", "set", "md0", "up")
        run("ip", "-n", self.outside, "addr", "add", f"{AUTHORITY_ADDRESS}/32", "dev", "lo")
        run("ip", "-n", self.outside, "route", "add", "203.0.113.0/24", "dev", "md0", "src", AUTHORITY_ADDRESS)
        run("ip", "-n", self.name, "route", "add", f"{AUTHORITY_ADDRESS}/32", "via", METADATA_ADDRESS)
        self.move_to(self.public_address)
        self._help("cloud", "ip", "netns", "exec", self.outside, sys.executable,
                   str(Path(__file__).with_name("cloud.py")), METADATA_ADDRESS, str(self.folder))  # fmt: skip
        ready_out, ready_in = os.pipe()
        namespace_path = ("--netns-type=path", f"--ready-fd={ready_in}", f"/run/netns/{self.name}")
        slirp = ("slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", *namespace_path, "tap0")
        self._help("slirp", *slirp, pass_fds=[ready_in])
        os.close(ready_in)
        with os.fdopen(ready_out, "rb") as ready:
            ready.read(1)

    def _write_metadata(self) -> None:
        values = {
            "instance-id": "i-lab0001",
            "region-id": "cn-hangzhou",
            "zone-id": "cn-hangzhou-h",
            "instance/instance-type": "ecs.gn7i-c16g1.4xlarge",
            "private-ipv4": INSIDE_ADDRESS,
            "eipv4": self.public_address,
        }
        (self.folder / "metadata.json").write_text(json.dumps(values))

    def _help(self, name: str, *command: str, pass_fds: Iterable[int] = ()) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._helpers.append(
                subprocess.Popen(
                    WITH_US + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=tuple(pass_fds)
                )
            )

    def _groups(self) -> list[Path]:
        if (CGROUPS / "cgroup.controllers").exists():
            return [CGROUPS / self.name]
        return [CGROUPS / tree / self.name for tree in ("unified", "systemd", "memory") if (CGROUPS / tree).is_dir()]

    def _control_groups(self) -> None:
        for group in self._groups():
            group.mkdir(exist_ok=True)

    def _supervise(self) -> None:
        code = REBOOT
        while code == REBOOT and not self._stopping:
            self._container = self._spawn()
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

    def _leader(self) -> int:
        if not self._container:
            raise RuntimeError(f"{self.name} is not booted")
        pid = self._container.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise RuntimeError(f"{self.name} is not running")
        return int(children[-1])

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
