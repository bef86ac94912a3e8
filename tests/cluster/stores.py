"""The recordings' store as one node alone sees it, broken by the kernel: mounts inside that node's own namespace.

hanging   a file system whose server is stopped (FUSE): whoever touches it waits, as for a NAS that is gone
failing   a file system that was shut down (ext4): every read and write is EIO
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .machines import Node, until

HERE = os.getuid() == 0 and Path("/dev/fuse").exists() and shutil.which("bindfs") and Path("/dev/loop-control").exists()
_SHUT_DOWN = """
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))  # EXT4_IOC_SHUTDOWN, without a flush
"""


def _inside(node: Node) -> tuple[str, ...]:
    assert node.process is not None
    return ("nsenter", "--target", str(node.process.pid), "--mount")


@contextlib.contextmanager
def hanging(node: Node, media: Path) -> Iterator[str]:
    """Gives what /readyz says of it."""
    assert node.process is not None
    mounts = Path(f"/proc/{node.process.pid}/mounts")
    server = subprocess.Popen([*_inside(node), "bindfs", "-f", "-o", "nonempty", str(media), str(media)])
    try:
        until(lambda: f" {media} fuse" in mounts.read_text(), "it is mounted")
        server.send_signal(signal.SIGSTOP)
        yield "does not answer"
    finally:
        server.send_signal(signal.SIGCONT)
        subprocess.run([*_inside(node), "umount", "--lazy", str(media)], check=True)
        server.wait(20)


@contextlib.contextmanager
def failing(node: Node, media: Path) -> Iterator[str]:
    """Gives what /readyz says of it."""
    image, copy = media.with_name("image"), media.with_name("copy")
    copy.mkdir()
    image.touch()
    os.truncate(image, 16 << 20)

    def call(*command: str) -> None:
        subprocess.run([*_inside(node), *command], check=True)

    call("mkfs.ext4", "-q", str(image))
    call("mount", "-o", "loop", str(image), str(copy))
    call("cp", "-a", f"{media}/.", str(copy))
    call("mount", "--bind", str(copy), str(media))
    try:
        call(sys.executable, "-c", _SHUT_DOWN, str(media))
        yield "Input/output error"
    finally:
        call("umount", "--lazy", str(media), str(copy))
        copy.rmdir()
        image.unlink()
