"""weights.py --into FOLDER [--engines fast|both] [--from FOLDER] MODEL… : puts model weights in place, verified.

Which files make up a model, and the SHA-256 of each, is in weights.json beside this file, with the mirrors that are
tried in turn; WHISPER_WEIGHT_MIRRORS (URLs with {path}, separated by spaces) come before those, for a bucket of one's
own. A download goes on where it was cut; a file that is there and right is not fetched again. `--from` takes files
from a folder laid out like the target, for machines without a network.

A file without a recorded checksum is refused: `weights.py --into FOLDER --record MODEL…` fetches it, prints what it is,
and a person decides whether to write that into weights.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("weights.json")


class WeightsError(Exception):
    """One line: which file, what is wrong, what to do."""


@dataclass(frozen=True)
class File:
    """One file of a model: `path` below the models folder, where it comes from, and its checksum ("": unknown)."""

    path: str
    urls: tuple[str, ...]
    sha256: str


def files(manifest: dict[str, dict[str, object]], model: str, engines: str) -> Iterator[File]:
    """Raises `WeightsError` for a model that the manifest does not know."""
    own = os.environ.get("WHISPER_WEIGHT_MIRRORS", "").split()
    wanted = ("faster-whisper",) if engines == "fast" else ("faster-whisper", "openai-whisper")
    if not any(model in manifest[engine]["models"] for engine in wanted):  # type: ignore[operator]
        known = sorted({name for engine in wanted for name in manifest[engine]["models"]})  # type: ignore[attr-defined]
        raise WeightsError(f"model {model!r}: not in {MANIFEST.name}, which has {', '.join(known)}")
    for engine in wanted:
        entry = manifest[engine]
        for item in entry["models"].get(model, ()):  # type: ignore[attr-defined]
            path = f"{engine}/{item['path']}"
            urls = [mirror.format(path=path) for mirror in own]
            urls += [mirror.format(**item) for mirror in entry["mirrors"]]  # type: ignore[attr-defined]
            yield File(path, tuple(urls), item.get("sha256", ""))


def checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(file: File, target: Path, folder: Path | None) -> None:
    """Puts the file at `target`, unverified. Raises `WeightsError` when no source has it."""
    if folder is not None:
        if not (folder / file.path).is_file():
            raise WeightsError(f"{file.path}: not in {folder}")
        shutil.copyfile(folder / file.path, target)
        return
    for url in file.urls:
        sys.stdout.write(f"  {url}\n")
        sys.stdout.flush()
        command = ("curl", "-fsSL", "--retry", "5", "--retry-all-errors", "--connect-timeout", "15",
                   "--speed-limit", "10000", "--speed-time", "60", "-C", "-", "-o", str(target), url)  # fmt: skip
        if subprocess.run(command, check=False).returncode == 0:
            return
    raise WeightsError(f"{file.path}: no mirror answers; set WHISPER_WEIGHT_MIRRORS, or give a folder with --from")


def install(file: File, into: Path, folder: Path | None, record: bool) -> None:
    """Raises `WeightsError` for a missing or wrong checksum; a wrong file is deleted, an existing right one kept."""
    target = into / file.path
    if target.is_file() and file.sha256 and checksum(target) == file.sha256:
        return
    if not file.sha256 and not record:
        raise WeightsError(
            f"{file.path}: no checksum in {MANIFEST.name}; type `python3 {MANIFEST.parent / 'weights.py'} "
            f"--into {into} --record MODEL`, compare what it prints with the publisher's, and write it there"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    fetch(file, partial, folder)
    found = checksum(partial)
    if record:
        sys.stdout.write(f"{file.path}: {partial.stat().st_size} bytes, sha256 {found}\n")
    if file.sha256 and found != file.sha256:
        partial.unlink()
        raise WeightsError(f"{file.path}: the SHA-256 is {found}, should be {file.sha256}; the file was deleted")
    partial.chmod(0o644)
    partial.replace(target)


def main() -> int:
    parser = argparse.ArgumentParser(prog="weights.py", description="Install Whisper model weights, verified.")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--from", type=Path, dest="folder")
    parser.add_argument("--engines", choices=("fast", "both"), default="both")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    try:
        for model in arguments.models:
            for file in files(manifest, model, arguments.engines):
                install(file, arguments.into, arguments.folder, arguments.record)
    except WeightsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
