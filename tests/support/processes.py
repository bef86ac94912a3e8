"""Looking at this machine's processes, as `ps` would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return b""


def mentioning(needle: str) -> dict[int, str]:
    """Processes with `needle` in their command line or environment: pid -> command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        command = _read(folder / "cmdline")
        if needle.encode() in command + _read(folder / "environ"):
            found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def files_holding(needle: str, *roots: Path) -> Iterator[Path]:
    """Regular files below the roots (links not followed) whose bytes contain `needle`."""
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink() and needle.encode() in _read(path):
                yield path
